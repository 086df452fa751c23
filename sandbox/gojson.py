"""JSON as the Go service behind the API writes it and complains about it: fingerprints and clients depend on the bytes.

Objects have their keys sorted bytewise at every level, there is no white space, and `<`, `>`, `&` are escaped.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

_ENCODER = msgspec.json.Encoder(order="sorted")
_ESCAPES: Final = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


def encode(value: object) -> bytes:
    """Compact, sorted, escaped. The escaped characters occur in strings only, so replacing bytes is safe."""
    text = _ENCODER.encode(value)
    for plain, escaped in _ESCAPES:
        if plain in text:
            text = text.replace(plain, escaped)
    return text


def encode_members(value: Mapping[str, object]) -> bytes:
    """The members of an object without its braces, so that an object can be put together from parts that were encoded once."""
    return encode(value)[1:-1]


def join_members(parts: Iterable[bytes]) -> bytes:
    """The object made of these parts; their names must ascend from each part to the next."""
    return b"{" + b",".join(part for part in parts if part) + b"}"


def fingerprint(data: bytes) -> str:
    """128 hexadecimal digits of unkeyed BLAKE2b, the function behind all fingerprints of the API."""
    return hashlib.blake2b(data).hexdigest()


def duration(nanoseconds: int) -> str:
    """A length of time as Go prints it: `219.701µs`."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)):
        if nanoseconds >= size:
            whole, rest = divmod(nanoseconds, size)
            fraction = f"{rest:0{len(str(size)) - 1}d}".rstrip("0")
            return f"{whole}.{fraction}{unit}" if fraction else f"{whole}{unit}"
    return f"{nanoseconds}ns"
