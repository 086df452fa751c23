"""Applies a delete in slices: hours first, then days, the lifetime document last; the position stays until the last.

While the position stands at the delete's record, whoever owns the partition finds what is left and goes on from there,
so a crash between slices costs nothing. Every slice changes the position document too (`step`), and before anything
else, so that two members that both believe they own the partition cannot both subtract.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import Decimal128, Int64, MaxKey, MinKey, encode
from pymongo import UpdateOne

from aggregator.bson_forms import update_of
from aggregator.changes import Change
from aggregator.partition import Partition
from aggregator.positions import Move
from aggregator.records import Barrier
from aggregator.store import Store
from aggregator.transaction import Document, Session
from common import documents, progress
from common.crash_points import CrashPoint, reach

SLICE_DOCUMENTS = 200
SLICE_BYTES = 4 * 1024 * 1024
# What a total never has: maps that name cartons and lists, which stay with the keystem.
KEYSTEM_ONLY = frozenset({"cartons", "offered"})
EXTREMES = (documents.LATENCY_MAX, "first_seen", "last_seen")


@dataclass(frozen=True, slots=True)
class Erasure:
    """One delete on its way through a partition."""

    store: Store
    partition: Partition

    def step(self) -> bool:
        """One slice in one transaction; True when it was the last. Raises the exceptions of `aggregator.transaction`."""
        done: bool = self.store.transactions.run(self._slice)
        return done

    def _slice(self, session: Session) -> bool:
        if hours := list(self._up_to_a_slice(session, documents.KEYDATA_HOURS, "h")):
            self._take_step(session)
            self._subtract_hours(session, hours)
            self._remove(session, documents.KEYDATA_HOURS, hours)
        elif days := list(self._up_to_a_slice(session, documents.CARTON_DAYS, "d")):
            self._take_step(session)
            self._remove(session, documents.CARTON_DAYS, days)
        else:
            self._finish(session)
            reach(CrashPoint.ERASE_WRITTEN)
            return True
        reach(CrashPoint.ERASE_SLICE)
        return False

    def _take_step(self, session: Session) -> None:
        self._compare_and_set(session, {"$inc": {"step": Int64(1)}, "$set": self.store.ownership()})

    def _compare_and_set(self, session: Session, update: Document) -> None:
        partition = self.partition
        move = Move(partition.number, partition.next_offset, partition.generation, update)
        self.store.compare_and_set(session, move)

    def _subtract_hours(self, session: Session, hours: list[Document]) -> None:
        total = self.store.database[documents.TOTALS_HOURS]
        # Never upserting: where the totals of an hour have expired, there is nothing left to subtract from.
        subtractions = [
            UpdateOne({"_id": {"p": self.partition.number, "h": hour["_id"]["h"]}}, subtraction(hour)) for hour in hours
        ]
        total.bulk_write(subtractions, ordered=False, session=session)

    def _up_to_a_slice(self, session: Session, collection: str, field: str) -> Iterator[Document]:
        keystem, size = self.partition.met_barrier()[0].subject, 0
        every = {"_id": {"$gte": {"k": keystem, field: MinKey()}, "$lte": {"k": keystem, field: MaxKey()}}}
        with self.store.database[collection].find(every, limit=SLICE_DOCUMENTS, session=session) as found:
            for document in found:
                yield document
                size += len(encode(document))
                if size >= SLICE_BYTES:
                    return

    def _remove(self, session: Session, collection: str, found: list[Document]) -> None:
        gone = {"_id": {"$in": [document["_id"] for document in found]}}
        self.store.database[collection].delete_many(gone, session=session)

    def _finish(self, session: Session) -> None:
        """Take the lifetime document out of the totals, write the receipt, and step over the delete."""
        barrier, record = self.partition.met_barrier()
        moved: Document = {"next_offset": Int64(record.offset + 1), **self.store.ownership()}
        if record.leader_epoch is not None:
            moved["leader_epoch"] = record.leader_epoch
        largest = {"log_time": progress.moment_of(record.log_ms), "end_offset": Int64(record.offset + 1)}
        self._compare_and_set(session, {"$set": moved, "$max": largest, "$unset": {"step": "", "stopped": ""}})
        reach(CrashPoint.ERASE_LAST)
        removed = self.store.database[documents.KEYDATA].find_one_and_delete({"_id": barrier.subject}, session=session)
        if removed is not None:
            self._subtract_lifetime(session, removed)
        self._write_receipt(session, barrier, removed or {})
        self._clear_quarantined(session, barrier.subject)
        source, state = self.partition.session_behind_barrier()
        self.store.write_sessions(session, self.store.session_writes(self.partition.number, {source.session: state}))

    def _subtract_lifetime(self, session: Session, removed: Document) -> None:
        update = subtraction(removed)
        extremes = self._extremes(session, removed)
        update["$set"] = {path: value for path, value in extremes.items() if value is not None}
        update["$unset"] = {path: "" for path, value in extremes.items() if value is None}
        update = {operator: fields for operator, fields in update.items() if fields}
        self.store.database[documents.TOTALS].update_one({"_id": self.partition.number}, update, session=session)

    def _extremes(self, session: Session, removed: Document) -> Document:
        """The extremes of the total that the removed document held, found anew: they cannot be subtracted."""
        totals, number = self.store.database[documents.TOTALS], self.partition.number
        total = totals.find_one({"_id": number}, dict.fromkeys(EXTREMES, 1), session=session) or {}
        held = {path for path in EXTREMES if _at(total, path) == _at(removed, path)}
        found: Document = {}
        if documents.LATENCY_MAX in held:
            found = self._slowest(session)
        if held - {documents.LATENCY_MAX}:
            found |= self._span(session)
        return {path: _at(found, path) for path in held}

    def _slowest(self, session: Session) -> Document:
        keydata, here = self.store.database[documents.KEYDATA], {"partition": self.partition.number}
        order = [(documents.LATENCY_MAX, -1)]
        return keydata.find_one(here, {documents.LATENCY_MAX: 1}, sort=order, session=session) or {}

    def _span(self, session: Session) -> Document:
        keydata, here = self.store.database[documents.KEYDATA], {"partition": self.partition.number}
        span: Document = {"_id": None, "first_seen": {"$min": "$first_seen"}, "last_seen": {"$max": "$last_seen"}}
        with keydata.aggregate([{"$match": here}, {"$group": span}], session=session) as spans:
            return next(iter(spans), {})

    def _write_receipt(self, session: Session, barrier: Barrier, removed: Document) -> None:
        cleared = {
            name: value for name, value in removed.items() if name not in {"_id", "partition", documents.LATENCY_MEAN}
        }
        receipt = {
            "_id": barrier.event_id,
            "keystem": barrier.subject,
            "actor": barrier.actor,
            "requested_at": barrier.requested_at,
            "applied_at": datetime.now(UTC),
            "topic_id": self.store.place.topic_id,
            "partition": self.partition.number,
            "offset": Int64(self.partition.next_offset),
            "cleared": cleared,
        }
        self.store.database[progress.DELETIONS].insert_one(receipt, session=session)

    def _clear_quarantined(self, session: Session, keystem: str) -> None:
        older = {
            "keystem": keystem,
            "topic": self.store.place.topic,
            "partition": self.partition.number,
            "cleared": False,
        }
        self.store.database[progress.QUARANTINE].update_many(older, {"$set": {"cleared": True}}, session=session)


def _at(document: Document, path: str) -> Any:
    found: Any = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def subtraction(document: Document) -> Document:
    """The update that takes a document's counters out of the total that holds them."""
    change = Change()
    _negate(change, "", {name: value for name, value in document.items() if name not in KEYSTEM_ONLY})
    return update_of(change)


def _negate(change: Change, prefix: str, counters: dict[str, Any]) -> None:
    for name, value in counters.items():
        path = f"{prefix}{name}"
        if path in {"_id", "partition", documents.LATENCY_MEAN, documents.LATENCY_MAX}:
            continue
        if isinstance(value, dict):
            _negate(change, f"{path}.", value)
        elif isinstance(value, Decimal128):
            change.add(path, -int(value.to_decimal()))
        elif isinstance(value, int):
            change.count(path, -value)
