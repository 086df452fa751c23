"""Pure: undo the content coding of an answer to read it, within a bound, because a small answer can unpack to anything.

What the caller gets is never changed by this.
"""

import sys
import zlib
from collections.abc import Callable
from typing import Final

import brotli  # type: ignore[import-untyped]  # the package has no types

if sys.version_info >= (3, 14):  # pragma: no cover  # the standard library has it from there on
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

_MAX_CODINGS: Final = 3
_MAX_MEMBERS: Final = 64  # each costs a copy of all that follow


class UndecodableError(Exception):
    """The content is not what its coding says, or is too large once unpacked."""


def decoded(body: bytes, codings: str, limit: int) -> bytes:
    """The content behind a Content-Encoding header; at most `limit` bytes. Raises UndecodableError."""
    names = [name for part in codings.split(",") if (name := part.strip().lower()) and name != "identity"]
    if len(names) > _MAX_CODINGS:
        raise UndecodableError(f"has {len(names)} content codings")
    for name in reversed(names):
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise UndecodableError("has a content coding that is not known here")
        try:
            body = decoder(body, limit)
        except (zlib.error, brotli.error, ZstdError, EOFError) as error:
            raise UndecodableError(f"is no {name}") from error
    return body


def _gzip(body: bytes, limit: int) -> bytes:
    """All members of a gzip file, as any reader of the format does; zeros may follow."""
    parts: list[bytes] = []
    left = limit
    while body:
        _check_members(parts)
        decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        part = _inflated(decoder, body, left)
        parts.append(part)
        left -= len(part)
        body = decoder.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _deflate(body: bytes, limit: int) -> bytes:
    """Wrapped by zlib, as the standard says, or bare, as some servers send it."""
    wrapped = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
    return _inflated(decoder, body, limit)


def _inflated(decoder: "zlib._Decompress", body: bytes, limit: int) -> bytes:
    content = decoder.decompress(body, limit + 1)
    _check(len(content), limit)
    if not decoder.eof:
        raise EOFError
    return content


def _brotli(body: bytes, limit: int) -> bytes:
    decoder = brotli.Decompressor()
    content: bytes = decoder.process(body, output_buffer_limit=limit + 1)
    _check(len(content), limit)
    if not decoder.is_finished():
        raise EOFError
    return content


def _zstd(body: bytes, limit: int) -> bytes:
    """All frames one after the other."""
    parts: list[bytes] = []
    left = limit
    while body:
        _check_members(parts)
        decoder = ZstdDecompressor()
        part = decoder.decompress(body, left + 1)
        _check(len(part), left)
        if not decoder.eof:
            raise EOFError
        parts.append(part)
        left -= len(part)
        body = decoder.unused_data
    return b"".join(parts)


def _check_members(before: list[bytes]) -> None:
    if len(before) >= _MAX_MEMBERS:
        raise UndecodableError("has too many parts that are compressed by themselves")


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise UndecodableError("is too large once unpacked")


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
