"""What was sent upstream is counted exactly once, whatever became of it and whoever waited for the reply."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from common.events import PackEvent, decode
from tests.support import web
from tests.support.facility import BYTES, NOTHING, ONE_PACK, ONE_UNUSABLE, Counts, Facility, refused
from tests.support.ledger import distinct
from tests.support.pipeline import Pipeline

OUTCOMES = {
    "ok": ("packed", ONE_PACK),
    "status=422": ("refused", refused(422)),
    "status=500": ("failed", refused(500)),
    "garbage": ("unreadable", ONE_UNUSABLE),
    "drop": ("unreachable", ONE_UNUSABLE),
    "hang": ("timed_out", ONE_UNUSABLE),
}
LONGEST_ANSWER_S = 3.5  # the pipeline's proxies give upstream up after 3 s
SUMS = ("totalRequests", "totalPacks", "totalItems", "errorCount", "requestErrorCount")


def sums(shown: dict[str, Any]) -> list[int]:
    return [shown[name] for name in SUMS]


def everything(pipeline: Pipeline) -> list[int]:
    pipeline.settle()
    return sums(web.get(f"{pipeline.proxy.url}/api/keydata/all").json)


def undisturbed(pipeline: Pipeline) -> list[int]:
    """The totals of all once nothing of an earlier test is on its way: callers that hung up leave packs behind them."""
    found = everything(pipeline)
    while True:
        time.sleep(LONGEST_ANSWER_S)
        later = everything(pipeline)
        if later == found:
            return found
        found = later


@pytest.mark.parametrize("directive", OUTCOMES)
def test_each_outcome_is_counted_once(facility: Facility, directive: str) -> None:
    assert "x-event-id" in facility.pack(sandbox=directive).headers
    assert facility.settled() == OUTCOMES[directive][1]


@pytest.mark.parametrize("view", ["stats", "pack", "both"])
def test_each_view_is_counted_once(facility: Facility, view: str) -> None:
    assert "x-event-id" in facility.pack(f"/?view={view}").headers
    assert facility.settled() == ONE_PACK


def test_every_outcome_is_one_event_and_adds_the_same_to_one_to_its_hours_and_to_all(
    pipeline: Pipeline, facility: Facility
) -> None:
    before = undisturbed(pipeline)
    with ThreadPoolExecutor(len(OUTCOMES)) as callers:
        replies = dict(zip(OUTCOMES, callers.map(lambda how: facility.pack(sandbox=how), OUTCOMES), strict=True))
    grown = [now - then for now, then in zip(everything(pipeline), before, strict=True)]
    found = facility.keydata()
    assert found is not None
    assert grown == sums(found) == [6, 1, 3, 2, 3]
    hours = web.get(f"{pipeline.proxy.url}/api/keydata/{facility.keystem}/hours").json["hours"]
    assert [sum(hour[name] for hour in hours) for name in SUMS] == grown

    events = distinct(decode(value) for value in pipeline.values() if facility.keystem.encode() in value)
    assert events.keys() == {reply.headers["x-event-id"] for reply in replies.values()}
    for directive, reply in replies.items():
        event = events[reply.headers["x-event-id"]]
        assert isinstance(event, PackEvent)
        assert (event.outcome, event.request_id) == (OUTCOMES[directive][0], reply.headers["x-request-id"])


def test_same_request_twice_is_two_packs(facility: Facility) -> None:
    first, second = (facility.pack(headers={"X-Request-ID": "the same"}) for _ in range(2))
    assert first.headers["x-event-id"] != second.headers["x-event-id"]
    assert facility.settled() == Counts(requests=2, packs=2, items=6, statuses={"200": 2})


@contextmanager
def half_open(facility: Facility, *, body: bytes, length: int, sandbox: str) -> Iterator[socket.socket]:
    """A connection on which a request was sent, with so much of its body."""
    parts = urlsplit(facility.proxy)
    head = f"POST / HTTP/1.1\r\nHost: proxy\r\nContent-Length: {length}\r\nX-Sandbox: {sandbox}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in facility.headers.items())
    with socket.create_connection((parts.hostname or "", parts.port or 0), 20) as connection:
        connection.sendall(head.encode() + b"\r\n" + body)
        yield connection


@pytest.mark.parametrize("directive", ["delay=300", "delay=300; status=500"])
def test_caller_that_hangs_up_is_counted(facility: Facility, directive: str) -> None:
    with half_open(facility, body=BYTES, length=len(BYTES), sandbox=directive):
        pass
    facility.shown(1)
    assert facility.settled().requests == 1


def test_caller_that_hangs_up_before_the_end_of_its_body_has_sent_nothing(facility: Facility) -> None:
    with half_open(facility, body=BYTES, length=len(BYTES) + 1, sandbox="ok"):
        pass
    assert facility.settled() == NOTHING


def test_requests_on_one_connection_are_counted_each(facility: Facility) -> None:
    head = f"POST / HTTP/1.1\r\nHost: proxy\r\nContent-Length: {len(BYTES)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in facility.headers.items())
    request = head.encode() + b"\r\n" + BYTES
    received = web.raw(facility.proxy, request * 3)
    assert received.count(b"HTTP/1.1 200") == received.lower().count(b"x-event-id: ") == 3
    assert facility.settled().requests == 3
