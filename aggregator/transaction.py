"""One transaction with a budget of time, and what can come of it, as four exceptions that say what to do next.

StoreError
├── FencedError          somebody else made progress: forget what is in memory, read again
├── ConflictError        not applied, and can be tried again as it is
├── UnavailableError     not applied, the database is away: wait for it
├── UnknownOutcomeError  applied or not: forget what is in memory, read again
└── RefusedError         the database will never take it: a bug, stop and alarm
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, get_args

import pymongo
from bson.errors import BSONError
from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from common.errors import PackstatsError
from common.mongo import AWAY

ATTEMPT_S = 3.0  # of one transaction or one commit
COMMIT_S = 8.0  # of asking again what became of a commit, in all

# The server ended the operation for reasons of its own (who takes over a partition kills the session of the member
# before, which may be alive and hold others); it does not always say that trying again is all right.
INTERRUPTED = frozenset(
    {
        43,  # CursorNotFound
        237,  # CursorKilled
        262,  # ExceededTimeLimit
        290,  # TransactionExceededLifetimeLimitSeconds
        11601,  # Interrupted
    }
)
# What the driver raises for a document that cannot be sent at all.
Unsendable = BSONError | OverflowError | UnicodeError
UNSENDABLE: tuple[type[Unsendable], ...] = get_args(Unsendable)  # for `except`, which takes no union

Document = dict[str, Any]
Session = ClientSession


class StoreError(PackstatsError):
    """The database did not do as asked."""


class FencedError(StoreError):
    """Somebody else made progress on this partition."""


class ConflictError(StoreError):
    """Not applied; the same can be tried again."""


class UnavailableError(StoreError):
    """Not applied; the database is away."""


class UnknownOutcomeError(StoreError):
    """Applied or not, nobody can say from here."""


class RefusedError(StoreError):
    """The database will never take it."""


def translated(error: PyMongoError | Unsendable) -> StoreError:
    """What an error before the commit means; nothing was applied in any case."""
    if not isinstance(error, PyMongoError):
        return RefusedError(f"{type(error).__name__}: {error}")
    if isinstance(error, AWAY):
        return UnavailableError(str(error))
    if error.has_error_label("TransientTransactionError") or error.timeout or _is_interrupted(error):
        return ConflictError(str(error))
    return RefusedError(str(error))


def _is_interrupted(error: PyMongoError) -> bool:
    return isinstance(error, OperationFailure) and error.code in INTERRUPTED


class Transactions:
    """Runs transactions in one long-lived session, so that a new one ends whatever the one before left open.

    `lsid` is that session's id: who takes over from a dead member kills the session, and with it the locks of a
    transaction that nobody will finish.
    """

    def __init__(self, client: MongoClient[Document]) -> None:
        self._client = client
        self._session = client.start_session(causal_consistency=False)
        self._deadline: float | None = None

    @property
    def lsid(self) -> bytes:
        """The id as it goes into a position (BSON binary)."""
        return bytes_of(self._session)

    @contextmanager
    def hurry(self, deadline: float) -> Iterator[None]:
        """Bound everything inside by a moment of the monotonic clock: there is no time for the usual patience."""
        self._deadline = deadline
        try:
            with pymongo.timeout(max(0.05, deadline - monotonic())):
                yield
        finally:
            self._deadline = None

    def run(self, work: Callable[[Session], Any]) -> Any:
        """Run `work` in a transaction and commit it; what it returns. Blocks for at most about COMMIT_S + ATTEMPT_S.

        Raises the exceptions of this module; after any of them but UnknownOutcomeError nothing was applied.
        """
        session = self._session
        try:
            with pymongo.timeout(ATTEMPT_S):
                session.start_transaction(
                    read_concern=ReadConcern("snapshot"),
                    write_concern=WriteConcern("majority"),
                    read_preference=ReadPreference.PRIMARY,
                )
                result = work(session)
        except BaseException as error:
            self._abort()
            if isinstance(error, PyMongoError | Unsendable):
                raise translated(error) from error
            raise
        self._commit()
        return result

    def _abort(self) -> None:
        """Undo on the server if it can be reached; if not, the next transaction of this session or its reaper will."""
        if not self._session.in_transaction:
            return
        try:
            with pymongo.timeout(ATTEMPT_S):
                self._session.abort_transaction()
        except PyMongoError:  # PyMongo swallows most by itself; none of them changes anything here
            return

    def _commit(self) -> None:
        deadline = self._deadline if self._deadline is not None else monotonic() + COMMIT_S
        while True:
            try:
                with pymongo.timeout(ATTEMPT_S):
                    self._session.commit_transaction()
            except PyMongoError as error:
                unknown = (
                    error.has_error_label("UnknownTransactionCommitResult")
                    or isinstance(error, AWAY)
                    or error.timeout
                    or _is_interrupted(error)
                )
                if not unknown:
                    raise translated(error) from error
                if monotonic() >= deadline:
                    raise UnknownOutcomeError(str(error)) from error
            else:
                return

    def close(self) -> None:
        self._session.end_session()


def bytes_of(session: Session) -> bytes:
    return bytes(session.session_id["id"])
