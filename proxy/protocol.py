"""HTTP/1.1 as the server library speaks it, but for what users of a proxy rely on, and what strangers must not have.

An Upgrade that is not taken is ignored, body and all (Java's client offers one with every pack; the parser would take
the body for another protocol). What is no HTTP is answered in JSON like any other error, after the requests before it.
A caller that closes its half of the connection still gets its answers. Trailers are read and mean nothing.
Heads, their time, the time for taking an answer, and the number of connections and of requests in a row have limits.
"""

from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from proxy.deadline import Deadline
from proxy.gathering import GatheringTransport, Turn
from proxy.refusal import Refusal, RefusedError, problem
from proxy.settings import ProxySettings

_LINE_BYTES: Final = 4  # colon, space and line end of a header
_SPENT: Final = "the connection had more requests waiting than are taken"


_NO_HTTP: Final = Refusal(400, "this is no valid HTTP request")


class ProxyProtocol(HttpToolsProtocol):
    """One connection of a caller."""

    def __init__(self, limits: ProxySettings, turn: Turn, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._limits = limits
        self._turn = turn
        self._active: RequestResponseCycle | None = None  # the request that is being answered; `cycle` came in last
        self._in_message = False
        self._in_head = False
        self._begun = 0  # messages that began in the bytes that are being read
        self._head_bytes = 0
        self._idle_bytes = 0  # in a body, without a byte of it: framing, trailers
        self._stop: Refusal | None = None  # why the parser was stopped
        self._refusal: Refusal | None = None  # nothing is read any more
        self._retiring = False  # the process is about to end
        self._head_deadline = Deadline(self.loop, limits.head_timeout_s, self._head_is_late)
        self._send_deadline = Deadline(self.loop, limits.send_timeout_s, self._answer_is_not_taken)

    # ---- the connection

    def connection_made(self, transport: Any) -> None:
        super().connection_made(GatheringTransport(transport, self._turn))
        if len(self.connections) > self._limits.max_callers:
            self._refuse(Refusal(503, "too many connections at once"))
        else:
            self._close_unless_used()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_deadline.end()
        self._send_deadline.end()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # the library never keeps the other half
        """A caller that has said all it has to say may still listen; over TLS there is no half of a connection."""
        if self.scheme != "http" or not self._busy or not self._forget_message():
            return None
        self._refusal = Refusal(None, "the caller has closed its half")
        self._head_deadline.end()
        self._last.keep_alive = False
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._send_deadline.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._send_deadline.end()

    def retire(self) -> None:
        """The request that is being answered, or else the next one, is the last of this connection."""
        self._retiring = True
        if self._busy:
            self._last.keep_alive = False

    def shutdown(self) -> None:
        """The process ends: so does the connection, unless a request has begun to come in."""
        self.retire()
        if not self._in_head:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    # ---- what the parser finds

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unset_keepalive_if_required()
        self._in_message = self._in_head = True
        self._begun += 1
        self._head_bytes = self._idle_bytes = 0
        self._head_deadline.begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # a trailer must not become a header behind everybody's back
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._size_of_head() > self._limits.head_max_bytes:
            raise self._stopped(self._too_large())
        if len(self.pipeline) >= self._limits.max_pipelined:
            self._last.keep_alive = False
            raise self._stopped(Refusal(None, _SPENT))
        if not self._offers_upgrade():
            self._head_deadline.end()
            self._unset_keepalive_if_required()
            if self._retiring and self._busy:
                self._last.keep_alive = True  # this one follows
            super().on_headers_complete()
            if self._retiring:
                self._last.keep_alive = False
        self._in_head = False  # not before: what the library cannot make a request of has no answer coming

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offers_upgrade():
            return
        self._in_message = False
        if self.cycle.response_complete:  # what came behind the answer is dropped; now the connection is free
            self._close_unless_used()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._send_deadline.begin()
        elif not self._busy:
            if self._refusal is not None:
                self._end(self._refusal)
            elif self._in_message and not self._in_head:  # its answer was made without its body
                self._close_unless_used(self._limits.body_timeout_s)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        continued, self._begun = self._in_message, 0
        if continued and not self._in_head:
            self._idle_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(self._stop or _NO_HTTP)
            return
        if self._in_head:
            # Of a head that began in the middle of these bytes only what was parsed of it is known.
            whole = self._begun <= (0 if continued else 1)
            self._head_bytes = self._head_bytes + len(data) if whole else self._size_of_head()
        if max(self._head_bytes if self._in_head else 0, self._idle_bytes) > self._limits.head_max_bytes:
            self._refuse(self._too_large())

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if not self._offers_upgrade():
                    return  # CONNECT, which has its answer
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
            else:
                return

    # ---- the end

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    @property
    def _busy(self) -> bool:
        """Whether a request is here that has no answer yet."""
        return self._active is not None and not self._active.response_complete

    @property
    def _last(self) -> RequestResponseCycle:
        """The last of the requests that are here."""
        return self.pipeline[0][0] if self.pipeline else self.cycle

    def _refuse(self, refusal: Refusal) -> None:
        """End the connection, once the requests before this have their answers."""
        self._refusal = refusal
        self._head_deadline.end()
        if not self._busy:
            answered = self._in_message and not self._in_head
            self._end(Refusal(None, refusal.message) if answered else refusal)
        elif not self._forget_message():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._end(refusal)

    def _forget_message(self) -> bool:
        """Forget the request that is not here in whole; False if it is already being answered."""
        if self._in_message and not self._in_head:
            if self.cycle is self._active:
                return False
            self.pipeline.popleft()
        return True

    def _end(self, refusal: Refusal) -> None:
        if refusal.status is not None and not self.transport.is_closing():
            self.transport.write(problem(refusal.status, refusal.message))
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self._send_deadline.begin()

    def _close_unless_used(self, within_s: float | None = None) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive if within_s is None else within_s, self.timeout_keep_alive_handler
        )

    def _stopped(self, refusal: Refusal) -> RefusedError:
        self._stop = refusal
        return RefusedError()

    def _head_is_late(self) -> None:
        self._refuse(Refusal(408, "the head of the request did not come in time"))

    def _answer_is_not_taken(self) -> None:
        self.transport.abort()

    def _too_large(self) -> Refusal:
        return Refusal(431, f"the head of the request is larger than {self._limits.head_max_bytes} bytes")

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + _LINE_BYTES for name, value in self.headers)

    def _offers_upgrade(self) -> bool:
        """Whether the parser will take what follows for another protocol. CONNECT is no offer but a demand."""
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _head_without_upgrade(self) -> bytes:
        """The head that was just parsed, to be parsed again."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])
