"""A Paccurate client works unchanged: what goes upstream and what comes back is the same, byte for byte."""

import gzip
import zlib

import pytest

from tests.support import web
from tests.support.facility import BYTES, ONE_PACK, Facility
from tests.support.upstream import JSON, PACKED, Canned, RecordingUpstream

ERRORS = {
    400: b'{"code":400,"message":"EOF"}',
    401: b'{"code":401,"message":"invalid API key"}',
    422: b'{"code":422,"details":"itemSets[0].quantity: must be > 0","message":"invalid \\u003cinput\\u003e"}',
    429: b'{"code":429,"message":"rate limited"}',
    500: b'{ "code" : 500 , "message" : "unexpected error" }\n',
}
ANSWERS = {200: PACKED, **{status: Canned(status, body) for status, body in ERRORS.items()}}
TYPES = {
    "json": {"Content-Type": "application/json"},
    "text": {"Content-Type": "text/plain;charset=UTF-8"},
    "form": {"Content-Type": "application/x-www-form-urlencoded"},
    "none": {},
}
OUR_OWN = {"server-timing", "x-request-id", "x-event-id", "connection", "keep-alive", "date", "server"}
PATHS = ["/?view=pack", "/pack"]


@pytest.mark.parametrize("target", PATHS)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("status", ANSWERS)
def test_answer_is_the_same_as_upstreams(
    passing: Facility, double: RecordingUpstream, status: int, kind: str, target: str
) -> None:
    double.answer = ANSWERS[status]
    direct = web.request("POST", f"{double.url}/", BYTES, passing.headers | TYPES[kind])
    through = passing.pack(target, headers=TYPES[kind])
    assert (through.status, through.body) == (direct.status, direct.body)
    assert "x-event-id" in through.headers
    own = {name: value for name, value in through.headers.items() if name not in OUR_OWN}
    assert own == {name: value for name, value in direct.headers.items() if name not in OUR_OWN}
    first, second = double.asked
    assert (first.method, first.body) == (second.method, second.body) == ("POST", BYTES)
    assert second.header("Content-Type") == first.header("Content-Type") == TYPES[kind].get("Content-Type")
    assert second.header("Authorization") == first.header("Authorization")


@pytest.mark.parametrize(
    "body",
    [
        b'{"itemSets" : [ {"quantity":1.0e0} ],\n\t"boxTypes":[]}',
        b'\xef\xbb\xbf{"itemSets":[{}]}',
        b'{"itemSets":[{"name":"\\u00e4 \xc3\xa4 \\/"}],"itemSets":[{}]}',
        b"not json at all \x00\xff\xfe",
        b"",
        BYTES + b"\r\n",
    ],
)
def test_body_goes_upstream_byte_for_byte(passing: Facility, double: RecordingUpstream, body: bytes) -> None:
    passing.pack("/pack", body)
    assert double.last.body == body


def test_body_of_a_counted_view_goes_upstream_byte_for_byte(passing: Facility, double: RecordingUpstream) -> None:
    body = BYTES.replace(b", ", b" ,\n ").replace(b'"request-1"', b'"\\u0072equest-1"')
    assert passing.pack("/?view=stats", body).status == 200
    assert double.last.body == body


def test_chunked_body_goes_upstream_whole(passing: Facility, double: RecordingUpstream) -> None:
    half = len(BYTES) // 2
    chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (half, BYTES[:half], len(BYTES) - half, BYTES[half:])
    reply = passing.pack("/pack", chunks, {"Transfer-Encoding": "chunked"})
    assert reply.status == 200
    assert double.last.body == BYTES
    assert "transfer-encoding" not in double.last.names


def test_query_of_the_caller_goes_upstream_without_the_view(passing: Facility, double: RecordingUpstream) -> None:
    passing.pack("/?a=1&view=pack&b=%2F%20")
    assert double.last.target == "/?a=1&b=%2F%20"


def test_headers_go_upstream_but_not_those_of_the_connection(passing: Facility, double: RecordingUpstream) -> None:
    sent = {
        "Accept": "application/json, text/plain, */*",
        "Connection": "keep-alive, X-Of-This-Hop",
        "Cookie": "session=1",
        "Keep-Alive": "timeout=5",
        "Proxy-Authorization": "Basic eA==",
        "TE": "trailers",
        "User-Agent": "some-client/1.0",
        "X-Of-This-Hop": "1",
        "X-Custom": "kept",
    }
    assert passing.pack("/pack", headers=sent).status == 200
    asked = double.last
    for name in ("Accept", "User-Agent", "X-Custom", "Authorization"):
        assert asked.header(name) == (sent | passing.headers)[name]
    assert not asked.names & {"cookie", "keep-alive", "proxy-authorization", "te", "x-of-this-hop", "upgrade"}
    assert asked.header("Connection") in {None, "keep-alive"}
    assert asked.header("Host") == double.url.removeprefix("http://")
    assert asked.header("Content-Length") == str(len(BYTES))


