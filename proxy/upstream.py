"""The only module that talks to Paccurate: bytes out, bytes in, nothing interpreted, nothing sent twice.

A request that provably was not sent (the connection was refused) is tried again, twice; nothing else is, because a pack
that upstream may have seen is paid for and counted. What remains of that risk is a connection that upstream closes at
the moment it is used again: so idle ones are kept for less long than upstream keeps them.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from proxy.connection import AnswerLimits, Connection
from proxy.dialer import Dialer
from proxy.exchange import Answer, Exchange, Failure, NoAnswerError, NobodyListensError
from proxy.gathering import Turn
from proxy.headers import Headers
from proxy.pack_stats import UNREACHABLE
from proxy.pool import Pool
from proxy.settings import ProxySettings

_MAX_ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.1


class Upstream:
    """Sends packs to one address."""

    def __init__(self, dialer: Dialer, pool: Pool, timeout_s: float) -> None:
        self._target = dialer.target
        self._host = b"host: " + dialer.authority
        self._pool = pool
        self._timeout_s = timeout_s

    async def forward(self, headers: Headers, body: bytes, query: bytes = b"") -> Exchange:
        """Send one pack and read the answer whole. Every way it can fail is a Failure, not an exception."""
        attempts = 0
        head = self._head(headers, len(body), query)
        if head is None:
            return Exchange(Failure(UNREACHABLE, "the request cannot be sent upstream"), 1)
        until_s = asyncio.get_running_loop().time() + self._timeout_s
        while True:
            attempts += 1
            try:
                return Exchange(await self._send(head, body, until_s), attempts)
            except NobodyListensError as error:
                if attempts == _MAX_ATTEMPTS:
                    return Exchange(error.failure, attempts)
            except NoAnswerError as error:
                return Exchange(error.failure, attempts)
            await asyncio.sleep(random.uniform(0, _PAUSE_S))  # noqa: S311  # jitter

    async def _send(self, head: bytes, body: bytes, until_s: float) -> Answer:
        connection = await self._pool.take(until_s)
        try:
            return await connection.exchange(head, body, until_s)
        finally:
            self._pool.give_back(connection)

    def _head(self, headers: Headers, length: int, query: bytes) -> bytes | None:
        """The head of a request; None where a line of it would be two."""
        target = self._target + b"?" + query if query else self._target
        lines = [b"POST %b HTTP/1.1" % target, self._host]
        lines += [name + b": " + value for name, value in headers]
        lines += [b"content-length: %d" % length, b"", b""]
        head = b"\r\n".join(lines)
        breaks = len(lines) - 1
        sound = head.count(b"\n") == breaks and head.count(b"\r") == breaks and b"\0" not in head and b" " not in target
        return head if sound else None


@asynccontextmanager
async def open_upstream(settings: ProxySettings) -> AsyncIterator[Upstream]:
    """The client, for the time of the context."""
    limits = AnswerLimits(settings.max_answer_bytes, settings.max_answer_head_bytes)
    dialer = Dialer(settings.upstream_url, settings.connect_timeout_s, partial(Connection, limits, Turn()))
    pool = Pool(dialer.connect, settings.max_connections, settings.upstream_keepalive_s)
    try:
        yield Upstream(dialer, pool, settings.upstream_timeout_s)
    finally:
        pool.close()
