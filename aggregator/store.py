"""The only module that writes what is counted: batches with their positions, in one transaction.

The compare-and-set of all positions comes first, so that a member that was replaced fails before it touches a document.
It knows positions, sessions and changes, not what is counted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bson import Int64
from pymongo import DeleteOne, UpdateMany, UpdateOne

from aggregator.batches import Flush, SessionState, Stop
from aggregator.bson_forms import bson_id, quarantine_fields, session_fields, stop_fields, update_of
from aggregator.changes import Changes, Derived
from aggregator.positions import Ends, Move, Positions
from aggregator.transaction import UNSENDABLE, Document, Session, translated
from common import progress
from common.crash_points import CrashPoint, reach

Operation = UpdateOne | UpdateMany
Updates = list[tuple[str, list[Operation]]]
SessionWrite = UpdateOne | DeleteOne


@dataclass(frozen=True, slots=True)
class Writing:
    """A batch as it is to be written; `stop` is why its partition waits behind it, if it does."""

    flush: Flush
    ends: Ends | None = None
    stop: Stop | None = None


class Store(Positions):
    """All writes of one aggregator, in one session, from one thread."""

    def flush(self, *writings: Writing) -> None:
        """Write batches and their positions in one transaction: all of them or none. A partition comes once.

        Raises the exceptions of `aggregator.transaction`.
        """
        flushes = [writing.flush for writing in writings]
        # Made before the transaction begins: it holds the positions locked for whoever comes next.
        updates = updates_of(flush.batch.changes() for flush in flushes)
        sessions = [
            write for flush in flushes for write in self.session_writes(flush.partition, flush.sessions, flush.expired)
        ]

        def write(session: Session) -> None:
            reach(CrashPoint.FLUSH_BEGUN)
            self.advance(session, writings)
            reach(CrashPoint.FLUSH_MOVED)
            self.apply(session, updates)
            self.write_sessions(session, sessions)
            self._write_quarantined(session, flushes)
            reach(CrashPoint.FLUSH_WRITTEN)

        self.transactions.run(write)
        reach(CrashPoint.FLUSH_COMMITTED)

    def advance(self, session: Session, writings: Sequence[Writing]) -> None:
        """Compare-and-set of the positions, raising FencedError where one is no longer ours to move."""
        self.compare_and_set(session, *map(self._move, writings))

    def _move(self, writing: Writing) -> Move:
        flush, ends, stop = writing.flush, writing.ends, writing.stop
        to_set: Document = {"next_offset": Int64(flush.to), "leader_epoch": flush.leader_epoch, **self.ownership()}
        largest: Document = {"log_time": progress.moment_of(flush.log_ms)}
        if ends is not None:
            to_set["end_offset"] = Int64(max(ends.end_offset, flush.to))
            if (complete := ends.covers(flush.to)) is not None:
                largest["caught_up_at"] = complete
        update = {"$set": to_set, "$max": largest}
        if stop is None:
            update["$unset"] = {"stopped": ""}
        else:
            to_set["stopped"] = stop_fields(stop)
        return Move(flush.partition, flush.base, flush.generation, update)

    def apply(self, session: Session, updates: Updates) -> None:
        for collection, operations in updates:
            self.database[collection].bulk_write(operations, ordered=False, session=session)
            reach(CrashPoint.FLUSH_HALF)

    def session_writes(
        self, partition: int, states: dict[str, SessionState], expired: Iterable[str] = ()
    ) -> list[SessionWrite]:
        """What brings the sessions of a partition to these states."""

        def identity(name: str) -> str:
            return progress.session_id(self.place.topic_id, partition, name)

        changed = [
            UpdateOne({"_id": identity(name)}, {"$set": session_fields(state)}, upsert=True)
            for name, state in states.items()
        ]
        return [*changed, *(DeleteOne({"_id": identity(name)}) for name in expired)]

    def write_sessions(self, session: Session, writes: Sequence[SessionWrite]) -> None:
        if writes:
            # In order, so that nothing follows a write that was refused; of each kind in a row, which is one command.
            by_kind = sorted(writes, key=lambda write: isinstance(write, DeleteOne))
            self.database[progress.SESSIONS].bulk_write(by_kind, session=session)

    def _write_quarantined(self, session: Session, flushes: Iterable[Flush]) -> None:
        held = []
        for flush in flushes:
            for one in flush.quarantined:
                place = (self.place.topic_id, flush.partition, one.record.offset)
                identity = progress.quarantine_id(*place, flush.generation)
                held.append({"_id": identity, "topic": self.place.topic, **quarantine_fields(flush.partition, one)})
        if held:
            self.database[progress.QUARANTINE].insert_many(held, ordered=False, session=session)


def updates_of(batches: Iterable[Changes]) -> Updates:
    """What is written, collection by collection; what the database derives from it, last. Raises RefusedError."""
    counted: dict[str, list[Operation]] = {}
    derived: dict[str, list[Operation]] = {}
    try:
        for changes in batches:
            for (collection, identity), change in changes.documents.items():
                update = UpdateOne({"_id": bson_id(identity)}, update_of(change), upsert=True)
                counted.setdefault(collection, []).append(update)
            for one in changes.derived:
                derived.setdefault(one.collection, []).append(_derivation(one))
    except UNSENDABLE as error:
        raise translated(error) from error
    return [*counted.items(), *derived.items()]


def _derivation(derived: Derived) -> UpdateMany:
    return UpdateMany({"_id": {"$in": [bson_id(identity) for identity in derived.ids]}}, derived.pipeline)
