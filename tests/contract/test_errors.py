"""Each row of the error table, in each view: status, body, whether upstream was called, and what is counted."""

import json

import pytest

from tests.support.facility import BODY, BYTES, NOTHING, ONE_PACK, ONE_UNUSABLE, Facility, refused
from tests.support.pipeline import Pipeline
from tests.support.services import Services
from tests.support.upstream import Canned, RecordingUpstream
from tests.support.web import Reply

COUNTED_VIEWS = ["stats", "both"]
LIMIT = 8 << 20


def stats_of(reply: Reply, view: str) -> dict[str, object]:
    found: dict[str, object] = reply.json["stats"] if view == "both" else reply.json
    return found


@pytest.mark.parametrize("view", COUNTED_VIEWS)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"null", b'{"itemSets":[}', b"\xff\xfe{}"])
def test_no_json_object_is_malformed(passing: Facility, double: RecordingUpstream, body: bytes, view: str) -> None:
    reply = passing.pack(f"/?view={view}", body)
    assert (reply.status, reply.json) == (400, {"Message": "malformed request"})
    assert "x-event-id" not in reply.headers
    assert not double.asked


@pytest.mark.parametrize("view", COUNTED_VIEWS)
@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"itemSets": []}, "itemSets"),
        ({"itemSets": None}, "itemSets"),
        ({"itemSets": [], "boxes": [], "random": False}, "itemSets"),
        ({"itemSets": {}}, "itemSets"),
        ({"itemSets": "three"}, "itemSets"),
        ({"boxes": 1}, "boxes"),
        ({"random": "yes"}, "random"),
        ({"random": 1}, "random"),
    ],
)
def test_nothing_to_pack_is_a_422_that_says_where(
    passing: Facility, double: RecordingUpstream, change: dict[str, object], where: str, view: str
) -> None:
    reply = passing.pack(f"/?view={view}", json.dumps({**BODY, **change}).encode())
    assert reply.status == 422
    assert set(reply.json) == {"Message"}
    assert where in reply.json["Message"]
    assert "x-event-id" not in reply.headers
    assert not double.asked


@pytest.mark.parametrize("body", [{"random": True}, {"boxes": [{"box": {}}]}, {"itemSets": [{}]}])
def test_something_to_pack_goes_upstream(passing: Facility, double: RecordingUpstream, body: dict[str, object]) -> None:
    assert passing.pack("/", json.dumps(body).encode()).status == 200
    assert len(double.asked) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"itemSets":"three"}'])
def test_view_pack_leaves_the_judgement_to_upstream(passing: Facility, double: RecordingUpstream, body: bytes) -> None:
    double.answer = Canned(400, b'{"code":400,"message":"EOF"}')
    reply = passing.pack("/pack", body)
    assert (reply.status, reply.body) == (400, b'{"code":400,"message":"EOF"}')
    assert double.last.body == body
    assert "x-event-id" in reply.headers


@pytest.mark.parametrize("view", [*COUNTED_VIEWS, "pack"])
def test_too_large_is_a_413(passing: Facility, double: RecordingUpstream, view: str) -> None:
    reply = passing.pack(f"/?view={view}", b" " * (LIMIT + 1))
    assert reply.status == 413
    message = reply.json["Message"]
    assert str(LIMIT) in message
    assert reply.json == (
        {"code": 413, "message": message, "Message": message} if view == "pack" else {"Message": message}
    )
    assert "x-event-id" not in reply.headers
    assert not double.asked


def test_as_large_as_the_limit_is_taken(passing: Facility, double: RecordingUpstream) -> None:
    body = BYTES + b" " * (LIMIT - len(BYTES))
    assert passing.pack("/", body).status == 200
    assert double.last.body == body


