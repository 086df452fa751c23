"""Whose a partition is and how far it is counted: positions are read, taken, renewed and given up here, and moved only
by whoever finds them where it left them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pymongo
import structlog
from bson import Binary, Int64
from pymongo import MongoClient, UpdateOne
from pymongo.errors import PyMongoError

from aggregator.batches import Claim, Stop
from aggregator.bson_forms import claim_of, session_state, stop_fields
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


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a position that must still be where (`next_offset`, `generation`) say."""

    partition: int
    next_offset: int
    generation: int
    update: Document


class Positions:
    """The positions of one log, for one aggregator: in one session, from one thread."""

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

    # --- progress ----------------------------------------------------------------------------------------------------

    def compare_and_set(self, session: Session, *moves: Move) -> None:
        """Change positions, each of which still is where its move expects it, else raise FencedError."""
        updates = [
            UpdateOne(self._expected(one.partition, one.next_offset, one.generation), one.update) for one in moves
        ]
        found = self.database[progress.POSITIONS].bulk_write(updates, session=session)
        if found.matched_count < len(moves):
            expected = ", ".join(f"partition {one.partition} is not at {one.next_offset} any more" for one in moves)
            one_of = "one of these holds: " if len(moves) > 1 else ""
            raise FencedError(f"{one_of}{expected}: another aggregator made progress")

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
