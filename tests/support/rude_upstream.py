"""An upstream that misbehaves as it is told, byte by byte, on a real socket of the loopback address."""

import asyncio
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ssl import SSLContext, SSLError

from local.ports import LOOPBACK

Behaviour = Callable[[Writer], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as it came over the wire."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.headers}

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A whole answer with its length."""
    lines = [f"HTTP/1.1 {status} As Told", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def says(*parts: bytes, close: bool = False) -> Behaviour:
    """Write these bytes, and perhaps close the connection."""

    async def behave(writer: Writer) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if close:
            writer.close()

    return behave


def chunked(*chunks: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


async def hangs(_writer: Writer) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def resets(writer: Writer) -> None:
    """Cut the connection off without an answer."""
    writer.transport.abort()


@dataclass
class RudeUpstream:
    """Set `behave`; `heard` are the requests that came in whole, `connections` counts those that were opened."""

    url: str
    behave: Behaviour
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def last(self) -> Heard:
        assert self.heard, "upstream was not called"
        return self.heard[-1]


@asynccontextmanager
async def rude_upstream(behave: Behaviour) -> AsyncIterator[RudeUpstream]:
    """One that listens on a free port for the time of the context."""

    async def serve(reader: Reader, writer: Writer) -> None:
        upstream.connections += 1
        while True:
            upstream.heard.append(await _hear(reader))
            upstream.asked.set()
            await upstream.behave(writer)

    async with listening(serve) as port:
        upstream = RudeUpstream(f"http://{LOOPBACK}:{port}/", behave)
        yield upstream


@asynccontextmanager
async def listening(
    serve: Callable[[Reader, Writer], Awaitable[None]], host: str = LOOPBACK, tls: SSLContext | None = None
) -> AsyncIterator[int]:
    """The port on which `serve` has each connection, until the end of the context: no connection outlives it."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: Reader, writer: Writer) -> None:
        task = asyncio.get_running_loop().create_task(_closing(serve(reader, writer), writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _closing(serving: Awaitable[None], writer: Writer) -> None:
    try:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serving
    finally:
        writer.close()
        with suppress(ConnectionError, SSLError):
            await writer.wait_closed()


async def _hear(reader: Reader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head[:-4].split("\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Heard(start, headers, await reader.readexactly(length))
