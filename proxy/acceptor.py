"""Takes callers from a listening socket: in each turn of the event loop all that wait, not one.

The loop's own server takes one a turn. A turn of a busy proxy is a tenth of a second, so callers that come together, or
that open a connection for each pack, would wait for seconds while those inside are served.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

_BACKLOG: Final = 2048  # that may wait between two turns; the system has a bound of its own
_AT_ONCE: Final = 256  # then those inside have their turn
_PAUSE_S: Final = 0.5
_NO_MORE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_log = structlog.get_logger()


class Acceptor:
    """Of one socket, from its making until `close`; the socket itself is its owner's."""

    def __init__(
        self, listener: socket.socket, serve: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None
    ) -> None:
        self._listener = listener
        self._serve = serve
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False
        listener.setblocking(False)
        listener.listen(_BACKLOG)
        self._await_callers()

    def close(self) -> None:
        """Take nobody any more; those that were taken are served."""
        if self._closed:
            return
        self._closed = True
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Let go of those that are not open yet: a caller of TLS that says nothing would hold up the end."""
        for opening in self._opening:
            opening.cancel()
        if self._opening:
            await asyncio.wait(self._opening)

    def _await_callers(self) -> None:
        self._loop.add_reader(self._listener, self._take_all)

    def _take_all(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NO_MORE:
                    self._take_none_for_a_while(error)
                    return
                continue  # that caller has gone again
            connection.setblocking(False)
            opening = self._loop.create_task(self._open(connection))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    def _take_none_for_a_while(self, error: OSError) -> None:
        """They wait in the socket meanwhile; the loop would turn for them without end."""
        _log.error(
            "callers_not_taken", reason=error.strerror, remedy="raise the limit of open files, or PROXY__WORKERS"
        )
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(_PAUSE_S, self._await_callers)

    async def _open(self, connection: socket.socket) -> None:
        with suppress(OSError):  # it has gone, or what it speaks is no TLS
            await self._loop.connect_accepted_socket(self._serve, connection, ssl=self._tls)
