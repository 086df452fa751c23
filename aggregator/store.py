"""The only module that writes to MongoDB: claims a partition, and writes a batch with its position in one transaction.

The compare-and-set on the position comes first, so that a member that was replaced fails before it locks anything.
It knows positions, sessions and changes, not what is counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pymongo
import structlog
from bson import Binary, Int64
from pymongo import MongoClient, UpdateMany, UpdateOne
from pymongo.errors import PyMongoError

from aggregator.batches import Claim, Flush, SessionState, Stop
from aggregator.bson_forms import (
    bson_id,
    claim_of,
    quarantine_fields,
    session_fields,
    session_state,
    stop_fields,
    update_of,
)
from aggregator.changes import Changes
from aggregator.partition import Partition
from aggregator.transaction import (
    ATTEMPT_S,
    Document,
    FencedError,
    Session,
    Transactions,
    UnavailableError,
    translated,
)
from common import progress
from common.crash_points import CrashPoint, reach

UUID_SUBTYPE = 4
OWNERSHIP_S = 1.0  # of saying that a partition is ours; somebody's transaction may hold the position until it ends

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the log of a partition ended, asked of Kafka at `asked_at`."""

    end_offset: int
    asked_at: datetime

    def covers(self, next_offset: int) -> datetime | None:
        """Up to when everything is counted at that position, if the log held no more then."""
        return self.asked_at if next_offset >= self.end_offset else None


@dataclass(frozen=True, slots=True)
class Place:
    """Which log the positions belong to, and who writes them."""

    topic: str
    topic_id: str
    owner: str


