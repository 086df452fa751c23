"""Talking to Paccurate over a real socket: what goes out is what was given, what comes back is believed only if whole."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from local.ports import LOOPBACK, free_port
from proxy.exchange import Answer, Exchange, Failure
from proxy.headers import Headers
from proxy.settings import ProxySettings
from proxy.upstream import open_upstream
from tests.support.rude_upstream import Behaviour, RudeUpstream, answer, chunked, hangs, resets, rude_upstream, says

pytestmark = pytest.mark.integration

HEADERS = [(b"authorization", b"apikey k"), (b"accept-encoding", b"identity"), (b"x-request-id", b"id")]
BODY = b'{"random":true}'


@pytest.fixture
async def rude() -> AsyncIterator[RudeUpstream]:
    async with rude_upstream(says(answer(200, b"{}"))) as upstream:
        yield upstream


async def forward(
    rude: RudeUpstream,
    behave: Behaviour | None = None,
    headers: Headers | None = None,
    body: bytes = BODY,
    **settings: object,
) -> Exchange:
    rude.behave = behave or rude.behave
    section = ProxySettings.model_validate({"upstream_url": rude.url, **settings})
    async with open_upstream(section) as upstream:
        return await upstream.forward(HEADERS if headers is None else headers, body)


async def test_bytes_and_headers_go_out_as_they_are_and_nothing_is_added(rude: RudeUpstream) -> None:
    await forward(
        rude,
        headers=[*HEADERS, (b"x-twice", b"1"), (b"x-twice", b"2"), (b"x-name", "grün".encode())],
        body=b"\x00\xff{",
    )

    assert rude.last.start == "POST / HTTP/1.1"
    assert rude.last.body == b"\x00\xff{"
    sent = [(name.encode(), value.encode("latin-1")) for name, value in rude.last.headers]
    added = [pair for pair in sent if pair[0].lower() in {b"host", b"content-length"}]
    assert len(added) == 2
    assert [pair for pair in sent if pair not in added] == [
        *HEADERS,
        (b"x-twice", b"1"),
        (b"x-twice", b"2"),
        (b"x-name", "grün".encode()),
    ]


async def test_no_body_is_a_body_of_length_zero(rude: RudeUpstream) -> None:
    await forward(rude, body=b"")

    assert rude.last.header("content-length") == "0"
    assert "content-type" not in rude.last.names


async def test_a_large_body_goes_out_whole_with_its_length(rude: RudeUpstream) -> None:
    body = bytes(range(256)) * 12_000
    await forward(rude, body=body)

    assert rude.last.body == body
    assert rude.last.header("content-length") == str(len(body))
    assert "transfer-encoding" not in rude.last.names


async def test_the_query_goes_out_as_it_is(rude: RudeUpstream) -> None:
    async with open_upstream(ProxySettings(upstream_url=rude.url + "base")) as upstream:
        await upstream.forward(HEADERS, BODY, b"a=%2F+&b")

    assert rude.last.start == "POST /base?a=%2F+&b HTTP/1.1"


async def test_an_answer_comes_back_as_it_is(rude: RudeUpstream) -> None:
    packed = answer(207, b"\x1f\x8b not unpacked", "Content-Encoding: gzip", "X-A: 1", "X-A: 2", "Set-Cookie: a=b")
    exchange = await forward(rude, says(packed))

    assert exchange.attempts == 1
    assert exchange.result == Answer(
        207,
        [
            (b"content-encoding", b"gzip"),
            (b"x-a", b"1"),
            (b"x-a", b"2"),
            (b"set-cookie", b"a=b"),
            (b"content-length", b"15"),
        ],
        b"\x1f\x8b not unpacked",
    )


async def test_an_answer_in_pieces_is_put_together(rude: RudeUpstream) -> None:
    result = (await forward(rude, says(chunked(b'{"a":', b"1}")))).result

    assert isinstance(result, Answer)
    assert result.body == b'{"a":1}'


async def test_an_answer_that_ends_with_the_connection_is_whole(rude: RudeUpstream) -> None:
    result = (await forward(rude, says(b"HTTP/1.1 200 OK\r\n\r\n{}", close=True))).result

    assert isinstance(result, Answer)
    assert result.body == b"{}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(rude: RudeUpstream, status: int) -> None:
    result = (await forward(rude, says(answer(status, b"", f"Location: {rude.url}elsewhere")))).result

    assert isinstance(result, Answer)
    assert result.status == status
    assert len(rude.heard) == 1


async def test_no_cookie_is_kept(rude: RudeUpstream) -> None:
    rude.behave = says(answer(200, b"{}", "Set-Cookie: session=1"))
    by_name = rude.url.replace(LOOPBACK, "localhost")  # a cookie jar keeps nothing of a bare address
    async with open_upstream(ProxySettings(upstream_url=by_name)) as upstream:
        for _ in range(2):
            await upstream.forward(HEADERS, BODY)

    assert "cookie" not in rude.last.names


async def test_a_connection_is_used_again(rude: RudeUpstream) -> None:
    async with open_upstream(ProxySettings(upstream_url=rude.url)) as upstream:
        for _ in range(3):
            await upstream.forward(HEADERS, BODY)

    assert (len(rude.heard), rude.connections) == (3, 1)


async def test_connections_are_bounded(rude: RudeUpstream) -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        await says(answer(200, b"{}"))(writer)

    rude.behave = slowly
    async with open_upstream(ProxySettings(upstream_url=rude.url, max_connections=2)) as upstream:
        await asyncio.gather(*(upstream.forward(HEADERS, BODY) for _ in range(6)))

    assert (len(rude.heard), rude.connections) == (6, 2)


@pytest.mark.parametrize(
    ("behave", "failure"),
    [
        (hangs, Failure("timed_out", "upstream took too long")),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), Failure("timed_out", "upstream took too long")),
        (resets, Failure("unreachable", "upstream closed the connection without an answer")),
        (says(close=True), Failure("unreachable", "upstream closed the connection without an answer")),
        (says(b"HTTP/1.1 200", close=True), Failure("unreachable", "upstream closed the connection without an answer")),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n", close=True), Failure("unreadable", "upstream's answer is no HTTP")),
        (says(b"\x16\x03\x01garbage\r\n\r\n", close=True), Failure("unreadable", "upstream's answer is no HTTP")),
        (
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", close=True),
            Failure("unreadable", "upstream's answer ended too early"),
        ),
        (says(chunked(b"{}")[:-5], close=True), Failure("unreadable", "upstream's answer ended too early")),
    ],
    ids=["hang", "stall", "reset", "close", "half a line", "ssh", "tls", "short", "half a chunk"],
)
async def test_an_upstream_that_misbehaves_is_asked_once(
    rude: RudeUpstream, behave: Behaviour, failure: Failure
) -> None:
    exchange = await forward(rude, behave, upstream_timeout_s=1, connect_timeout_s=1)

    assert exchange == Exchange(failure, 1)
    assert len(rude.heard) == 1


@pytest.mark.parametrize(
    "behave",
    [
        says(answer(200, b"x" * 2000)),
        says(chunked(*[b"x" * 500] * 4)),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"),
    ],
)
async def test_an_answer_beyond_the_limit_is_not_read(rude: RudeUpstream, behave: Behaviour) -> None:
    exchange = await forward(rude, behave, max_answer_bytes=1024)

    assert exchange.result == Failure("unreadable", "upstream's answer is larger than 1024 bytes", 200)


async def test_an_endless_answer_ends_at_the_limit(rude: RudeUpstream) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    exchange = await forward(rude, endless, max_answer_bytes=1 << 20)

    assert isinstance(exchange.result, Failure)
    assert exchange.result.status == 200


async def test_a_stale_connection_is_no_reason_to_send_twice(rude: RudeUpstream) -> None:
    """Upstream closes an idle connection at the moment it is used again: it may have read the second pack."""
    async with open_upstream(ProxySettings(upstream_url=rude.url)) as upstream:
        await upstream.forward(HEADERS, BODY)
        rude.behave = resets
        exchange = await upstream.forward(HEADERS, BODY)

    assert exchange == Exchange(Failure("unreachable", "upstream closed the connection without an answer"), 1)
    assert len(rude.heard) == 2


async def test_a_refused_connection_is_tried_three_times() -> None:
    settings = ProxySettings(upstream_url=f"http://{LOOPBACK}:{free_port()}/")
    async with open_upstream(settings) as upstream:
        exchange = await upstream.forward(HEADERS, BODY)

    assert exchange == Exchange(Failure("unreachable", "upstream cannot be reached (connection refused)"), 3)


async def test_an_upstream_that_comes_back_between_attempts_gets_the_pack_once() -> None:
    port = free_port()
    async with open_upstream(ProxySettings(upstream_url=f"http://{LOOPBACK}:{port}/")) as upstream:
        pending = asyncio.ensure_future(upstream.forward(HEADERS, BODY))
        heard = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal heard
            await reader.readuntil(b"\r\n\r\n")
            heard += 1
            writer.write(answer(200, b"{}", "Connection: close"))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, LOOPBACK, port)
        async with server:
            exchange = await pending

    # Whether the first attempt or a later one met it is a matter of moments; that it was met once is not.
    assert isinstance(exchange.result, Answer)
    assert heard == 1


async def test_a_name_that_nobody_knows_is_unreachable() -> None:
    async with open_upstream(ProxySettings(upstream_url="http://no-such-host.invalid/")) as upstream:
        exchange = await upstream.forward(HEADERS, BODY)

    assert exchange == Exchange(Failure("unreachable", "upstream cannot be reached (its name is not known)"), 1)


async def test_an_upstream_that_speaks_no_tls_is_unreachable() -> None:
    async def speak_plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(400))
        writer.close()

    server = await asyncio.start_server(speak_plainly, LOOPBACK, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with open_upstream(ProxySettings(upstream_url=f"https://{LOOPBACK}:{port}/")) as upstream:
            exchange = await upstream.forward(HEADERS, BODY)

    assert exchange == Exchange(Failure("unreachable", "upstream cannot be reached (no trusted TLS connection)"), 1)


async def test_an_upstream_that_never_accepts_takes_too_long() -> None:
    """A listener whose queue is full: connecting hangs."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        settings = ProxySettings(upstream_url=f"http://{LOOPBACK}:{address[1]}/", connect_timeout_s=0.3)
        async with open_upstream(settings) as upstream:
            exchange = await upstream.forward(HEADERS, BODY)
        for filler in fillers:
            filler.close()

    assert exchange == Exchange(Failure("timed_out", "upstream did not accept the connection in time"), 1)


async def test_a_header_that_cannot_be_sent_is_not_sent(rude: RudeUpstream) -> None:
    exchange = await forward(rude, headers=[(b"x-odd", b"a\r\nb: c")])

    assert exchange == Exchange(Failure("unreachable", "the request cannot be sent upstream"), 1)
    assert rude.heard == []
