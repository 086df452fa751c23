"""The only module that talks to Paccurate: bytes out, bytes in, nothing interpreted, nothing sent twice.

A request that provably was not sent (the connection was refused) is tried again, twice; nothing else is, because a pack
that upstream may have seen is paid for and counted. What remains of that risk is a connection that upstream closes at
the moment it is used again: so idle ones are kept for less long than upstream keeps them.
"""

import asyncio
import io
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import ClientError, ClientPayloadError, ClientResponse, ClientResponseError, ClientSession, hdrs
from yarl import URL

from proxy.connections import Connections
from proxy.headers import Headers, lowered
from proxy.pack_stats import TIMED_OUT, UNREACHABLE, UNREADABLE
from proxy.settings import ProxySettings

_MAX_ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.1
_MAX_HEADERS: Final = 128
_READ_BUFFER_BYTES: Final = 256 * 1024
_LARGE_BODY_BYTES: Final = 1 << 20
# What the client library would add by itself: what goes upstream is what the caller sent.
_NOT_ADDED: Final = (hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE)

# From the special to the general.
_FAILURES: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (aiohttp.ConnectionTimeoutError, TIMED_OUT, "upstream did not accept the connection in time"),
    (TimeoutError, TIMED_OUT, "upstream took too long"),
    (ClientResponseError, UNREADABLE, "upstream's answer is no HTTP"),
    (ClientPayloadError, UNREADABLE, "upstream's answer ended too early"),
    (aiohttp.ClientSSLError, UNREACHABLE, "upstream cannot be reached (no trusted TLS connection)"),
    (ValueError, UNREACHABLE, "the request cannot be sent upstream"),
    (Exception, UNREACHABLE, "upstream closed the connection without an answer"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """There is no answer: `outcome` as events name it, `message` for the caller."""

    outcome: str
    message: str
    status: int | None = None  # where there was one before it failed


@dataclass(frozen=True, slots=True)
class Exchange:
    result: Answer | Failure
    attempts: int


class Upstream:
    """Sends packs to one address."""

    def __init__(self, session: ClientSession, settings: ProxySettings) -> None:
        self._session = session
        self._url = URL(settings.upstream_url)
        self._timeout_s = settings.upstream_timeout_s
        self._max_answer_bytes = settings.max_answer_bytes

    async def forward(self, headers: list[tuple[str, str]], body: bytes, query: bytes = b"") -> Exchange:
        """Send one pack and read the answer whole. Every way it can fail is a Failure, not an exception."""
        attempts = 0
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    attempts += 1
                    try:
                        return Exchange(await self._send(headers, body, query), attempts)
                    except aiohttp.ClientConnectorError as error:
                        if attempts == _MAX_ATTEMPTS or not _was_refused(error):
                            raise
                        await asyncio.sleep(random.uniform(0, _PAUSE_S))  # noqa: S311  # jitter
        except (TimeoutError, ClientError, OSError, ValueError) as error:
            return Exchange(_failure(error), attempts)

    async def _send(self, headers: list[tuple[str, str]], body: bytes, query: bytes) -> Answer | Failure:
        url = URL(f"{self._url}?{query.decode('ascii', 'replace')}", encoded=True) if query else self._url
        data = body if len(body) < _LARGE_BODY_BYTES else io.BytesIO(body)
        async with self._session.post(url, headers=headers, data=data, allow_redirects=False) as response:
            content = await self._read(response)
            if content is None:
                response.close()
                return Failure(
                    UNREADABLE, f"upstream's answer is larger than {self._max_answer_bytes} bytes", response.status
                )
            return Answer(response.status, lowered(response.raw_headers), content)

    async def _read(self, response: ClientResponse) -> bytes | None:
        """The body, None if it is larger than the limit."""
        if (response.content_length or 0) > self._max_answer_bytes:
            return None
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._max_answer_bytes:
                return None
            chunks.append(chunk)
        return b"".join(chunks)


@asynccontextmanager
async def open_upstream(settings: ProxySettings) -> AsyncIterator[Upstream]:
    """The client, for the time of the context."""
    connector = Connections(limit=settings.max_connections, keepalive_timeout=settings.upstream_keepalive_s)
    session = ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_NOT_ADDED,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout_s),
        read_bufsize=_READ_BUFFER_BYTES,
        max_line_size=settings.max_answer_head_bytes,
        max_field_size=settings.max_answer_head_bytes,
        max_headers=_MAX_HEADERS,
    )
    async with session:
        yield Upstream(session, settings)


def _was_refused(error: aiohttp.ClientConnectorError) -> bool:
    """Nobody listens: not a byte was sent."""
    return not isinstance(error, aiohttp.ClientSSLError) and isinstance(error.os_error, ConnectionRefusedError)


def _failure(error: Exception) -> Failure:
    """What an error of the client library means; its own text may name addresses that are no caller's business."""
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        return Failure(UNREACHABLE, f"upstream cannot be reached ({_reason(error)})")
    return next(Failure(outcome, message) for kind, outcome, message in _FAILURES if isinstance(error, kind))


def _reason(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    number = error.os_error.errno
    return os.strerror(number).lower() if number else "none of its addresses answers"
