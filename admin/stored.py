"""What the documents of one partition hold, read in one snapshot together with its position.

A snapshot of a partition is enough: everything it counts is written in transactions that move its position. Documents
are kept as the bytes they came as, because they are many and each is looked at once.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import bson
from bson import CodecOptions, MaxKey, MinKey
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from admin.comparison import key_of
from admin.recount import Quarantine
from admin.scope import Scope
from aggregator.records import Source
from common import documents, progress
from common.mongo import Document
from common.topic import partition_of

_PLAIN: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
_RAW = DEFAULT_RAW_BSON_OPTIONS.with_options(tz_aware=True, tzinfo=UTC)
_TRIES = 5
# No snapshot of that instant: a collection or index was made just now.
_SNAPSHOT_TOO_OLD, _SNAPSHOT_UNAVAILABLE = 239, 246
_BESIDE_KEYDATA = {documents.KEYDATA_HOURS: "h", documents.CARTON_DAYS: "d", documents.CARTON_LISTS: "hash"}

Decide = Callable[[Document], Scope | None]


@dataclass(frozen=True, slots=True)
class Stored:
    """`scope` is None where nothing is to be compared; then the rest is empty."""

    position: Document
    scope: Scope | None
    documents: dict[tuple[str, str], RawBSONDocument] = field(default_factory=dict)
    sessions: dict[str, Document] = field(default_factory=dict)
    quarantine: Quarantine = field(default_factory=dict)

    def document(self, collection: str, key: str) -> Document | None:
        raw = self.documents.get((collection, key))
        return None if raw is None else bson.decode(raw.raw, _PLAIN)


def keystems_beside(database: Database[Document]) -> list[str]:
    """Every keystem that has an hour, a day or a carton list, also one without anything else, as a delete leaves it.

    A seek each, however many those are.
    """
    found: set[str] = set()
    for collection, name in _BESIDE_KEYDATA.items():
        after: Document = {}
        while (one := database[collection].find_one(after, {"_id": 1}, sort=[("_id", 1)])) is not None:
            keystem = one["_id"]["k"]
            found.add(keystem)
            after = {"_id": {"$gt": {"k": keystem, name: MaxKey()}}}
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads partitions of one database; `keystems` are those that may have something beside `keydata`."""

    database: Database[Document]
    partitions: int
    keystems: list[str]

    def read(self, position_id: str, decide: Decide) -> Stored:
        """`decide` says by the position what is to be compared. Raises PyMongoError."""
        for left in reversed(range(_TRIES)):
            try:
                with self.database.client.start_session(snapshot=True) as session:
                    return self._read(session, position_id, decide)
            except OperationFailure as error:
                if error.code not in {_SNAPSHOT_TOO_OLD, _SNAPSHOT_UNAVAILABLE} or not left:
                    raise
            time.sleep(1)
        raise AssertionError("unreachable")

    def _read(self, session: ClientSession, position_id: str, decide: Decide) -> Stored:
        position = self.database[progress.POSITIONS].find_one({"_id": position_id}, session=session) or {}
        scope = decide(position)
        if scope is None:
            return Stored(position, None)
        number = int(position["partition"])
        found = {
            (collection, key_of(document["_id"])): document
            for collection, document in self._documents(session, number, scope)
        }
        return Stored(
            position, scope, found, self._sessions(session, position_id), self._quarantine(session, position_id)
        )

    def _documents(self, session: ClientSession, number: int, scope: Scope) -> Iterator[tuple[str, RawBSONDocument]]:
        totals_hours = {"_id": {"$gte": {"p": number, "h": scope.since}, "$lt": {"p": number, "h": MaxKey()}}}
        for document in self._raw(documents.TOTALS_HOURS).find(totals_hours, session=session):
            yield documents.TOTALS_HOURS, document
        keystems = {name for name in self.keystems if partition_of(name, self.partitions) == number}
        fields = None if scope.whole else {"_id": 1}
        for document in self._raw(documents.KEYDATA).find({"partition": number}, fields, session=session):
            keystems.add(document["_id"])
            if scope.whole:
                yield documents.KEYDATA, document
        for keystem in sorted(keystems):
            yield from self._of_keystem(session, keystem, scope)
        if scope.whole:
            for document in self._raw(documents.TOTALS).find({"_id": number}, session=session):
                yield documents.TOTALS, document

    def _of_keystem(self, session: ClientSession, keystem: str, scope: Scope) -> Iterator[tuple[str, RawBSONDocument]]:
        lows: dict[str, tuple[str, Any]] = {
            documents.KEYDATA_HOURS: ("h", scope.since),
            documents.CARTON_DAYS: ("d", scope.first_day),
        }
        if scope.whole:
            lows[documents.CARTON_LISTS] = ("hash", MinKey())
        for collection, (name, low) in lows.items():
            within = {"_id": {"$gte": {"k": keystem, name: low}, "$lt": {"k": keystem, name: MaxKey()}}}
            for document in self._raw(collection).find(within, session=session):
                yield collection, document

    def _sessions(self, session: ClientSession, position_id: str) -> dict[str, Document]:
        prefix = f"{position_id}:"
        found = self.database[progress.SESSIONS].find(_under(position_id), session=session)
        return {document["_id"].removeprefix(prefix): document for document in found}

    def _quarantine(self, session: ClientSession, position_id: str) -> Quarantine:
        fields = dict.fromkeys(("offset", "log_time", "session", "seq", "keystem"), 1)
        found = self.database[progress.QUARANTINE].find(_under(position_id), fields, session=session)
        return {
            (int(each["offset"]), epoch_ms(each["log_time"])): (
                None if each.get("session") is None else Source(each["session"], int(each["seq"])),
                each.get("keystem"),
            )
            for each in found
        }

    def _raw(self, name: str) -> Collection[RawBSONDocument]:
        database: Database[Any] = self.database
        return database.get_collection(name, codec_options=_RAW)


def _under(position_id: str) -> Document:
    return {"_id": {"$gte": f"{position_id}:", "$lt": f"{position_id};"}}


def epoch_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def receipts(database: Database[Document], event_ids: list[str]) -> dict[str, Document]:
    """What deletes left; they stay for ever, so no snapshot is needed."""
    return {found["_id"]: found for found in database[progress.DELETIONS].find({"_id": {"$in": event_ids}})}
