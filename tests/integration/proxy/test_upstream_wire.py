"""An upstream that is slow, half closed, too large or rude on the wire: one answer or one failure, and no mix-up after it."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local.ports import LOOPBACK, free_port
from proxy import dialer as proxy_dialer
from proxy.exchange import Answer, Exchange, Failure
from proxy.settings import ProxySettings
from proxy.upstream import Upstream, open_upstream
from tests.support.rude_upstream import Behaviour, RudeUpstream, answer, chunked, hangs, listening, rude_upstream, says

pytestmark = pytest.mark.integration

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b'{"random":true}'
CLOSED = Failure("unreachable", "upstream closed the connection without an answer")
NO_HTTP = Failure("unreadable", "upstream's answer is no HTTP")
TOO_SLOW = Failure("timed_out", "upstream took too long")


@pytest.fixture
async def rude() -> AsyncIterator[RudeUpstream]:
    async with rude_upstream(says(answer(200, b"{}"))) as upstream:
        yield upstream


@asynccontextmanager
async def opened(rude: RudeUpstream, **settings: object) -> AsyncIterator[Upstream]:
    section = ProxySettings.model_validate({"upstream_url": rude.url, **settings})
    async with open_upstream(section) as upstream:
        yield upstream


async def ask(rude: RudeUpstream, behave: Behaviour, **settings: object) -> Answer | Failure:
    rude.behave = behave
    async with opened(rude, **settings) as upstream:
        return (await upstream.forward([], BODY)).result


def body_of(result: Answer | Failure) -> bytes:
    assert isinstance(result, Answer), result
    return result.body


# --- what an answer may look like


@pytest.mark.parametrize(
    "before",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3,
        b"HTTP/1.1 102 Processing\r\nContent-Type: text/plain\r\n\r\n",
    ],
)
async def test_what_is_said_before_the_answer_is_passed_over(rude: RudeUpstream, before: bytes) -> None:
    result = await ask(rude, says(before, answer(201, b"{}", "X-A: 1")))

    assert result == Answer(201, [(b"x-a", b"1"), (b"content-length", b"2")], b"{}")


async def test_an_upgrade_that_nobody_asked_for_is_an_answer_without_a_pack(rude: RudeUpstream) -> None:
    rude.behave = says(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nanything")
    async with opened(rude) as upstream:
        first = (await upstream.forward([], BODY)).result
        rude.behave = says(answer(200, b"{}"))
        second = (await upstream.forward([], BODY)).result

    assert isinstance(first, Answer)
    assert (first.status, first.body) == (101, b"")
    assert (body_of(second), rude.connections) == (b"{}", 2)


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_does_not_wait_for_one(rude: RudeUpstream, status: int) -> None:
    result = await ask(rude, says(b"HTTP/1.1 %d X\r\nContent-Type: text/plain\r\n\r\n" % status))

    assert result == Answer(status, [(b"content-type", b"text/plain")], b"")


async def test_trailers_and_chunk_extensions_are_no_headers(rude: RudeUpstream) -> None:
    raw = OK + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n"
    result = await ask(rude, says(raw))

    assert result == Answer(200, [(b"transfer-encoding", b"chunked")], b"{}")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_body_without_length_ends_with_the_connection(rude: RudeUpstream, version: bytes) -> None:
    async def half_closes(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/%b 200 OK\r\n\r\n{" % version)
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(b"}")
        writer.write_eof()  # its other half stays open
        await hangs(writer)

    assert body_of(await ask(rude, half_closes, upstream_timeout_s=20, connect_timeout_s=5)) == b"{}"


async def test_an_old_upstream_may_keep_the_connection_if_it_says_so(rude: RudeUpstream) -> None:
    rude.behave = says(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}")
    async with opened(rude) as upstream:
        for _ in range(2):
            body_of((await upstream.forward([], BODY)).result)
        rude.behave = says(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        for _ in range(3):
            body_of((await upstream.forward([], BODY)).result)

    assert rude.connections == 3


async def test_an_answer_byte_by_byte_is_read_whole(rude: RudeUpstream) -> None:
    raw = b"HTTP/1.1 103 Hints\r\nA: b\r\n\r\n" + chunked(b'{"a":', b"1}")
    rude.behave = says(*(raw[at : at + 1] for at in range(len(raw))))
    async with opened(rude) as upstream:
        bodies = [body_of((await upstream.forward([], BODY)).result) for _ in range(2)]

    assert (bodies, rude.connections) == ([b'{"a":1}'] * 2, 1)


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", OK + b"X: \xff\x01\r\nContent-Length: 2\r\n\r\n{}"]
)
async def test_what_usual_clients_forgive_is_forgiven(rude: RudeUpstream, raw: bytes) -> None:
    assert body_of(await ask(rude, says(raw))) == b"{}"


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        OK + b"Content-Length: 99999999999999999999999999\r\n\r\n{}",
        OK + b"Content-Length: -2\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
    ],
)
async def test_an_answer_that_can_be_read_in_two_ways_is_none(rude: RudeUpstream, raw: bytes) -> None:
    assert await ask(rude, says(raw, close=True)) == NO_HTTP


# --- what is too much


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"X: " + b"x" * 1_000_000,
        OK + b"x" * 1_000_000,
        b"HTTP/1.1 200 " + b"x" * 1_000_000,
        OK + b"X: 1\r\n" * 200 + b"Content-Length: 2\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 1_000_000,
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 1_000_000,
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
    ],
    ids=["value", "name", "reason", "many", "chunk extension", "trailer", "many trailers"],
)
async def test_a_head_beyond_its_limit_is_no_answer(rude: RudeUpstream, raw: bytes) -> None:
    assert await ask(rude, says(raw), max_answer_head_bytes=2048) == NO_HTTP


async def test_hints_without_end_end_in_time(rude: RudeUpstream) -> None:
    async def hints(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Hints\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)

    assert await ask(rude, hints, upstream_timeout_s=0.3, connect_timeout_s=0.3) == TOO_SLOW


# --- what a connection is used for after it


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"x", b"HTT"])
async def test_more_than_an_answer_is_nobody_elses(rude: RudeUpstream, more: bytes) -> None:
    rude.behave = says(answer(200, b"{}") + more)
    async with opened(rude) as upstream:
        first = body_of((await upstream.forward([], BODY)).result)
        rude.behave = says(answer(200, b"[]"))
        second = body_of((await upstream.forward([], BODY)).result)

    assert (first, second, rude.connections) == (b"{}", b"[]", 2)


async def test_what_is_said_between_two_packs_is_nobodys_answer(rude: RudeUpstream) -> None:
    said = asyncio.Event()

    async def says_goodbye(writer: asyncio.StreamWriter) -> None:
        await says(answer(200, b"{}"))(writer)
        await said.wait()
        await says(answer(408, b"evil"))(writer)

    rude.behave = says_goodbye
    async with opened(rude) as upstream:
        body_of((await upstream.forward([], BODY)).result)
        said.set()
        await asyncio.sleep(0.1)  # until it has come
        rude.behave = says(answer(200, b"[]"))
        second = body_of((await upstream.forward([], BODY)).result)

    assert (second, rude.connections) == (b"[]", 2)


async def test_a_connection_that_upstream_closed_is_not_used_again(rude: RudeUpstream) -> None:
    rude.behave = says(answer(200, b"{}"), close=True)
    async with opened(rude) as upstream:
        for _ in range(3):
            body_of((await upstream.forward([], BODY)).result)
            await asyncio.sleep(0.1)  # until the end has come

    assert (len(rude.heard), rude.connections) == (3, 3)


async def test_an_idle_connection_is_kept_no_longer_than_it_may_be(rude: RudeUpstream) -> None:
    async with opened(rude, upstream_keepalive_s=0.05) as upstream:
        await upstream.forward([], BODY)
        await asyncio.sleep(0.2)
        await upstream.forward([], BODY)

    assert rude.connections == 2


async def test_an_answer_to_half_a_request_is_an_answer_and_the_last_of_its_connection() -> None:
    connections = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(413, b"{}"))
        await writer.drain()
        await hangs(writer)  # the rest is not read, and the connection stays open

    async with (
        listening(refuse) as port,
        open_upstream(ProxySettings(upstream_url=f"http://{LOOPBACK}:{port}/")) as upstream,
    ):
        results = [(await upstream.forward([], bytes(30_000_000))).result for _ in range(2)]

    assert [result.status for result in results] == [413, 413]
    assert connections == 2


async def test_a_body_goes_out_no_faster_than_it_is_taken(rude: RudeUpstream) -> None:
    body = bytes(range(256)) * 60_000
    async with opened(rude) as upstream:
        for _ in range(2):
            body_of((await upstream.forward([], body)).result)

    assert (rude.last.body == body, rude.connections) == (True, 1)


async def test_a_caller_that_gives_up_takes_its_connection_with_it(rude: RudeUpstream) -> None:
    rude.behave = hangs
    async with opened(rude, max_connections=1) as upstream:
        first = asyncio.ensure_future(upstream.forward([], BODY))
        await rude.asked.wait()
        waiting = asyncio.ensure_future(upstream.forward([], BODY))
        await asyncio.sleep(0)
        waiting.cancel()
        first.cancel()
        await asyncio.wait([first, waiting])
        rude.behave = says(answer(200, b"[]"))
        third = body_of((await upstream.forward([], BODY)).result)

    assert (third, rude.connections) == (b"[]", 2)


async def test_who_waits_for_a_connection_is_served_in_turn_and_not_for_ever(rude: RudeUpstream) -> None:
    rude.behave = hangs
    async with opened(rude, max_connections=1, upstream_timeout_s=0.5, connect_timeout_s=0.5) as upstream:
        exchanges = await asyncio.gather(*(upstream.forward([], BODY) for _ in range(3)))
        rude.behave = says(answer(200, b"{}"))
        after = (await upstream.forward([], BODY)).result

    assert [exchange.result for exchange in exchanges] == [TOO_SLOW] * 3
    assert body_of(after) == b"{}"


# --- how it is reached


async def test_an_upstream_behind_ipv6_is_reached() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(200, b"{}"))

    heard: list[bytes] = []
    async with (
        listening(serve, "::1") as port,
        open_upstream(ProxySettings(upstream_url=f"http://[::1]:{port}/")) as upstream,
    ):
        body_of((await upstream.forward([], BODY)).result)

    assert f"host: [::1]:{port}\r\n".encode() in heard[0]


@pytest.mark.parametrize("dead", ["refuses", "hangs"])
async def test_the_next_address_is_tried(rude: RudeUpstream, monkeypatch: pytest.MonkeyPatch, dead: str) -> None:
    port = int(rude.url.rstrip("/").rsplit(":", 1)[1])
    with socket.socket() as silent:
        silent.bind((LOOPBACK, 0))
        if dead == "hangs":
            silent.listen(0)
        gone = silent.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex((LOOPBACK, gone))

        async def two(_self: object) -> list[proxy_dialer.Address]:
            return [(socket.AF_INET, (LOOPBACK, gone)), (socket.AF_INET, (LOOPBACK, port))]

        monkeypatch.setattr(proxy_dialer.Dialer, "_looked_up", two)
        async with opened(rude) as upstream:
            exchange = await upstream.forward([], BODY)
        for filler in fillers:
            filler.close()

    assert (body_of(exchange.result), exchange.attempts) == (b"{}", 1)


async def test_all_addresses_that_refuse_are_tried_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()

    async def two(_self: object) -> list[proxy_dialer.Address]:
        return [(socket.AF_INET, (LOOPBACK, port)), (socket.AF_INET, ("127.0.0.2", port))]

    monkeypatch.setattr(proxy_dialer.Dialer, "_looked_up", two)
    async with open_upstream(ProxySettings(upstream_url=f"http://{LOOPBACK}:{port}/")) as upstream:
        exchange = await upstream.forward([], BODY)

    assert exchange == Exchange(Failure("unreachable", "upstream cannot be reached (connection refused)"), 3)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For `localhost`, with its key, and its own authority."""
    path = tmp_path_factory.mktemp("tls") / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*command, "-keyout", str(path.with_suffix(".key")), "-out", str(path)],
        check=True,
        capture_output=True,
    )
    return path


