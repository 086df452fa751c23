"""The only module that writes what is counted: a batch with its position, in one transaction.

The compare-and-set on the position comes first, so that a member that was replaced fails before it locks anything.
It knows positions, sessions and changes, not what is counted.
"""

from collections.abc import Iterable

from bson import Int64
from pymongo import UpdateMany, UpdateOne

from aggregator.batches import Flush, SessionState, Stop
from aggregator.bson_forms import bson_id, quarantine_fields, session_fields, stop_fields, update_of
from aggregator.changes import Changes, Derived
from aggregator.positions import Ends, Positions
from aggregator.transaction import UNSENDABLE, Document, Session, translated
from common import progress
from common.crash_points import CrashPoint, reach

Operation = UpdateOne | UpdateMany
Updates = list[tuple[str, list[Operation]]]


class Store(Positions):
    """All writes of one aggregator, in one session, from one thread."""

    def flush(self, flush: Flush, ends: Ends | None, stop: Stop | None) -> None:
        """Write a batch and its position in one transaction; `stop` is why the partition waits behind it, if it does.

        Raises the exceptions of `aggregator.transaction`.
        """
        # Made before the transaction begins: it holds the position locked for whoever comes next.
        updates = updates_of(flush.batch.changes())

        def write(session: Session) -> None:
            reach(CrashPoint.FLUSH_BEGUN)
            self.advance(session, flush, ends, stop)
            reach(CrashPoint.FLUSH_MOVED)
            self.apply(session, updates)
            self.write_sessions(session, flush.partition, flush.sessions, flush.expired)
            self._write_quarantined(session, flush)
            reach(CrashPoint.FLUSH_WRITTEN)

        self.transactions.run(write)
        reach(CrashPoint.FLUSH_COMMITTED)

    def advance(self, session: Session, flush: Flush, ends: Ends | None, stop: Stop | None) -> None:
        """Compare-and-set of the position, raising FencedError where it is no longer ours to move."""
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
        self.compare_and_set(session, flush.partition, (flush.base, flush.generation), update)

    def apply(self, session: Session, updates: Updates) -> None:
        for collection, operations in updates:
            self.database[collection].bulk_write(operations, ordered=False, session=session)
            reach(CrashPoint.FLUSH_HALF)

    def write_sessions(
        self, session: Session, partition: int, states: dict[str, SessionState], expired: Iterable[str] = ()
    ) -> None:
        name_id = self.place.topic_id
        sessions = self.database[progress.SESSIONS]
        if states:
            sessions.bulk_write(
                [
                    UpdateOne(
                        {"_id": progress.session_id(name_id, partition, name)},
                        {"$set": session_fields(state)},
                        upsert=True,
                    )
                    for name, state in states.items()
                ],
                ordered=False,
                session=session,
            )
        if gone := [progress.session_id(name_id, partition, name) for name in expired]:
            sessions.delete_many({"_id": {"$in": gone}}, session=session)

    def _write_quarantined(self, session: Session, flush: Flush) -> None:
        if flush.quarantined:
            held = []
            for one in flush.quarantined:
                place = (self.place.topic_id, flush.partition, one.record.offset)
                identity = progress.quarantine_id(*place, flush.generation)
                held.append({"_id": identity, "topic": self.place.topic, **quarantine_fields(flush.partition, one)})
            self.database[progress.QUARANTINE].insert_many(held, ordered=False, session=session)


def updates_of(changes: Changes) -> Updates:
    """What is written, collection by collection; what the database derives from it, last. Raises RefusedError."""
    by_collection: dict[str, list[Operation]] = {}
    try:
        for (collection, identity), change in changes.documents.items():
            update = UpdateOne({"_id": bson_id(identity)}, update_of(change), upsert=True)
            by_collection.setdefault(collection, []).append(update)
    except UNSENDABLE as error:
        raise translated(error) from error
    return [*by_collection.items(), *map(_derivation, changes.derived)]


def _derivation(derived: Derived) -> tuple[str, list[Operation]]:
    touched = {"_id": {"$in": [bson_id(identity) for identity in derived.ids]}}
    return derived.collection, [UpdateMany(touched, derived.pipeline)]
