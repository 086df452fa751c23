"""One connection to upstream: a request goes out, its answer is read whole, and perhaps another one follows.

llhttp (httptools) parses, as leniently as usual clients do: a line may end without a carriage return, a value may hold any
byte but NUL. All is bounded: the answer, a header, their number, and bytes that are nothing yet (half a header, framing).
A connection that says something unasked, or more than its answer, is not used again: what it says next would be taken
for the answer to somebody else's pack.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, cast

import httptools

from proxy.exchange import Answer, NoAnswerError
from proxy.gathering import GatheringTransport, Turn
from proxy.headers import Headers, get
from proxy.pack_stats import TIMED_OUT, UNREACHABLE, UNREADABLE

_MAX_HEADERS: Final = 128
_SWITCHING: Final = 101
_AT_ONCE_BYTES: Final = 64 * 1024  # a larger body goes out in pieces, no faster than upstream takes it


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    body_bytes: int
    header_bytes: int


class Connection(asyncio.Protocol):
    """For one exchange at a time."""

    def __init__(self, limits: AnswerLimits, turn: Turn) -> None:
        self.reusable = True  # as far as the last exchange goes
        self.idle_since = 0.0  # the pool's own note
        self._limits = limits
        self._turn = turn
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._waiter: asyncio.Future[Answer] | None = None  # None while nothing is asked
        self._unsent = memoryview(b"")
        self._paused = False
        self._begin()

    def _begin(self) -> None:
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._size = 0
        self._status = 0  # 0 until the head is complete
        self._number_of_headers = 0
        self._quiet_bytes = 0  # since something came of them
        self._complete = False
        self._refusal: NoAnswerError | None = None  # why the parser was stopped

    async def exchange(self, head: bytes, body: bytes, until_s: float) -> Answer:
        """Send a request and wait for its answer, until that time of the loop.

        Raises NoAnswerError; cancelled, it ends the connection.
        """
        loop = asyncio.get_running_loop()
        self._begin()
        self._waiter = loop.create_future()
        timer = loop.call_at(until_s, self._is_late)
        if len(body) <= _AT_ONCE_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._send_more()
        try:
            return await self._waiter
        finally:
            timer.cancel()
            if not self._complete:
                self.close()
            self._waiter = None

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    def close(self) -> None:
        """At once: what is not sent or read by now is of no use to anybody."""
        self.reusable = False
        self._transport.abort()

    # ---- the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = GatheringTransport(cast("asyncio.Transport", transport), self._turn)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._send_more()

    def _send_more(self) -> None:
        while self._unsent and not self._paused and self.is_open:
            piece, self._unsent = self._unsent[:_AT_ONCE_BYTES], self._unsent[_AT_ONCE_BYTES:]
            self._transport.write(piece)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.close()
            return
        self._quiet_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):  # what follows an upgrade is not for us
            self.reusable = False
            if not self._complete:
                self._fail(self._refusal or _no_http())
        if self._complete:
            self._succeed()
        elif self._quiet_bytes > self._limits.header_bytes:
            self._fail(_no_http())

    def eof_received(self) -> None:
        self._ended()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # however it ended
        self._ended()

    def _ended(self) -> None:
        self.reusable = False
        if self._waiter is None or self._complete:
            return
        if not self._status:
            self._fail(NoAnswerError(UNREACHABLE, "upstream closed the connection without an answer"))
        elif _ends_with_connection(self._headers):
            self._complete = True
            self._succeed()
        else:
            self._fail(NoAnswerError(UNREADABLE, "upstream's answer ended too early"))

    def _is_late(self) -> None:
        self._fail(too_slow())

    def _succeed(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._waiter.set_result(Answer(self._status, self._headers, body))

    def _fail(self, error: NoAnswerError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        self.close()

    # ---- what the parser finds

    def on_message_begin(self) -> None:
        if self._complete:
            raise _no_http()  # more than was asked for

    def on_status(self, reason: bytes) -> None:
        self._check_header(len(reason))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._number_of_headers += 1
        self._check_header(len(name) + len(value))
        if b"\0" in value:
            raise self._stopped(_no_http())
        if not self._status:  # a trailer is no header
            self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        declared = get(self._headers, b"content-length")
        if declared is not None and int(declared) > self._limits.body_bytes:
            raise self._stopped(self._too_large())

    def on_body(self, data: bytes) -> None:
        self._quiet_bytes = 0
        self._size += len(data)
        if self._size > self._limits.body_bytes:
            raise self._stopped(self._too_large())
        self._body.append(data)

    def on_message_complete(self) -> None:
        if self._status < 200 and self._status != _SWITCHING:
            self._begin()  # the answer is still to come
            return
        self._complete = True
        if not self._parser.should_keep_alive() or self._unsent or self._transport.get_write_buffer_size():
            self.reusable = False  # an answer to half a request: the rest must not become another one

    def _check_header(self, size: int) -> None:
        self._quiet_bytes = 0
        if size > self._limits.header_bytes or self._number_of_headers > _MAX_HEADERS:
            raise self._stopped(_no_http())

    def _too_large(self) -> NoAnswerError:
        return NoAnswerError(
            UNREADABLE, f"upstream's answer is larger than {self._limits.body_bytes} bytes", self._status
        )

    def _stopped(self, error: NoAnswerError) -> NoAnswerError:
        self._refusal = error
        return error


def too_slow() -> NoAnswerError:
    return NoAnswerError(TIMED_OUT, "upstream took too long")


def _no_http() -> NoAnswerError:
    return NoAnswerError(UNREADABLE, "upstream's answer is no HTTP")


def _ends_with_connection(headers: Headers) -> bool:
    """Whether the end of the connection is the end of the body (RFC 9112, 6.3)."""
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings:
        return codings[-1].rpartition(b",")[2].strip() != b"chunked"
    return get(headers, b"content-length") is None
