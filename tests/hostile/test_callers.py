"""Callers that are slow, endless, silent or half gone: each loses its own connection, and nobody else loses anything."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.support import answers
from tests.support.answers import content
from tests.support.eventually import eventually_async
from tests.support.proxy_server import BODY, Proxy, proxy_before, request
from tests.support.rude_upstream import RudeUpstream, answer, rude_upstream, says

pytestmark = pytest.mark.integration

PACKED = answer(200, content(answers.pack()), "Content-Type: application/json")
START = b"POST / HTTP/1.1\r\nHost: proxy\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)


@pytest.fixture
async def rude() -> AsyncIterator[RudeUpstream]:
    async with rude_upstream(says(PACKED)) as upstream:
        yield upstream


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1 << 20)
    try:
        yield reader, writer
    finally:
        writer.close()


async def told(proxy: Proxy, *parts: bytes, end: bool = False) -> bytes:
    """All that comes back until the proxy closes the connection."""
    async with connected(proxy) as (reader, writer):
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0)
        if end:
            writer.write_eof()
        return await _rest(reader)


async def _rest(reader: StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(-1), 60)
    except ConnectionResetError:
        return b""


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


async def dribble(proxy: Proxy, head: bytes) -> bytes:
    """This at once, then a byte now and then, for as long as the proxy lets us."""
    async with connected(proxy) as (reader, writer):
        writer.write(head)
        answered = asyncio.ensure_future(_rest(reader))
        while not answered.done():
            writer.write(b"x")
            await asyncio.wait([answered], timeout=0.1)
        return answered.result()


async def gone(proxy: Proxy) -> None:
    """Until the proxy has no connection left."""

    async def none_left() -> bool:
        return not proxy.server.server_state.connections

    await eventually_async(none_left, 60)


async def test_two_hundred_slow_callers_hold_up_nobody(rude: RudeUpstream) -> None:
    slow_body = START + b"Content-Length: 100000\r\n\r\n{"
    async with proxy_before(rude.url, head_timeout_s=2, body_timeout_s=2, max_in_flight=10) as proxy:
        slow = [asyncio.ensure_future(dribble(proxy, START + b"X-Slow: ")) for _ in range(100)]
        slow += [asyncio.ensure_future(dribble(proxy, slow_body)) for _ in range(100)]

        async def all_here() -> bool:
            return len(proxy.server.server_state.connections) == len(slow)

        await eventually_async(all_here)
        good = [await proxy.ask() for _ in range(20)]
        assert [each.status for each in good] == [200] * 20
        assert proxy.spool.places == 0
        received = await asyncio.gather(*slow)
        await gone(proxy)

    assert {status for each in received for status in statuses(each)} == {408}
    assert (len(rude.heard), len(proxy.events), proxy.spool.places) == (20, 20, 0)


@pytest.mark.parametrize("sent", [b"", b"\r\n"], ids=["nothing", "an empty line"])
async def test_a_caller_that_says_nothing_is_not_kept(rude: RudeUpstream, sent: bytes) -> None:
    async with proxy_before(rude.url, keep_alive_s=1) as proxy:
        assert await told(proxy, sent) == b""


async def test_a_slow_head_behind_a_pack_costs_the_pack_nothing(rude: RudeUpstream) -> None:
    async with proxy_before(rude.url, head_timeout_s=0.5) as proxy:
        received = await told(proxy, request(BODY, "/"), START)

    assert statuses(received) == [200, 408]
    assert len(proxy.events) == 1


@pytest.mark.parametrize("parts", [1, 3])
async def test_a_head_that_is_too_large_is_refused_however_it_comes(rude: RudeUpstream, parts: int) -> None:
    head = START + b"X-Large: " + b"x" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n"
    size = len(head) // parts
    async with proxy_before(rude.url) as proxy:
        received = await told(proxy, *(head[at : at + size] for at in range(0, len(head), size)))
        behind = await told(proxy, request(BODY, "/") + head)

    assert statuses(received) in ([431], [])  # what is sent after a refusal can cost the caller the reply
    assert statuses(behind) == [200, 431]
    assert len(rude.heard) == 1


async def test_the_limit_of_a_head_is_a_setting(rude: RudeUpstream) -> None:
    async with proxy_before(rude.url, head_max_bytes=2048) as proxy:
        sizes = (1500, 2048)
        assert [(await proxy.ask(BODY, "/", "X-Size: " + "x" * size)).status for size in sizes] == [200, 431]


async def test_garbage_behind_a_pack_is_told_after_the_answer(rude: RudeUpstream) -> None:
    async with proxy_before(rude.url) as proxy:
        received = await told(proxy, request(BODY, "/") + b"garbage\r\n\r\n")

    assert statuses(received) == [200, 400]
    assert received.count(b"x-event-id") == len(proxy.events) == 1


async def test_a_body_whose_framing_breaks_is_sent_to_nobody(rude: RudeUpstream) -> None:
    async with proxy_before(rude.url) as proxy:
        alone = await told(proxy, CHUNKED + CHUNK + b"oops\r\n")
        behind = await told(proxy, request(BODY, "/") + CHUNKED + CHUNK + b"oops\r\n")
        await proxy.endpoint.idle()

    assert (statuses(alone), statuses(behind)) == ([400], [200, 400])
    assert (len(rude.heard), len(proxy.events)) == (1, 1)


async def test_trailers_are_no_headers(rude: RudeUpstream) -> None:
    trailers = b"Authorization: apikey " + b"k" * 40 + b"\r\nX-Request-ID: theirs\r\n"
    async with proxy_before(rude.url) as proxy:
        received = await told(proxy, CHUNKED + CHUNK + b"0\r\n" + trailers + b"\r\n", end=True)

    assert statuses(received) == [200]
    assert rude.last.names.isdisjoint({"authorization"})
    assert rude.last.header("x-request-id") != "theirs"


@pytest.mark.parametrize("line", [b"X-Trailer: 1\r\n" * 100, b"x" * 1000], ids=["many", "one"])
async def test_endless_trailers_end(rude: RudeUpstream, line: bytes) -> None:
    async with proxy_before(rude.url, head_max_bytes=8192) as proxy, connected(proxy) as (reader, writer):
        writer.write(CHUNKED + CHUNK + b"0\r\n" + (b"" if line.endswith(b"\n") else b"X-Long: "))
        answered = asyncio.ensure_future(_rest(reader))
        while not answered.done():
            writer.write(line)
            await asyncio.wait([answered], timeout=0.01)

    assert statuses(answered.result()) in ([431], [])
    assert rude.heard == []


async def test_requests_in_a_row_are_bounded(rude: RudeUpstream) -> None:
    async with proxy_before(rude.url, max_pipelined=4) as proxy:
        received = await told(proxy, request(BODY, "/") * 40)
        await proxy.endpoint.idle()

    assert statuses(received) == [200] * 5  # one, and the four that waited for it
    assert len(rude.heard) == len(proxy.events) == 5
    assert received.count(b"connection: close") == 1


async def test_a_caller_that_takes_no_answer_is_cut_off(rude: RudeUpstream) -> None:
    large = answer(200, b'{"boxes":[],"padding":"' + b"x" * (12 << 20) + b'"}', "Content-Type: application/json")
    rude.behave = says(large)
    async with proxy_before(rude.url, send_timeout_s=1) as proxy, connected(proxy) as (_, writer):
        writer.write(request(BODY, "/pack"))
        await gone(proxy)

        assert len(proxy.events) == 1
        rude.behave = says(PACKED)
        assert (await proxy.ask()).status == 200


async def test_a_caller_that_closes_its_half_gets_its_answers(rude: RudeUpstream) -> None:
    async with proxy_before(rude.url) as proxy:
        one = await told(proxy, request(BODY, "/"), end=True)
        several = await told(proxy, request(BODY, "/") * 3, end=True)
        and_a_half = await told(proxy, request(BODY, "/") + START, end=True)
        await gone(proxy)

    assert [statuses(each) for each in (one, several, and_a_half)] == [[200], [200] * 3, [200]]
    assert len(proxy.events) == 5


async def test_a_caller_that_closes_its_half_too_early_has_sent_nothing(rude: RudeUpstream) -> None:
    async with proxy_before(rude.url) as proxy:
        for sent in (b"", START, request(BODY, "/")[:-5], CHUNKED + CHUNK):
            assert await told(proxy, sent, end=True) == b""
        await proxy.endpoint.idle()

    assert (rude.heard, proxy.events, proxy.spool.places) == ([], [], 0)


async def test_an_endless_body_behind_its_answer_ends(rude: RudeUpstream) -> None:
    async with proxy_before(rude.url, max_body_bytes=1024, body_timeout_s=1) as proxy:
        received = await dribble(proxy, START + b"Content-Length: 1000000\r\n\r\n")
        not_found = await dribble(proxy, b"POST /nowhere HTTP/1.1\r\nHost: proxy\r\nContent-Length: 1000000\r\n\r\n")

    assert (statuses(received), statuses(not_found)) == ([413], [404])
    assert rude.heard == []


async def test_connections_are_bounded(rude: RudeUpstream) -> None:
    async with proxy_before(rude.url, max_callers=3) as proxy, AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(connected(proxy)) for _ in range(3)]

        async def all_here() -> bool:
            return len(proxy.server.server_state.connections) == 3

        await eventually_async(all_here)
        assert statuses(await told(proxy)) == [503]
        idle[0][1].close()

        async def room() -> bool:
            return len(proxy.server.server_state.connections) == 2

        await eventually_async(room)
        assert (await proxy.ask()).status == 200


async def test_bodies_in_memory_are_bounded_together(rude: RudeUpstream) -> None:
    half = START + b"Content-Length: 60000\r\n\r\n" + b" " * 50_000
    async with proxy_before(rude.url, max_body_bytes=65_536, max_held_bytes=100_000) as proxy:
        async with connected(proxy) as (_, writer):
            writer.write(half)
            room = proxy.endpoint._room

            async def held() -> bool:
                return room.used == 50_000

            await eventually_async(held)
            async with connected(proxy) as (other, also):
                also.write(half + b" " * 9_999)
                assert statuses(await other.readuntil(b"\r\n\r\n")) == [503]
            assert (await proxy.ask()).status == 200, "a small pack finds room"
        await proxy.endpoint.idle()

        assert room.used == 0
        assert len(proxy.events) == 1
