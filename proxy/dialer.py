"""How upstream is reached: its name, its addresses, and TLS where its URL says so.

All addresses of a name are tried, the families in turn; the next one when one has failed, or has not answered for a
moment (RFC 8305), so that one dead address or a broken IPv6 costs a quarter of a second and not the pack.
"""

import asyncio
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, zip_longest
from typing import Final, NoReturn
from urllib.parse import quote, urlsplit

from proxy.connection import Connection
from proxy.exchange import NoAnswerError, NobodyListensError
from proxy.pack_stats import TIMED_OUT, UNREACHABLE

_NEXT_AFTER_S: Final = 0.25
_KNOWN_FOR_S: Final = 10.0
_PATH_CHARACTERS: Final = "/%:@!$&'()*+,;=~"  # that need no quoting, or are quoted already
_PORTS: Final = {"http": 80, "https": 443}

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class Dialer:
    """Makes connections to the host of one URL."""

    def __init__(self, url: str, timeout_s: float, new: Callable[[], Connection]) -> None:
        parts = urlsplit(url)
        name = parts.hostname or ""
        self._host = name if name.isascii() else name.encode("idna").decode()
        self._port = parts.port or _PORTS[parts.scheme]
        self._timeout_s = timeout_s
        self._new = new
        self._tls = _trusting() if parts.scheme == "https" else None
        self._lookup = asyncio.Lock()
        self._addresses: list[Address] = []
        self._known_until = 0.0
        self.target = quote(parts.path or "/", safe=_PATH_CHARACTERS).encode()
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self.authority = (shown if self._port == _PORTS[parts.scheme] else f"{shown}:{self._port}").encode()

    async def connect(self) -> Connection:
        """A new connection. Raises NoAnswerError."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._connect()
        except TimeoutError as error:
            raise NoAnswerError(TIMED_OUT, "upstream did not accept the connection in time") from error

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        addresses = await self._found()
        try:
            line = await _first_of(addresses)
            name = self._host.rstrip(".") if self._tls is not None else None
            _, connection = await loop.create_connection(self._new, sock=line, ssl=self._tls, server_hostname=name)
        except ssl.SSLError as error:
            raise NoAnswerError(UNREACHABLE, "upstream cannot be reached (no trusted TLS connection)") from error
        except OSError as error:
            _unreachable(error)
        return connection

    async def _found(self) -> list[Address]:
        """The addresses, each time another one first; one look-up serves all who wait for it."""
        async with self._lookup:
            if time.monotonic() >= self._known_until:
                self._addresses = await self._looked_up()
                self._known_until = time.monotonic() + _KNOWN_FOR_S
        found = self._addresses
        self._addresses = [*found[1:], found[0]]
        return found

    async def _looked_up(self) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            infos = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NoAnswerError(UNREACHABLE, "upstream cannot be reached (its name is not known)") from error
        preferred = [(family, address) for family, _, _, _, address in infos if family == infos[0][0]]
        others = [(family, address) for family, _, _, _, address in infos if family != infos[0][0]]
        pairs = zip_longest(preferred, others)
        return [address for address in chain.from_iterable(pairs) if address is not None]


async def _first_of(addresses: list[Address]) -> socket.socket:
    """A socket that is connected to one of them. Raises OSError; its number is what all of them failed with."""
    if len(addresses) == 1:
        return await _connected(addresses[0])
    waiting = deque(addresses)
    trying: set[asyncio.Task[socket.socket]] = set()
    failed: list[OSError] = []
    try:
        while waiting or trying:
            if waiting:
                trying.add(asyncio.create_task(_connected(waiting.popleft())))
            wait_s = _NEXT_AFTER_S if waiting else None
            done, trying = await asyncio.wait(trying, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            while done:
                try:
                    return done.pop().result()
                except OSError as error:
                    failed.append(error)
                finally:
                    trying |= done
    finally:
        for task in trying:
            task.add_done_callback(_discard)
            task.cancel()
    raise failed[-1] if len({error.errno for error in failed}) == 1 else OSError("each for another reason")


async def _connected(address: Address) -> socket.socket:
    family, where = address
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.setblocking(False)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(line, where)
    except BaseException:
        line.close()
        raise
    return line


def _discard(task: "asyncio.Task[socket.socket]") -> None:
    """Of an attempt that came second."""
    with suppress(asyncio.CancelledError, OSError):
        task.result().close()


def _unreachable(error: OSError) -> NoReturn:
    reason = os.strerror(error.errno).lower() if error.errno else "none of its addresses answers"
    kind = NobodyListensError if isinstance(error, ConnectionRefusedError) else NoAnswerError
    raise kind(UNREACHABLE, f"upstream cannot be reached ({reason})") from error


def _trusting() -> ssl.SSLContext:
    """Verifies the certificate and its name, against what this machine trusts."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