class Store:
    """All writes of one aggregator, in one session, from one thread."""

    def __init__(self, client: MongoClient[Document], database: str, place: Place) -> None:
        self._client = client
        self.database = client[database]
        self.place = place
        self.transactions = Transactions(client)

    def ping(self) -> None:
        """One question to the primary. Raises UnavailableError or another StoreError while there is no answer."""
        try:
            with pymongo.timeout(ATTEMPT_S):
                self._client.admin.command("ping")
        except PyMongoError as error:
            raise translated(error) from error

    # --- claim -------------------------------------------------------------------------------------------------------

    def claim(self, partition: int) -> Claim | None:
        """Position and sessions of one instant; None where the partition has no position. Writes nothing, so that two
        members that both believe they own a partition cannot steal from each other for ever.
        """

        def read(session: Session) -> Claim | None:
            position = self.database[progress.POSITIONS].find_one(
                {"_id": self._position_id(partition)}, session=session
            )
            if position is None:
                return None
            prefix = f"{self.place.topic_id}:{partition}:"
            within = {"_id": {"$gte": prefix, "$lt": prefix[:-1] + ";"}}
            found = self.database[progress.SESSIONS].find(within, session=session)
            return claim_of(position, {state["_id"].removeprefix(prefix): session_state(state) for state in found})

        result: Claim | None = self.transactions.run(read)
        return result

    def take_over(self, partition: int, claim: Claim) -> None:
        """End what a member before may have left open, and say that the partition is ours.

        Best effort: a flush is fenced whatever comes of it. Raises UnavailableError alone.
        """
        if claim.lsid is not None and claim.lsid != self.transactions.lsid:
            self._kill_session(claim.lsid)
            reach(CrashPoint.CLAIM_KILLED)
        expected = self._expected(partition, claim.next_offset, claim.generation)
        try:
            with pymongo.timeout(OWNERSHIP_S):
                self.database[progress.POSITIONS].update_one(
                    expected, {"$set": self.ownership(), "$unset": {"stopped": ""}}
                )
        except PyMongoError as error:
            log.info("ownership not recorded", partition=partition, error=str(error))

    def _kill_session(self, lsid: bytes) -> None:
        try:
            with pymongo.timeout(ATTEMPT_S):
                self._client.admin.command("killSessions", [{"id": Binary(lsid, UUID_SUBTYPE)}])
        except PyMongoError as error:
            if isinstance(meaning := translated(error), UnavailableError):
                raise meaning from error
            log.warning("foreign session not ended", error=str(error))

    def give_up(self, partition: int) -> None:
        """Say that our session holds nothing of the partition any more, so that its next owner need not kill it."""
        try:
            with pymongo.timeout(ATTEMPT_S):
                self.database[progress.POSITIONS].update_one(
                    self._owned(partition), {"$unset": {"lsid": "", "owner": ""}}
                )
        except PyMongoError as error:
            raise translated(error) from error

    # --- flush -------------------------------------------------------------------------------------------------------

    def flush(self, flush: Flush, ends: Ends | None, stop: Stop | None) -> None:
        """Write a batch and its position in one transaction; `stop` is why the partition waits behind it, if it does.

        Raises the exceptions of `aggregator.transaction`.
        """
        changes = flush.batch.changes()

        def write(session: Session) -> None:
            reach(CrashPoint.FLUSH_BEGUN)
            self.advance(session, flush, ends, stop)
            reach(CrashPoint.FLUSH_MOVED)
            self.apply(session, changes)
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

    def compare_and_set(self, session: Session, partition: int, expected: tuple[int, int], update: Document) -> None:
        """Change a position that still is as (next_offset, generation) say, else raise FencedError."""
        found = self.database[progress.POSITIONS].update_one(
            self._expected(partition, *expected), update, session=session
        )
        if found.matched_count == 0:
            raise FencedError(
                f"partition {partition} is not at {expected[0]} any more: another aggregator made progress"
            )

    def apply(self, session: Session, changes: Changes) -> None:
        by_collection: dict[str, list[UpdateOne]] = {}
        for (collection, identity), change in changes.documents.items():
            by_collection.setdefault(collection, []).append(
                UpdateOne({"_id": bson_id(identity)}, update_of(change), upsert=True)
            )
        for collection, updates in by_collection.items():
            self.database[collection].bulk_write(updates, ordered=False, session=session)
            reach(CrashPoint.FLUSH_HALF)
        for derived in changes.derived:
            touched = {"_id": {"$in": [bson_id(identity) for identity in derived.ids]}}
            self.database[derived.collection].bulk_write([UpdateMany(touched, derived.pipeline)], session=session)

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

    # --- beside the batches ------------------------------------------------------------------------------------------

    def renew(self, partitions: Iterable[Partition], ends: dict[int, Ends]) -> None:
        """Say of idle partitions up to when they are complete."""
        updates = []
        for partition in partitions:
            if (known := ends.get(partition.number)) is None:
                continue
            update: Document = {"$set": {"end_offset": Int64(known.end_offset)}}
            if (complete := known.covers(partition.written)) is not None:
                update["$max"] = {"caught_up_at": complete}
            updates.append(UpdateOne(self._expected(partition.number, partition.written, partition.generation), update))
        self._write_positions(updates)
        if updates:
            reach(CrashPoint.RENEWED)

    def mark_stopped(self, partition: int, stop: Stop) -> None:
        """Leave word for the operator why a partition waits, once, unless it has another owner, who may not agree."""
        unsaid = {**self._owned(partition), "stopped": None}
        self._write_positions([UpdateOne(unsaid, {"$set": {"stopped": stop_fields(stop)}})])

    def has_moved(self, partition: Partition) -> bool:
        """Whether the position is no longer where it was left: an operator moved it, or another member went on."""
        fields = {"next_offset": True, "generation": True}
        try:
            with pymongo.timeout(ATTEMPT_S):
                found = self.database[progress.POSITIONS].find_one({"_id": self._position_id(partition.number)}, fields)
        except PyMongoError as error:
            raise translated(error) from error
        there = None if found is None else (int(found["next_offset"]), int(found["generation"]))
        return there != (partition.written, partition.generation)

    def _write_positions(self, updates: list[UpdateOne]) -> None:
        if not updates:
            return
        try:
            with pymongo.timeout(ATTEMPT_S):
                self.database[progress.POSITIONS].bulk_write(updates, ordered=False)
        except PyMongoError as error:
            raise translated(error) from error

    def _position_id(self, partition: int) -> str:
        return progress.position_id(self.place.topic_id, partition)

    def _expected(self, partition: int, next_offset: int, generation: int) -> Document:
        return {
            "_id": self._position_id(partition),
            "next_offset": Int64(next_offset),
            "generation": Int64(generation),
        }

    def _owned(self, partition: int) -> Document:
        return {"_id": self._position_id(partition), "lsid": Binary(self.transactions.lsid, UUID_SUBTYPE)}

    def ownership(self) -> Document:
        """The fields of a position that say who holds it, and in which session."""
        return {"owner": self.place.owner, "lsid": Binary(self.transactions.lsid, UUID_SUBTYPE)}

    def close(self) -> None:
        self.transactions.close()
