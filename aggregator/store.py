"""The only module that writes to MongoDB: claims a partition, and writes a batch with its position in one transaction.

The compare-and-set on the position comes first, so that a member that was replaced fails before it locks anything.
It knows positions, sessions and changes, not what is counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pymongo
from bson import Binary, Int64
from pymongo import MongoClient, UpdateMany, UpdateOne
from pymongo.errors import PyMongoError

from aggregator.bson_forms import bson_id, claim_of, session_state, update_of
from aggregator.changes import Changes
from aggregator.partition import Claim, Flush, Partition, Quarantined, SessionState, Stop
from aggregator.records import Source
from aggregator.transaction import ATTEMPT_S, Document, FencedError, Session, Transactions, translated
from common import documents

UUID_SUBTYPE = 4


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
            position = self.database[documents.POSITIONS].find_one(
                {"_id": self._position_id(partition)}, session=session
            )
            if position is None:
                return None
            prefix = f"{self.place.topic_id}:{partition}:"
            within = {"_id": {"$gte": prefix, "$lt": prefix[:-1] + ";"}}
            found = self.database[documents.SESSIONS].find(within, session=session)
            return claim_of(position, {state["_id"].removeprefix(prefix): session_state(state) for state in found})

        result: Claim | None = self.transactions.run(read)
        return result

    def take_over(self, partition: int, claim: Claim) -> None:
        """End what a member before may have left open, and say that the partition is ours; best effort, fenced later."""
        own = self.transactions.lsid
        try:
            with pymongo.timeout(ATTEMPT_S):
                if claim.lsid is not None and claim.lsid != own:
                    self._client.admin.command("killSessions", [{"id": Binary(claim.lsid, UUID_SUBTYPE)}])
                self.database[documents.POSITIONS].update_one(
                    self._expected(partition, claim.next_offset, claim.generation),
                    {"$set": self._ownership(), "$unset": {"stopped": ""}},
                )
        except PyMongoError as error:
            raise translated(error) from error

    def give_up(self, partition: int) -> None:
        """Say that our session holds nothing of the partition any more, so that its next owner need not kill it."""
        mine = {"_id": self._position_id(partition), "lsid": Binary(self.transactions.lsid, UUID_SUBTYPE)}
        try:
            with pymongo.timeout(ATTEMPT_S):
                self.database[documents.POSITIONS].update_one(mine, {"$unset": {"lsid": "", "owner": ""}})
        except PyMongoError as error:
            raise translated(error) from error

    # --- flush -------------------------------------------------------------------------------------------------------

    def flush(self, flush: Flush, ends: Ends | None) -> None:
        """Write a batch and its position in one transaction. Raises the exceptions of `aggregator.transaction`."""
        changes = flush.batch.changes()

        def write(session: Session) -> None:
            self.advance(session, flush, ends)
            self.apply(session, changes)
            self.write_sessions(session, flush.partition, flush.sessions, flush.expired)
            self._write_quarantined(session, flush)

        self.transactions.run(write)

    def advance(self, session: Session, flush: Flush, ends: Ends | None) -> None:
        """Compare-and-set of the position, raising FencedError where it is no longer ours to move."""
        to_set: Document = {"next_offset": Int64(flush.to), "leader_epoch": flush.leader_epoch, **self._ownership()}
        largest: Document = {"log_time": documents.moment_of(flush.log_ms)}
        if ends is not None:
            to_set["end_offset"] = Int64(max(ends.end_offset, flush.to))
            if (complete := ends.covers(flush.to)) is not None:
                largest["caught_up_at"] = complete
        self.compare_and_set(
            session,
            flush.partition,
            (flush.base, flush.generation),
            {"$set": to_set, "$max": largest, "$unset": {"stopped": ""}},
        )

    def compare_and_set(self, session: Session, partition: int, expected: tuple[int, int], update: Document) -> None:
        """Change a position that still is as (next_offset, generation) say, else raise FencedError."""
        found = self.database[documents.POSITIONS].update_one(
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
        for derived in changes.derived:
            touched = {"_id": {"$in": [bson_id(identity) for identity in derived.ids]}}
            self.database[derived.collection].bulk_write([UpdateMany(touched, derived.pipeline)], session=session)

    def write_sessions(
        self, session: Session, partition: int, states: dict[str, SessionState], expired: Iterable[str] = ()
    ) -> None:
        name_id = self.place.topic_id
        sessions = self.database[documents.SESSIONS]
        if states:
            sessions.bulk_write(
                [
                    UpdateOne(
                        {"_id": documents.session_id(name_id, partition, name)},
                        {
                            "$set": {
                                "upto": Int64(state.seen.upto),
                                "ranges": [[Int64(first), Int64(last)] for first, last in state.seen.ranges],
                                "log_time": documents.moment_of(state.log_ms),
                            }
                        },
                        upsert=True,
                    )
                    for name, state in states.items()
                ],
                ordered=False,
                session=session,
            )
        if gone := [documents.session_id(name_id, partition, name) for name in expired]:
            sessions.delete_many({"_id": {"$in": gone}}, session=session)

    def _write_quarantined(self, session: Session, flush: Flush) -> None:
        if flush.quarantined:
            held = [self._quarantine_document(flush.partition, quarantined) for quarantined in flush.quarantined]
            self.database[documents.QUARANTINE].insert_many(held, ordered=False, session=session)

    def _quarantine_document(self, partition: int, held: Quarantined) -> Document:
        source: Source | None = held.source
        return {
            "_id": documents.quarantine_id(self.place.topic_id, partition, held.record.offset),
            "topic": self.place.topic,
            "partition": partition,
            "offset": Int64(held.record.offset),
            "log_time": documents.moment_of(held.record.log_ms),
            "reason": held.reason,
            "key": held.record.key,
            "value": held.record.value,
            "session": source.session if source else None,
            "seq": Int64(source.seq) if source else None,
            "keystem": held.subject[:128] if held.subject else None,
            "cleared": False,
        }

    # --- beside the batches ------------------------------------------------------------------------------------------

    def renew(self, partitions: Iterable[Partition], ends: dict[int, Ends]) -> None:
        """Say of idle partitions up to when they are complete."""
        updates = []
        for partition in partitions:
            if (known := ends.get(partition.number)) is None:
                continue
            update: Document = {"$set": {"end_offset": Int64(known.end_offset)}}
            if (complete := known.covers(partition.base)) is not None:
                update["$max"] = {"caught_up_at": complete}
            updates.append(UpdateOne(self._expected(partition.number, partition.base, partition.generation), update))
        self._write_positions(updates)

    def mark_stopped(self, partition: int, stop: Stop) -> None:
        """Leave word for the operator why a partition waits."""
        word = {"reason": stop.reason, "detail": stop.detail[:500], "at": datetime.now(UTC)}
        self._write_positions([UpdateOne({"_id": self._position_id(partition)}, {"$set": {"stopped": word}})])

    def _write_positions(self, updates: list[UpdateOne]) -> None:
        if not updates:
            return
        try:
            with pymongo.timeout(ATTEMPT_S):
                self.database[documents.POSITIONS].bulk_write(updates, ordered=False)
        except PyMongoError as error:
            raise translated(error) from error

    def _position_id(self, partition: int) -> str:
        return documents.position_id(self.place.topic_id, partition)

    def _expected(self, partition: int, next_offset: int, generation: int) -> Document:
        return {
            "_id": self._position_id(partition),
            "next_offset": Int64(next_offset),
            "generation": Int64(generation),
        }

    def _ownership(self) -> Document:
        return {"owner": self.place.owner, "lsid": Binary(self.transactions.lsid, UUID_SUBTYPE)}

    def close(self) -> None:
        self.transactions.close()
