"""Connections to upstream, of which one that says something unasked is not used again.

The client library keeps such bytes and takes them for the answer to the next request: a gateway that writes 408 before
it closes an idle connection, or an answer longer than its length says, would become the answer to somebody else's pack.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import TCPConnector
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey


class Answers(ResponseHandler):
    """One connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.idle = False

    def set_response_params(self, **params: Any) -> None:
        """Called before each request."""
        self.idle = False
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        if self.idle and data:  # the library calls this without data too, to go on where it paused
            self.close()
        else:
            super().data_received(data)


class Connections(TCPConnector):
    """The pool. What it overrides is the library's own, of which tests keep watch."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = partial(_new, self._loop)

    def _release(self, key: "ConnectionKey", protocol: ResponseHandler, *, should_close: bool = False) -> None:
        super()._release(key, protocol, should_close=should_close)
        if isinstance(protocol, Answers):
            protocol.idle = True


def _new(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return Answers(loop)