@pytest.mark.parametrize("view", COUNTED_VIEWS)
@pytest.mark.parametrize("status", [400, 401, 422, 429, 500, 599])
def test_upstreams_error_is_the_replys_error(facility: Facility, status: int, view: str) -> None:
    facility.pack()  # so that the keystem is known also where the answer does not say it
    reply = facility.pack(f"/?view={view}", sandbox=f"status={status}; message=because; details=of this")
    stats = stats_of(reply, view)
    assert reply.status == status
    assert (stats["errorResponse"], stats["requestError"]) == (True, False)
    assert stats["statusCode"] == str(status)
    assert stats["Message"] == "because: of this"
    assert stats["totalItems"] is None
    assert "x-event-id" in reply.headers
    assert facility.settled() - ONE_PACK == refused(status)


def test_upstreams_error_without_a_body_has_a_message(passing: Facility, double: RecordingUpstream) -> None:
    double.answer = Canned(502, b"<html>Bad Gateway</html>", (("Content-Type", "text/html"),))
    reply = passing.pack()
    assert (reply.status, reply.json["errorResponse"]) == (502, True)
    assert "502" in reply.json["Message"]


UNUSABLE = ["garbage", "empty", "bytes", "nan", "deep", "not-json-object", "no-boxes", "half", "twice", "status=204"]


@pytest.mark.parametrize("view", COUNTED_VIEWS)
@pytest.mark.parametrize("directive", [*UNUSABLE, "redirect", "status=304", "not-http", "cut"])
def test_no_usable_answer_is_a_502(facility: Facility, directive: str, view: str) -> None:
    reply = facility.pack(f"/?view={view}", sandbox=directive)
    assert_request_error(reply, view, 502)


@pytest.mark.parametrize("view", COUNTED_VIEWS)
@pytest.mark.parametrize("directive", ["drop", "reset"])
def test_broken_connection_is_a_502(facility: Facility, directive: str, view: str) -> None:
    assert_request_error(facility.pack(f"/?view={view}", sandbox=directive), view, 502)


def test_too_slow_is_a_504(facility: Facility) -> None:
    assert_request_error(facility.pack(sandbox="hang"), "stats", 504)
    assert facility.settled() == ONE_UNUSABLE


@pytest.mark.parametrize(("directive", "status"), [("drop", 502), ("cut", 502), ("not-http", 502), ("hang", 504)])
def test_own_errors_have_paccurates_shape_in_view_pack(facility: Facility, directive: str, status: int) -> None:
    reply = facility.pack("/pack", sandbox=directive)
    assert reply.status == status
    message = reply.json["Message"]
    assert reply.json == {"code": status, "message": message, "Message": message}
    assert "x-event-id" in reply.headers
    assert facility.settled() == ONE_UNUSABLE


def test_unreachable_upstream_is_a_502_and_counted(pipeline: Pipeline, services: Services) -> None:
    nowhere = "http://127.0.0.1:1"
    facility = Facility(services.proxy(pipeline.workspace, nowhere).url)
    assert_request_error(facility.pack(), "stats", 502)
    assert facility.pack("/pack").json["code"] == 502
    # Sent through the other proxy: both count into the same totals.
    assert Facility(pipeline.proxy.url, facility.key).shown(2)["requestErrorCount"] == 2


def assert_request_error(reply: Reply, view: str, status: int) -> None:
    stats = stats_of(reply, view)
    assert reply.status == status
    assert (stats["errorResponse"], stats["requestError"]) == (False, True)
    assert stats["statusCode"] == "0"
    assert stats["Message"]
    assert (stats["totalItems"], stats["totalVolume"], stats["boxTypes"]) == (None, None, {})
    assert "x-event-id" in reply.headers


def test_refused_requests_are_not_counted(facility: Facility) -> None:
    for target, body in (("/", b"{"), ("/", b"{}"), ("/?view=no", BYTES), ("/pack", b" " * (LIMIT + 1))):
        assert "x-event-id" not in facility.pack(target, body).headers
    assert facility.settled() == NOTHING
