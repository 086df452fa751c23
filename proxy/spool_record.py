"""What the spool holds: records, and the groups of them that were committed together.

A row of the spool is a whole group, because a row per record is the larger part of the cost of a commit.
"""

import msgspec


class SpoolRecord(msgspec.Struct, array_like=True, frozen=True):
    """One event on its way to Kafka: where it goes, its bytes, and what the sender must know about it."""

    partition: int
    key: str
    value: bytes
    occurred_ms: int
    is_delete: bool = False


class Group(msgspec.Struct, frozen=True):
    """Records that one commit made durable, in the order in which they were appended."""

    id: int  # grows for ever in a spool, also over restarts
    records: list[SpoolRecord]


class Removal(msgspec.Struct, frozen=True):
    """A group that is done with: every record was acknowledged by Kafka, or is to be kept aside."""

    group: int
    aside: tuple[SpoolRecord, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[SpoolRecord])


def encode(records: list[SpoolRecord]) -> bytes:
    return _encoder.encode(records)


def decode(data: bytes) -> list[SpoolRecord]:
    """Raises msgspec.MsgspecError where these are not the bytes that were written."""
    return _decoder.decode(data)
