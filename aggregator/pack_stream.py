"""Pure: judges each record of the log, whatever its bytes: a pack, a delete, newer than this program, or poison."""

import msgspec

from aggregator.fold import PackBatch, bounded_moment
from aggregator.records import Barrier, Foldable, Newer, Poison, Reading, Record, Source
from common import progress
from common.events import MAX_EVENT_BYTES, SCHEMA, PackEvent, decode, decode_identity, decode_schema, event_id
from common.identity import started_ms
from common.topic import partition_of


class PackStream:
    """The stream of packs and deletes, over so many partitions."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions

    def read(self, record: Record, partition: int) -> Reading:
        value = record.value
        if value is None:
            return Poison("no value", None, None)
        try:
            event = decode(value)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return _unreadable(value, f"not an event: {error!s:.200}", partition)
        if problem := _bad_identity(event.session, event.seq, event.partition, partition):
            return Poison(problem, None, event.keystem)
        source = Source(event.session, event.seq)
        if problem := self._out_of_place(event.keystem, partition) or _too_large(value):
            return Poison(problem, source, event.keystem)
        if isinstance(event, PackEvent):
            return Foldable(source, event.keystem, "pack", event.occurred_at, event)
        identity = event_id(event.session, event.partition, event.seq)
        requested_at, _ = bounded_moment(event.occurred_at, progress.moment_of(record.log_ms))
        return Barrier(source, event.keystem, identity, event.actor, requested_at)

    def new_batch(self, partition: int) -> PackBatch:
        return PackBatch(partition)

    def _out_of_place(self, keystem: str, partition: int) -> str | None:
        """A keystem's documents are written by one partition alone; another one would count what no delete clears."""
        home = partition_of(keystem, self._partitions)
        return None if home == partition else f"keystem of another partition: belongs to {home}, lies in {partition}"


def _too_large(value: bytes) -> str | None:
    return f"too large: {len(value)} bytes" if len(value) > MAX_EVENT_BYTES else None


def _unreadable(value: bytes, problem: str, partition: int) -> Reading:
    schema = decode_schema(value)
    if schema is not None and schema > SCHEMA:
        return Newer(schema)
    identity = decode_identity(value)
    if identity is None:
        return Poison(problem, None, None)
    readable = _bad_identity(identity.session, identity.seq, identity.partition, partition) is None
    source = Source(identity.session, identity.seq) if readable else None
    return Poison(problem, source, identity.keystem if isinstance(identity.keystem, str) else None)


def _bad_identity(session: str, seq: int, claimed: int, partition: int) -> str | None:
    if started_ms(session) is None:
        return "session is no UUIDv7"
    if not 1 <= seq < 1 << 62:
        return "seq out of bounds"
    if claimed != partition:
        return f"another partition: says {claimed}, lies in {partition}"
    return None
