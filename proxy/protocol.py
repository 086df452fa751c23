"""HTTP/1.1 as the server library speaks it, but for three things that users of a proxy rely on.

An Upgrade that is not taken is ignored, body and all (Java's client offers one with every pack; the parser would take
the body for another protocol). A head has a limit. What is no HTTP is answered in JSON like any other error.
"""

from email.utils import formatdate
from typing import Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 * 1024

_REASONS: Final = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}


class ProxyProtocol(HttpToolsProtocol):
    """One connection of a caller."""

    _in_head = False
    _head_bytes = 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        if not self._offers_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._offers_upgrade():
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if not self._offers_upgrade():
                    return  # CONNECT, which has its answer
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError:
                self.refuse(400, "this is no valid HTTP request")
                return
            else:
                break
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.refuse(431, f"the head of the request is larger than {MAX_HEAD_BYTES} bytes")

    def refuse(self, status: int, message: str) -> None:
        """Answer what cannot become a request, and end the connection."""
        body = b'{"Message":"%b"}' % message.encode()
        lines = [
            b"HTTP/1.1 %d %b" % (status, _REASONS[status]),
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"date: " + formatdate(usegmt=True).encode(),
            b"connection: close",
            b"",
            body,
        ]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()

    def _offers_upgrade(self) -> bool:
        """Whether the parser will take what follows for another protocol. CONNECT is no offer but a demand."""
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _head_without_upgrade(self) -> bytes:
        """The head that was just parsed, to be parsed again."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])
