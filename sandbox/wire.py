"""How an answer goes over the wire, well or badly: whole, in chunks, half, or not at all.

ASGI has no way to let go of a connection without an answer, so the server's protocol hands its transport on in the scope.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.directives import Conduct
from sandbox.replies import WITHOUT_BODY, Reply

_EXTENSION: Final = "sandbox.transport"
_NO_HTTP: Final = b"\x16\x03\x01\x00\x02\x02\x28no http at all\r\n\r\n"
_CHUNKS: Final = 3
_LINGER_NOT: Final = struct.pack("ii", 1, 0)
"""Closes with a reset instead of a FIN."""


class SteeredProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which also tells the application which transport a request came by."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"transport": self.transport}}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the way back to its caller."""

    scope: Scope
    receive: Receive
    send: Send

    @property
    def transport(self) -> asyncio.Transport:
        transport: asyncio.Transport = self.scope["extensions"][_EXTENSION]["transport"]
        return transport

    def header(self, name: bytes) -> str | None:
        """The first header by this name."""
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == name), None)

    async def body(self, most: int) -> bytes | None:
        """The whole request body; None if the caller went away or sent more than `most` bytes."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)


class Wire:
    """Sends answers; knows the connections that are kept waiting, so that a stop can let go of them."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Transport] = set()
        self._stopped = False

    def stop(self) -> None:
        """Close every connection that is deliberately left without an answer, now and from now on."""
        self._stopped = True
        for transport in self._waiting:
            transport.close()

    async def send(self, exchange: Exchange, reply: Reply, conduct: Conduct) -> None:
        """Send a reply in the given manner; returns when nothing more will come."""
        match conduct:
            case "answer":
                await _start(exchange, reply, None if reply.status in WITHOUT_BODY else len(reply.body))
                await exchange.send({"type": "http.response.body", "body": reply.body})
            case "chunked":
                await _start(exchange, reply, None)
                size = max(-(-len(reply.body) // _CHUNKS), 1)
                for start in range(0, len(reply.body), size):
                    await exchange.send(
                        {"type": "http.response.body", "body": reply.body[start : start + size], "more_body": True}
                    )
                await exchange.send({"type": "http.response.body", "body": b""})
            case _:
                await self._break_off(exchange, reply, conduct)

    async def _break_off(self, exchange: Exchange, reply: Reply, conduct: Conduct) -> None:
        transport = exchange.transport
        if conduct in {"stall", "cut"}:
            await _start(exchange, reply, len(reply.body))
            half = reply.body[: len(reply.body) // 2]
            await exchange.send({"type": "http.response.body", "body": half, "more_body": True})
        elif conduct == "not-http":
            transport.write(_NO_HTTP)
        if conduct == "reset":
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            transport.abort()
        elif conduct not in {"hang", "stall"} or self._stopped:
            transport.close()
        await self._until_gone(exchange, transport)

    async def _until_gone(self, exchange: Exchange, transport: asyncio.Transport) -> None:
        self._waiting.add(transport)
        try:
            while (await exchange.receive())["type"] != "http.disconnect":
                pass
        finally:
            self._waiting.discard(transport)


async def _start(exchange: Exchange, reply: Reply, length: int | None) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    await exchange.send({"type": "http.response.start", "status": reply.status, "headers": headers})