def test_nothing_is_added_that_a_bare_client_does_not_send(passing: Facility, double: RecordingUpstream) -> None:
    passing.pack("/pack")
    own = {"host", "content-length", "accept-encoding", "authorization", "x-request-id"}
    assert double.last.names - {"connection"} == own


@pytest.mark.parametrize("coding", ["gzip, deflate, br", "identity", "*;q=0", "gzip;q=0.5"])
def test_accept_encoding_is_the_callers(passing: Facility, double: RecordingUpstream, coding: str) -> None:
    passing.pack("/pack", headers={"Accept-Encoding": coding})
    assert double.last.header("Accept-Encoding") == coding


def test_accept_encoding_is_identity_where_the_caller_says_nothing(
    passing: Facility, double: RecordingUpstream
) -> None:
    # http.client adds one of its own unless it is told not to, so this request is written by hand.
    reply = web.raw(passing.proxy, b"POST /pack HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
    assert reply.startswith(b"HTTP/1.1 200")
    assert double.last.header("Accept-Encoding") == "identity"


def test_answer_headers_come_back_but_not_those_of_the_connection(passing: Facility, double: RecordingUpstream) -> None:
    double.answer = Canned(
        200,
        PACKED.body,
        (
            ("Content-Type", "application/json; charset=utf-8"),
            ("Cache-Control", "no-store"),
            ("Connection", "X-Of-This-Hop"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authenticate", "Basic"),
            ("Set-Cookie", "session=1"),
            ("Trailer", "X-Sum"),
            ("X-Event-ID", "somebody-elses"),
            ("X-Of-This-Hop", "1"),
            ("X-RateLimit-Remaining", "7"),
        ),
    )
    reply = passing.pack("/pack")
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-ratelimit-remaining"] == "7"
    assert not {"set-cookie", "proxy-authenticate", "trailer", "x-of-this-hop"} & reply.headers.keys()
    assert reply.headers["x-event-id"] != "somebody-elses"
    received = web.raw(passing.proxy, b"POST /pack HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
    assert received.lower().count(b"\r\nx-event-id: ") == 1


@pytest.mark.parametrize("target", [*PATHS, "/?view=stats", "/?view=both"])
def test_retry_after_is_kept(passing: Facility, double: RecordingUpstream, target: str) -> None:
    double.answer = Canned(429, ERRORS[429], (JSON, ("Retry-After", "17")))
    assert passing.pack(target).headers["retry-after"] == "17"


@pytest.mark.parametrize(
    ("coding", "pressed"), [("gzip", gzip.compress(PACKED.body)), ("deflate", zlib.compress(PACKED.body))]
)
def test_compressed_answer_comes_back_as_it_is_and_is_counted(
    passing: Facility, double: RecordingUpstream, coding: str, pressed: bytes
) -> None:
    double.answer = Canned(200, pressed, (JSON, ("Content-Encoding", coding)))
    reply = passing.pack("/pack", headers={"Accept-Encoding": coding})
    assert (reply.body, reply.headers["content-encoding"]) == (pressed, coding)
    stats = passing.pack("/?view=both").json
    assert stats["stats"]["totalVolume"] == stats["pack"]["totalVolume"] == 240
    shown = passing.shown(2)
    assert (shown["totalPacks"], shown["totalVolume"]) == (2, 480)


@pytest.mark.parametrize("target", PATHS)
def test_redirect_is_passed_on_and_not_followed(passing: Facility, double: RecordingUpstream, target: str) -> None:
    double.answer = Canned(302, b"moved", (("Location", f"{double.url}/elsewhere"), ("Content-Type", "text/plain")))
    reply = passing.pack(target)
    assert (reply.status, reply.body) == (302, b"moved")
    assert reply.headers["location"] == f"{double.url}/elsewhere"
    assert len(double.asked) == 1
    assert "x-event-id" in reply.headers


@pytest.mark.parametrize("target", PATHS)
@pytest.mark.parametrize("body", [b"<html>gateway</html>", b"", b"[]", b'{"title":"Default"}', b"\xff\xfe"])
def test_garbage_with_status_200_is_passed_on(
    passing: Facility, double: RecordingUpstream, body: bytes, target: str
) -> None:
    double.answer = Canned(200, body, (("Content-Type", "text/html"),))
    reply = passing.pack(target)
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, body, "text/html")
    assert "x-event-id" in reply.headers


def test_large_answer_comes_back_whole(facility: Facility) -> None:
    reply = facility.pack("/pack", sandbox="pad=5000000")
    assert reply.json["padding"] == "x" * 5_000_000
    assert facility.settled() == ONE_PACK
