"""Reading the body of a request whole, within a size: what is not complete is not sent on."""

from starlette.types import Receive

from proxy.headers import Headers, get


class CallerGoneError(Exception):
    """The caller hung up before its body was complete."""


class BodyTooLargeError(Exception):
    """The body is larger than what is taken."""


async def read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """The body, at most `limit` bytes; with a declared length that is larger nothing is read.

    Raises CallerGoneError or BodyTooLargeError.
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
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks) if len(chunks) != 1 else chunks[0]
