"""What goes through the proxy and what does not, in both directions."""

from collections.abc import Iterable

import pytest

from proxy import headers
from proxy.headers import Headers

ID = "the-request-id"


def sent(*given: tuple[bytes, bytes]) -> Headers:
    return headers.to_upstream(list(given), ID)


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"keep-alive",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"host",
        b"content-length",
        b"cookie",
        b"expect",
    ],
)
def test_what_is_of_the_connection_does_not_go_upstream(name: bytes) -> None:
    assert sent((name, b"x"), (b"accept-encoding", b"gzip")) == [
        (b"accept-encoding", b"gzip"),
        (b"x-request-id", ID.encode()),
    ]


def test_what_the_connection_header_names_does_not_go_upstream() -> None:
    got = sent((b"connection", b"X-One, close"), (b"x-one", b"1"), (b"connection", b"x-two"), (b"x-two", b"2"))

    assert got == [(b"accept-encoding", b"identity"), (b"x-request-id", ID.encode())]


def test_everything_else_goes_upstream_as_it_came_and_in_its_order() -> None:
    got = sent(
        (b"authorization", b"apikey k"),
        (b"content-type", b"text/plain"),
        (b"x-a", b"1"),
        (b"x-a", b"2"),
        (b"accept-encoding", b"br;q=1.0, gzip"),
    )

    assert got[:-1] == [
        (b"authorization", b"apikey k"),
        (b"content-type", b"text/plain"),
        (b"x-a", b"1"),
        (b"x-a", b"2"),
        (b"accept-encoding", b"br;q=1.0, gzip"),
    ]


def test_no_content_type_is_made_up() -> None:
    assert sent() == [(b"accept-encoding", b"identity"), (b"x-request-id", ID.encode())]


def test_an_accept_encoding_of_the_connection_is_replaced() -> None:
    got = sent((b"connection", b"accept-encoding"), (b"accept-encoding", b"gzip"))

    assert got == [(b"accept-encoding", b"identity"), (b"x-request-id", ID.encode())]


def test_the_request_id_goes_upstream_once() -> None:
    got = sent((b"x-request-id", b"one"), (b"x-request-id", b"two"))

    assert got == [(b"accept-encoding", b"identity"), (b"x-request-id", ID.encode())]


def test_values_keep_their_bytes() -> None:
    assert (b"x-name", "grün".encode()) in sent((b"x-name", "grün".encode()))
    assert (b"x-name", b"gr\xfcn") in sent((b"x-name", b"gr\xfcn"))


@pytest.mark.parametrize(
    ("given", "taken"),
    [(b"abc-123", "abc-123"), (b" spaced inside ", "spaced inside"), (b"x" * 128, "x" * 128)],
)
def test_a_printable_request_id_is_taken_over(given: bytes, taken: str) -> None:
    assert headers.request_id([(b"x-request-id", given)]) == taken


@pytest.mark.parametrize("given", [b"", b"  ", b"x" * 129, b"a\tb", "ü".encode(), b"a\x7f"])
def test_any_other_request_id_is_replaced(given: bytes) -> None:
    minted = headers.request_id([(b"x-request-id", given)])

    assert len(minted) == 32
    assert minted != headers.request_id([])


def returned(*given: tuple[bytes, bytes]) -> Headers:
    return headers.to_caller(lowered(given))


def lowered(given: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name.lower(), value) for name, value in given]


@pytest.mark.parametrize(
    "name",
    [b"Connection", b"Keep-Alive", b"Transfer-Encoding", b"Upgrade", b"Set-Cookie", b"Content-Length", b"X-Request-ID"],
)
def test_what_is_of_the_connection_does_not_come_back(name: bytes) -> None:
    assert returned((name, b"x")) == []


def test_an_event_id_of_somebody_else_does_not_come_back() -> None:
    assert returned((b"X-Event-ID", b"not-ours")) == []


def test_what_upstreams_connection_header_names_does_not_come_back() -> None:
    assert returned((b"Connection", b"x-hop"), (b"X-Hop", b"1"), (b"X-End", b"2")) == [(b"x-end", b"2")]


def test_the_rest_comes_back() -> None:
    given = (
        (b"Content-Type", b"application/json"),
        (b"Content-Encoding", b"gzip"),
        (b"Retry-After", b"5"),
        (b"Date", b"Tue, 24 Nov 2026 00:00:00 GMT"),
        (b"Vary", b"a"),
        (b"Vary", b"b"),
    )

    assert returned(*given) == lowered(given)


@pytest.mark.parametrize("bad", [(b"a b", b"x"), (b"", b"x"), (b"x", b"a\x00"), (b"x", b"a\x1b"), (b"x", b"a\r\nb: c")])
def test_what_no_server_can_send_is_left_out(bad: tuple[bytes, bytes]) -> None:
    assert returned(bad) == []


def test_readers_of_one_header() -> None:
    given: Headers = [(b"a", b"1"), (b"a", b"2"), (b"authorization", b" apikey \xfc ")]

    assert headers.get(given, b"a") == b"1"
    assert headers.get(given, b"b") is None
    assert headers.joined(given, b"a") == "1,2"
    assert headers.joined(given, b"b") == ""
    assert headers.authorization(given) == "apikey \xfc"
    assert headers.authorization([]) is None
