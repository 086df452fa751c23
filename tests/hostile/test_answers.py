"""An upstream that breaks the rules: every pack it was sent is one event, and no answer becomes that of another pack."""

import asyncio
import gzip
import zlib
from asyncio import StreamWriter
from collections.abc import AsyncIterator

import pytest

from common.events import PackEvent
from proxy.spool_record import SpoolRecord
from tests.hostile.test_bytes_to_event import folded
from tests.support import answers
from tests.support.answers import content
from tests.support.proxy_server import BODY, Got, Proxy, proxy_before
from tests.support.rude_upstream import Behaviour, RudeUpstream, answer, rude_upstream, says

pytestmark = pytest.mark.integration

JSON = "Content-Type: application/json"
PACKED = answer(200, content(answers.pack()), JSON)
OTHERS = answer(200, b'{"boxes":[],"usedKeyStem":"somebodys"}', JSON)
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def rude() -> AsyncIterator[RudeUpstream]:
    async with rude_upstream(says(PACKED)) as upstream:
        yield upstream


@pytest.fixture
async def proxy(rude: RudeUpstream) -> AsyncIterator[Proxy]:
    async with proxy_before(rude.url, upstream_timeout_s=1.5, connect_timeout_s=1, max_answer_bytes=1 << 20) as proxy:
        yield proxy
        all_folded(proxy.spool.appended)
        assert len(proxy.spool.appended) == len(rude.heard)


def all_folded(records: list[SpoolRecord]) -> None:
    for record in records:
        folded(record)


async def asked(rude: RudeUpstream, proxy: Proxy, behave: Behaviour) -> tuple[Got, PackEvent]:
    """One pack that is answered so, and one behind it that is answered well, whatever the first did."""
    rude.behave = behave
    got = await proxy.ask()
    event = proxy.events[-1]
    assert got.header("x-event-id") is not None
    rude.behave = says(PACKED)
    good = await proxy.ask()
    assert (good.status, good.json["usedKeystem"]) == (200, "6UZlPsHAqp")
    return got, event


def endless(part: bytes, *before: bytes) -> Behaviour:
    async def behave(writer: StreamWriter) -> None:
        for each in before:
            writer.write(each)
        while True:
            writer.write(part)
            await writer.drain()

    return behave


@pytest.mark.parametrize("unasked", [OTHERS, b"HTTP/1.1 408 Request Timeout\r\nContent-", b"x"])
async def test_what_upstream_says_unasked_is_the_answer_to_nothing(
    rude: RudeUpstream, proxy: Proxy, unasked: bytes
) -> None:
    """As a gateway does that closes an idle connection with a 408."""
    said = asyncio.Event()

    async def later(writer: StreamWriter) -> None:
        writer.write(PACKED)
        await writer.drain()
        await first
        writer.write(unasked)
        await writer.drain()
        said.set()

    rude.behave = later
    first = asyncio.ensure_future(proxy.ask())
    await first
    await said.wait()
    await asyncio.sleep(0.05)  # it is on its way through the loopback device
    rude.behave = says(PACKED)
    got = await proxy.ask()

    assert (got.status, got.json["usedKeystem"]) == (200, "6UZlPsHAqp")
    assert rude.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        PACKED + OTHERS,
        PACKED + b"and more",
        HEAD + b"Content-Length: 2\r\n\r\n{}" + OTHERS,
        HEAD + b"Content-Length: 0\r\n\r\n" + OTHERS,
        b"HTTP/1.1 204 No Content\r\nContent-Length: 99\r\n\r\n",
    ],
)
async def test_more_than_an_answer_is_not_the_next_answer(rude: RudeUpstream, proxy: Proxy, raw: bytes) -> None:
    got, _ = await asked(rude, proxy, says(raw))

    assert got.status in {200, 502}
    assert got.json["usedKeystem"] != "somebodys"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"Content-Length: -2\r\n\r\n{}",
        b"Content-Length: 99999999999999999999999\r\n\r\n{}",
        b"Content-Length: two\r\n\r\n{}",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\n\r\n{}",
    ],
)
async def test_an_answer_of_contradictory_length_is_unreadable(
    rude: RudeUpstream, proxy: Proxy, framing: bytes
) -> None:
    got, event = await asked(rude, proxy, says(HEAD + framing, close=True))

    assert (got.status, event.outcome) == (502, "unreadable")


@pytest.mark.parametrize(
    "behave",
    [
        endless(b"X-Header: 1\r\n", HEAD),
        endless(b"x" * 1000, HEAD + b"X-Header: "),
        endless(b"x" * 1000),
        endless(b"x" * 1000, b"HTTP/1.1 200 "),
        endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
        endless(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        endless(b"a\r\n0123456789\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
        endless(b"x" * 1000, HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;"),
        endless(b"X-Trailer: 1\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"),
        endless(b"x" * 60_000, HEAD + b"\r\n"),
    ],
    ids=["headers", "header", "line", "reason", "100", "103", "chunks", "extension", "trailers", "body"],
)
async def test_an_endless_answer_ends(rude: RudeUpstream, proxy: Proxy, behave: Behaviour) -> None:
    got, event = await asked(rude, proxy, behave)

    assert event.outcome in {"unreadable", "timed_out"}
    assert got.status in {502, 504}


async def test_the_head_of_an_answer_has_a_limit_that_is_a_setting(rude: RudeUpstream) -> None:
    rude.behave = says(answer(200, b'{"boxes":[]}', "X-Size: " + "x" * 2000))
    for limit, status in ((1024, 502), (4096, 200)):
        async with proxy_before(rude.url, max_answer_head_bytes=limit) as proxy:
            assert (await proxy.ask()).status == status


BOMB = b'{"boxes":[],"padding":"' + b"x" * (2 << 20) + b'"}'


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(BOMB, mtime=0)),
        ("deflate", zlib.compress(BOMB)),
        ("gzip, gzip, gzip", gzip.compress(gzip.compress(gzip.compress(BOMB, mtime=0), mtime=0), mtime=0)),
        ("gzip", gzip.compress(b"", mtime=0) * 40_000),
        (",".join(["gzip"] * 1000), b""),
    ],
    ids=["gzip", "deflate", "thrice", "members", "codings"],
)
async def test_a_bomb_is_passed_on_and_not_unpacked(rude: RudeUpstream, proxy: Proxy, coding: str, body: bytes) -> None:
    behave = says(answer(200, body, JSON, f"Content-Encoding: {coding}"))
    got, event = await asked(rude, proxy, behave)
    rude.behave = behave
    passed = await proxy.ask(BODY, "/pack")

    assert (got.status, event.outcome, event.items) == (502, "unreadable", None)
    assert (passed.status, passed.body) == (200, body)


@pytest.mark.parametrize("view", ["/", "/pack"])
async def test_a_header_that_no_server_could_send_is_left_out(rude: RudeUpstream, proxy: Proxy, view: str) -> None:
    rude.behave = says(answer(503, b"{}", JSON, "Retry-After: 1\x01", "X-Bad: a\x7fb", "X-Good: 1"))
    got = await proxy.ask(BODY, view)

    assert (got.status, got.header("retry-after"), got.header("x-bad")) == (503, None, None)
    assert got.header("x-event-id") is not None
