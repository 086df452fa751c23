"""Kafka's request to reorder the replicas of partitions, because the client library has none for it.

The order decides which replica is preferred as the leader, and an election among preferred ones is in the library.
"""

import socket
import struct
from collections.abc import Mapping, Sequence

_ALTER_PARTITION_REASSIGNMENTS = 45
_WITHIN_S = 5


def reassign(broker: tuple[str, int], topic: str, replicas: Mapping[int, Sequence[int]]) -> None:
    """Give partitions their replicas in this order, by one broker's word to the controller. Raises OSError."""
    request = _framed(_header() + _body(topic, replicas))
    with socket.create_connection(broker, timeout=_WITHIN_S) as connection, connection.makefile("rwb") as stream:
        stream.write(request)
        stream.flush()
        answer = stream.read(_int32(stream.read(4)))
    (error,) = struct.unpack_from(">h", answer, 4 + 1 + 4)  # behind correlation id, tags, throttle time
    if error:
        raise OSError(f"Kafka refused to reassign {topic}: error {error}")


def _framed(message: bytes) -> bytes:
    return struct.pack(">i", len(message)) + message


def _int32(data: bytes) -> int:
    if len(data) < 4:
        raise ConnectionError("the broker closed the connection")
    return int(struct.unpack(">i", data)[0])


def _header() -> bytes:
    return struct.pack(">hhih", _ALTER_PARTITION_REASSIGNMENTS, 0, 1, -1) + _NO_TAGS


def _body(topic: str, replicas: Mapping[int, Sequence[int]]) -> bytes:
    partitions = [
        struct.pack(">i", number) + _array([struct.pack(">i", node) for node in nodes]) + _NO_TAGS
        for number, nodes in replicas.items()
    ]
    name = topic.encode()
    return (
        struct.pack(">i", _WITHIN_S * 1000)
        + _array([_count(len(name)) + name + _array(partitions) + _NO_TAGS])
        + _NO_TAGS
    )


def _array(parts: Sequence[bytes]) -> bytes:
    return _count(len(parts)) + b"".join(parts)


def _count(number: int) -> bytes:
    """A length as compact fields have it: one more than it is, seven bits a byte."""
    left, digits = number + 1, bytearray()
    while left > 0x7F:
        digits.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*digits, left])


_NO_TAGS = b"\0"
