"""A proxy in this process: the real server on a real socket, its spool in memory; and callers that write what they like."""

import asyncio
import json
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from common.events import PackEvent, decode
from proxy.__main__ import server_config
from proxy.app import create_app
from proxy.listeners import listening
from proxy.outbox import Outbox
from proxy.pack import PackEndpoint
from proxy.server import Server
from proxy.settings import ProxySettings, Settings
from proxy.snapshots import Snapshots
from proxy.state import LifespanState, ProxyState
from proxy.upstream import open_upstream
from tests.support.eventually import eventually_async
from tests.support.fake_spool import FakeSpool

BODY = b'{"itemSets":[{"quantity":2}]}'


@dataclass
class Got:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)


class Caller:
    """One connection to the proxy."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._writer.drain()

    async def reply(self, *, bodiless: bool = False) -> Got:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = head[:-4].split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        length = int(dict(headers).get("content-length", "0"))
        body = b"" if bodiless else await self._reader.readexactly(length)
        return Got(int(start.split()[1]), headers, body)

    async def ask(self, body: bytes = BODY, target: str = "/", *headers: str) -> Got:
        await self.send(request(body, target, *headers))
        return await self.reply()

    def hang_up(self) -> None:
        """Reset the connection: an ordinary close looks as if the caller still listened."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


def request(body: bytes, target: str, *headers: str) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: proxy", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Proxy:
    """A proxy whose spool is in memory."""

    port: int
    spool: FakeSpool
    endpoint: PackEndpoint
    server: Server

    @asynccontextmanager
    async def caller(self) -> AsyncIterator[Caller]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Caller(reader, writer)
        finally:
            writer.close()

    async def ask(self, body: bytes = BODY, target: str = "/", *headers: str) -> Got:
        async with self.caller() as caller:
            return await caller.ask(body, target, *headers)

    @property
    def events(self) -> list[PackEvent]:
        return [event for event in (decode(each.value) for each in self.spool.appended) if isinstance(event, PackEvent)]


@asynccontextmanager
async def proxy_before(url: str, spool: FakeSpool | None = None, **options: object) -> AsyncIterator[Proxy]:
    section = ProxySettings.model_validate({"port": 0, "upstream_url": url, **options})
    settings = Settings(proxy=section)
    spool = FakeSpool() if spool is None else spool
    async with open_upstream(section) as upstream:
        with listening(section) as listener:
            endpoint = PackEndpoint(settings, spool, upstream)
            # Nothing here asks for totals or for the state of the spool.
            snapshots = cast("Snapshots", None)
            state = ProxyState(settings, cast("Outbox", None), snapshots, endpoint)
            server = Server(
                server_config(create_app(settings), section), LifespanState(proxy=state, snapshots=snapshots)
            )
            serving = asyncio.ensure_future(server.serve([listener]))
            await eventually_async(lambda: _is_true(server.started))
            try:
                yield Proxy(listener.getsockname()[1], spool, endpoint, server)
            finally:
                server.should_exit = True
                await serving


async def _is_true(value: bool) -> bool:
    return value
