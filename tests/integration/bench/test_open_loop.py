"""The open-loop generator sends when requests are due, whatever became of those before, and counts what became of each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bench.open_loop import Plan, generate

pytestmark = pytest.mark.integration
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """A server that hands every head to `answer`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(2)
                await answer(head, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        host, port = listening.sockets[0].getsockname()
        yield f"http://{host}:{port}/?view=pack"


async def test_requests_go_out_while_all_before_them_wait_and_latency_counts_from_when_they_were_due() -> None:
    count, rate = 20, 200.0
    all_here = asyncio.Event()
    heads: list[bytes] = []

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        if len(heads) == count:
            all_here.set()
        await all_here.wait()
        writer.write(OK)

    async with server(answer) as url:
        outcome = await generate(Plan(url, b"{}", rate, count / rate, facilities=3))

    assert (outcome.due, outcome.answered, outcome.refused, outcome.lost) == (count, count, 0, 0)
    assert outcome.connections == count
    # The first was answered after the last was sent, and that was not before it was due.
    assert outcome.max_ms >= (count - 1) / rate * 1000
    assert heads[0].startswith(b"POST /?view=pack HTTP/1.1\r\n")
    assert len({head.partition(b"Authorization: ")[2][:20] for head in heads}) == 3


async def test_a_connection_is_used_again_after_its_answer() -> None:
    answered = 0

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        answered += 1
        writer.write(OK)

    async with server(answer) as url:
        first = await generate(Plan(url, b"{}", 50, 0.2))

    assert answered == first.answered == 10
    assert first.connections <= 10  # of a machine that keeps up, 1


async def test_refused_and_broken_off_are_told_apart_and_have_no_latency() -> None:
    turns = iter(range(30))

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        match next(turns) % 3:
            case 0:
                writer.write(OK)
            case 1:
                writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            case _:
                writer.close()

    async with server(answer) as url:
        outcome = await generate(Plan(url, b"{}", 300, 0.1))

    assert (outcome.answered, outcome.refused, outcome.lost) == (10, 10, 10)


async def test_nobody_there_is_lost() -> None:
    async with server(lambda *_: asyncio.sleep(0)) as url:
        pass

    outcome = await generate(Plan(url, b"{}", 100, 0.05))

    assert (outcome.answered, outcome.lost) == (0, 5)
