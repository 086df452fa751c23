"""The HTTP server's life: its application runs before it, its signals are ours, and it ends without leaving a caller alone.

Stopping: first nobody can begin to connect any more, while those who have begun are let in and all open connections are
served; the next answer on each is its last, and says so. When no more requests come, the idle connections are closed, the
port is given up, and the rest is waited for.
"""

import asyncio
import ctypes
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import cast

import uvicorn

from proxy.acceptor import Acceptor
from proxy.protocol import ProxyProtocol
from proxy.state import LifespanState

# How long requests are waited for that may be on their way: while they come, and a moment longer.
LINGER_S = 2.0
_LOOK_EVERY_S = 0.02
_LOOKS = int(LINGER_S / _LOOK_EVERY_S)
_QUIET_LOOKS = 25
_ARRIVAL_LOOKS = 5  # where no connection is open: for one that has begun
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER, which Python does not name
# Of each segment for a port that is listened on: load the flags; if SYN is among them drop it; else take all of it.
_NO_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


class Server(uvicorn.Server):
    """Serves on sockets that listen already."""

    def __init__(self, config: uvicorn.Config, state: LifespanState) -> None:
        super().__init__(config)
        self._state: Mapping[str, object] = state

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan.state.update(self._state)
        await super().startup([])  # it would take one caller a turn
        serve = partial(
            cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class),
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        acceptors = [Acceptor(listener, serve, self.config.ssl) for listener in sockets or []]
        self.servers = cast("list[asyncio.base_events.Server]", acceptors)  # which it closes and waits for

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().serve(sockets)
        finally:
            # Whoever still waits gets no reply, instead of a 500 that knows nothing of its event, which may be durable.
            for connection in list(self.server_state.connections):
                cast("ProxyProtocol", connection).transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if not all(_admits_nobody(listener) for listener in sockets or []):
            for server in self.servers:
                server.close()
        await self._linger()
        await super().shutdown(sockets)

    async def _linger(self) -> None:
        """Until no requests come any more, on connections of which each has been told that it ends.

        Counted in looks, because a process that gets no time to run has not looked, however much of it passes.
        """
        seen, quiet = (-1, -1), 0
        for _ in range(_LOOKS):
            for connection in self.server_state.connections:
                cast("ProxyProtocol", connection).retire()
            answered_and_open = (self.server_state.total_requests, len(self.server_state.connections))
            quiet = quiet + 1 if answered_and_open == seen else 0
            seen = answered_and_open
            if quiet >= (_QUIET_LOOKS if self.server_state.connections else _ARRIVAL_LOOKS):
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _admits_nobody(listener: socket.socket) -> bool:
    """Let no connection begin, while those that have begun go on: closing the port would cut them off. Linux alone can."""
    if sys.platform != "linux":
        return False
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in _NO_SYN))
    program = struct.pack("HP", len(_NO_SYN), ctypes.addressof(code))
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
        return True
    return False
