"""The headers that are always there, and the one that is a promise."""

import re

import pytest

from tests.support import web
from tests.support.facility import BYTES, Facility
from tests.support.upstream import RecordingUpstream

TIMING = re.compile(r"upstream;dur=(\d+(?:\.\d+)?), proxy;dur=(\d+(?:\.\d+)?)")
EVENT_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.[0-5]\.[1-9]\d*")

# (target, body, how the sandbox answers, whether the reply promises to be counted)
REPLIES = {
    "packed": ("/", BYTES, "ok", True),
    "passed": ("/pack", BYTES, "ok", True),
    "refused": ("/", BYTES, "status=429", True),
    "failed": ("/pack", BYTES, "status=500", True),
    "unreadable": ("/", BYTES, "garbage", True),
    "garbage passed": ("/pack", BYTES, "garbage", True),
    "redirect passed": ("/pack", BYTES, "redirect", True),
    "not answered": ("/", BYTES, "drop", True),
    "malformed": ("/", b"{", "ok", False),
    "nothing to pack": ("/?view=both", b"{}", "ok", False),
    "no such view": ("/?view=x", BYTES, "ok", False),
    "too large": ("/pack", b" " * ((8 << 20) + 1), "ok", False),
}


@pytest.mark.parametrize(("target", "body", "sandbox", "counted"), REPLIES.values(), ids=REPLIES)
def test_every_reply_has_its_headers(facility: Facility, target: str, body: bytes, sandbox: str, counted: bool) -> None:
    reply = facility.pack(target, body, {"X-Request-ID": "mine"}, sandbox=sandbox)
    assert TIMING.fullmatch(reply.headers["server-timing"])
    assert reply.headers["x-request-id"] == "mine"
    assert ("x-event-id" in reply.headers) is counted
    if counted:
        assert EVENT_ID.fullmatch(reply.headers["x-event-id"])


def test_server_timing_is_in_milliseconds(facility: Facility) -> None:
    reply = facility.pack(sandbox="delay=200")
    found = TIMING.fullmatch(reply.headers["server-timing"])
    assert found
    upstream_ms, proxy_ms = map(float, found.groups())
    assert upstream_ms >= 200
    assert upstream_ms == pytest.approx(reply.json["latency"] / 1e6, abs=0.01)
    assert proxy_ms > 0


def test_server_timing_of_what_was_not_sent_has_no_upstream(facility: Facility) -> None:
    found = TIMING.fullmatch(facility.pack("/", b"{").headers["server-timing"])
    assert found
    assert float(found[1]) == 0


@pytest.mark.parametrize("given", ["a", "request 17/b", "x" * 128, "~!@#$%^&*()"])
def test_request_id_is_taken_over(passing: Facility, double: RecordingUpstream, given: str) -> None:
    reply = passing.pack("/", headers={"X-Request-ID": given})
    assert reply.headers["x-request-id"] == double.last.header("X-Request-ID") == given


@pytest.mark.parametrize("given", ["", "x" * 129, "tab\there", "gr\xf6\xdfer"])
def test_request_id_that_cannot_be_taken_over_is_replaced(
    passing: Facility, double: RecordingUpstream, given: str
) -> None:
    reply = passing.pack("/", headers={"X-Request-ID": given})
    assert_minted(reply, double)
    assert reply.headers["x-request-id"] != given


def test_request_id_is_minted_anew_each_time(passing: Facility, double: RecordingUpstream) -> None:
    replies = [passing.pack(), passing.pack()]
    assert_minted(replies[-1], double)
    assert replies[0].headers["x-request-id"] != replies[1].headers["x-request-id"]


def assert_minted(reply: web.Reply, double: RecordingUpstream) -> None:
    minted = reply.headers["x-request-id"]
    assert re.fullmatch(r"[\x21-\x7e]{16,128}", minted)
    assert [value for name, value in double.last.headers if name.lower() == "x-request-id"] == [minted]
