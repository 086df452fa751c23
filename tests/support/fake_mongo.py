"""MongoDB in memory, as far as the aggregator uses it: snapshot transactions with conflicts, and ways to break them.

Documents are kept as the driver would return them, and every write is encoded once, so that what cannot be sent fails.
"""

from collections import deque
from typing import Any, cast

from bson import Binary, encode
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, ServerSelectionTimeoutError

from common.mongo import Document
from tests.support.fake_collections import Documents, FakeDatabase, put
from tests.support.mongo_language import Key

TRANSIENT = {"errorLabels": ["TransientTransactionError"]}


class FakeMongo:
    """A client and its server in one.

    `faults` are raised by the next operations, one each; None lets one pass. `commits` say what becomes of the next
    commits: "lost" on the way there, "unanswered" after it was applied, or an exception.
    """

    def __init__(self) -> None:
        self.documents: Documents = {}
        self.locks: dict[tuple[str, Key], FakeSession] = {}
        self.sessions: list[FakeSession] = []
        self.away = False
        self.faults: deque[BaseException | None] = deque()
        self.commits: deque[str | BaseException] = deque()
        self.killed: list[bytes] = []
        self.operations: list[str] = []
        self.admin = self

    @property
    def client(self) -> "MongoClient[Document]":
        return cast("MongoClient[Document]", self)

    def __getitem__(self, _database: str) -> "FakeDatabase":
        return FakeDatabase(self)

    def start_session(self, *, causal_consistency: bool) -> "FakeSession":
        assert not causal_consistency
        self.sessions.append(FakeSession(self, len(self.sessions)))
        return self.sessions[-1]

    def command(self, name: str, value: Any = None) -> None:
        self.arrive(name)
        if name == "killSessions":
            for pattern in value:
                self.killed.append(bytes(pattern["id"]))
                for session in self.sessions:
                    if session.session_id["id"] == pattern["id"]:
                        session.forget()

    def arrive(self, operation: str) -> None:
        """Every operation passes here first."""
        self.operations.append(operation)
        if self.away:
            raise ServerSelectionTimeoutError("no server")
        if self.faults and (fault := self.faults.popleft()) is not None:
            raise fault

    def dump(self) -> dict[str, dict[Key, bytes]]:
        """Every document as bytes, whatever the order in which its fields were made."""
        return {
            name: {key: encode(ordered(document)) for key, document in sorted(found.items(), key=repr)}
            for name, found in sorted(self.documents.items())
            if found
        }


def ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: ordered(value[name]) for name in sorted(value)}
    return value


class FakeSession:
    def __init__(self, mongo: FakeMongo, number: int) -> None:
        self._mongo = mongo
        self.session_id = {"id": Binary(number.to_bytes(16, "big"), 4)}
        self.in_transaction = False
        self._view: Documents | None = None
        self._base: Documents = {}
        self._writes: set[tuple[str, Key]] = set()
        self._is_alive = False
        self._is_committed = False

    def start_transaction(self, **_options: object) -> None:
        self.forget()
        self.in_transaction = self._is_alive = True
        self._is_committed = False

    def view(self) -> Documents:
        """What this transaction sees; taken at its first operation."""
        if not self._is_alive:
            raise OperationFailure("no such transaction", 251, TRANSIENT)
        if self._view is None:
            self._base = {name: dict(found) for name, found in self._mongo.documents.items()}
            self._view = {name: dict(found) for name, found in self._base.items()}
        return self._view

    def write(self, collection: str, key: Key, document: Document | None) -> None:
        view, now = self.view(), self._mongo.documents.get(collection, {}).get(key)
        owner = self._mongo.locks.get((collection, key))
        if (owner is not None and owner is not self) or now is not self._base.get(collection, {}).get(key):
            self.forget()
            raise OperationFailure("write conflict", 112, TRANSIENT)
        self._mongo.locks[collection, key] = self
        self._writes.add((collection, key))
        put(view, collection, key, document)

    def commit_transaction(self) -> None:
        self._mongo.operations.append("commit")
        self.in_transaction = False
        outcome = self._mongo.commits.popleft() if self._mongo.commits else ""
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome == "lost":
            raise AutoReconnect("the commit was lost on the way")
        if self._mongo.away:
            raise ServerSelectionTimeoutError("no server")
        if not self._is_committed:
            self._apply()
        if outcome == "unanswered":
            raise AutoReconnect("the answer was lost")

    def _apply(self) -> None:
        if not self._is_alive:
            raise OperationFailure("no such transaction", 251, TRANSIENT)
        for collection, key in self._writes:
            put(self._mongo.documents, collection, key, (self._view or {}).get(collection, {}).get(key))
        self._release()
        self._is_alive, self._is_committed = False, True

    def abort_transaction(self) -> None:
        self._mongo.operations.append("abort")
        self.in_transaction = False
        if not self._mongo.away:
            self.forget()

    def _release(self) -> None:
        for place in [place for place, owner in self._mongo.locks.items() if owner is self]:
            del self._mongo.locks[place]
        self._view, self._writes = None, set()

    def forget(self) -> None:
        """The server aborts the transaction, whatever the client knows."""
        self._release()
        self._is_alive = False

    def end_session(self) -> None:
        self.forget()
