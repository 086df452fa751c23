"""Reading the body of a request whole, within a size: what is not complete is not sent on.

All bodies together have a bound too, so that callers that send slowly cannot fill the memory.
"""

from typing import Self

from starlette.types import Receive

from proxy.headers import Headers, get


class CallerGoneError(Exception):
    """The caller hung up before its body was complete."""


class BodyTooLargeError(Exception):
    """The body is larger than what is taken."""


class NoRoomError(Exception):
    """All bodies that are held are as large as they may be together."""


class Held:
    """What one request holds; as a context it is given back at its end."""

    __slots__ = ("_room", "size")

    def __init__(self, room: "BodyRoom") -> None:
        self._room = room
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._room.used -= self.size

    def add(self, size: int) -> None:
        """Hold so much more. Raises NoRoomError."""
        if self._room.used + size > self._room.limit:
            raise NoRoomError
        self._room.used += size
        self.size += size


class BodyRoom:
    """The bytes of all bodies in memory, from the first that is read until the reply."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def holding(self) -> Held:
        """What is held within the context is given back at its end."""
        return Held(self)


async def read_body(receive: Receive, headers: Headers, limit: int, held: Held) -> bytes:
    """The body, at most `limit` bytes; with a declared length that is larger nothing is read.

    Raises CallerGoneError, BodyTooLargeError or NoRoomError.
    """
    declared = get(headers, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise BodyTooLargeError
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise CallerGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError
        held.add(len(chunk))
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks) if len(chunks) != 1 else chunks[0]