@asynccontextmanager
async def tls_upstream(certificate: Path) -> AsyncIterator[tuple[int, list[str | None]]]:
    """Answers with what it heard; the names that it was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    names: list[str | None] = []
    context.sni_callback = lambda _object, name, _context: names.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            writer.write(answer(200, await reader.readexactly(length)))
            await writer.drain()

    async with listening(serve, tls=context) as port:
        yield port, names


async def test_over_tls_upstream_is_named_verified_and_its_connection_kept(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    small, large = b"{}", bytes(range(256)) * 20_000
    async with (
        tls_upstream(certificate) as (port, names),
        open_upstream(ProxySettings(upstream_url=f"https://localhost:{port}/")) as upstream,
    ):
        bodies = [body_of((await upstream.forward([], sent)).result) for sent in (small, large, small)]

    assert bodies == [small, large, small]
    assert names == ["localhost"]


@pytest.mark.parametrize("wrong", ["name", "authority"])
async def test_over_tls_nobody_else_gets_a_pack(certificate: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    if wrong == "name":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with tls_upstream(certificate) as (port, _):
        host = LOOPBACK if wrong == "name" else "localhost"
        async with open_upstream(ProxySettings(upstream_url=f"https://{host}:{port}/")) as upstream:
            exchange = await upstream.forward([], BODY)

    assert exchange == Exchange(Failure("unreachable", "upstream cannot be reached (no trusted TLS connection)"), 1)
