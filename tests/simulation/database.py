"""A database whose commits can be lost, applied with the answer lost, or decided later, and a store that writes to it.

As the real one it locks a position from the compare-and-set to the end of the transaction, ends what a session left
open when that session begins anew, and lets a new owner kill a foreign session.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

from aggregator.batches import Claim, SessionState, Stop
from aggregator.changes import Changes, Key
from aggregator.partition import Partition
from aggregator.store import Writing
from aggregator.transaction import ConflictError, FencedError, StoreError, UnavailableError, UnknownOutcomeError
from common import documents

Sums = Counter[str]
Expected = tuple[int, int]  # next_offset and generation of a position


@dataclass(frozen=True, slots=True)
class Position:
    next_offset: int = 0
    generation: int = 0
    lsid: bytes | None = None


@dataclass(eq=False, slots=True)
class Transaction:
    """Between compare-and-set and its end. `work` is what it does if it is committed."""

    lsid: bytes
    partitions: tuple[int, ...]
    work: Callable[[], None]
    killed: bool = False


@dataclass(slots=True)
class Database:
    chance: Random
    trace: Counter[str]
    positions: dict[int, Position] = field(default_factory=lambda: defaultdict(Position))
    sessions: dict[int, dict[str, SessionState]] = field(default_factory=lambda: defaultdict(dict))
    counters: dict[Key, Sums] = field(default_factory=lambda: defaultdict(Counter))
    receipts: set[str] = field(default_factory=set)
    open: dict[int, Transaction] = field(default_factory=dict)
    past: dict[int, list[tuple[Position, dict[str, SessionState]]]] = field(default_factory=lambda: defaultdict(list))

    compares: ClassVar[bool] = True  # a mutant takes it away

    def is_expected(self, stored: Position, expected: Expected) -> bool:
        return (stored.next_offset, stored.generation) == expected

    def begin(self, expected: Mapping[int, Expected], lsid: bytes, work: Callable[[], None]) -> Transaction:
        for left in self.open_of(lsid):
            self.decide(left)
        if expected.keys() & self.open.keys():
            self.trace["write conflict"] += 1
            raise ConflictError("write conflict")
        for partition, wanted in expected.items():
            stored = self.positions[partition]
            if self.compares and not self.is_expected(stored, wanted):
                self.trace["fenced"] += 1
                raise FencedError(f"partition {partition} is at {stored.next_offset}, not {wanted[0]}")
        transaction = Transaction(lsid, tuple(expected), work)
        self.open.update(dict.fromkeys(expected, transaction))
        return transaction

    def open_of(self, lsid: bytes | None = None) -> list[Transaction]:
        """The transactions that are open, of one session or of all, each once."""
        return [one for one in dict.fromkeys(self.open.values()) if lsid is None or one.lsid == lsid]

    def commit(self, transaction: Transaction) -> None:
        self.abort(transaction)
        transaction.work()
        for partition in transaction.partitions:
            kept = {name: state.copy() for name, state in self.sessions[partition].items()}
            self.past[partition] = [*self.past[partition][-2:], (self.positions[partition], kept)]

    def abort(self, transaction: Transaction) -> None:
        for partition in transaction.partitions:
            if self.open.get(partition) is transaction:
                del self.open[partition]

    def decide(self, transaction: Transaction) -> None:
        """A transaction whose commit was on its way is committed or not, nobody knows beforehand."""
        if self.chance.random() < 0.5:
            self.trace["decided later: applied"] += 1
            self.commit(transaction)
        else:
            self.abort(transaction)

    def kill_session(self, lsid: bytes) -> None:
        for transaction in self.open_of(lsid):
            self.trace["session killed"] += 1
            transaction.killed = True
            self.abort(transaction)

    def apply(self, changes: Changes) -> None:
        for key, change in changes.documents.items():
            sums = self.counters[key]
            sums.update(change.counts)
            sums.update(change.sums)

    def documents(self, collection: str) -> dict[Any, Sums]:
        """The counters of a collection, without those that are 0."""
        found = {key[1]: +sums for key, sums in self.counters.items() if key[0] == collection}
        return {key: sums for key, sums in found.items() if sums}


class Hurry:
    """As much of the real `Transactions` as the loop uses."""

    def __init__(self, lsid: bytes) -> None:
        self.lsid = lsid

    @contextmanager
    def hurry(self, deadline: float) -> Iterator[None]:
        del deadline
        yield


class SimStore:
    """One member's store. `pause` may let everybody else go on for a while: this member is frozen there."""

    def __init__(self, database: Database, lsid: bytes, pause: Callable[[str], None], calm: Callable[[], bool]) -> None:
        self.database = database
        self.transactions = Hurry(lsid)
        self._pause = pause
        self._calm = calm

    def ping(self) -> None:
        if not self._calm() and self.database.chance.random() < 0.3:
            raise UnavailableError("away")

    def claim(self, partition: int) -> Claim:
        db = self.database
        position, sessions = db.positions[partition], db.sessions[partition]
        if db.past[partition] and not self._calm() and db.chance.random() < 0.15:
            db.trace["stale read"] += 1
            position, sessions = db.chance.choice(db.past[partition])
        copied = {name: state.copy() for name, state in sessions.items()}
        self._pause("frozen after the claim was read")
        return Claim(position.next_offset, position.generation, None, 0, copied, position.lsid)

    def take_over(self, partition: int, claim: Claim) -> None:
        db, own = self.database, self.transactions.lsid
        if claim.lsid is not None and claim.lsid != own:
            db.kill_session(claim.lsid)
        stored = db.positions[partition]
        if (stored.next_offset, stored.generation) == (
            claim.next_offset,
            claim.generation,
        ) and partition not in db.open:
            db.positions[partition] = Position(stored.next_offset, stored.generation, own)

    def give_up(self, partition: int) -> None:
        stored = self.database.positions[partition]
        if stored.lsid == self.transactions.lsid:
            self.database.positions[partition] = Position(stored.next_offset, stored.generation)

    def flush(self, *writings: Writing) -> None:
        flushes = [writing.flush for writing in writings]
        changes = [flush.batch.changes() for flush in flushes]

        def work() -> None:
            for one in changes:
                self.database.apply(one)
            for flush in flushes:
                self.write(flush.partition, flush.to, flush.generation, flush.sessions, flush.expired)

        expected = {flush.partition: (flush.base, flush.generation) for flush in flushes}
        if len(flushes) == 1:
            self._run(expected, work)
        else:
            self._run_together(expected, work)

    def _run_together(self, expected: Mapping[int, Expected], work: Callable[[], None]) -> None:
        outcome = "written"
        try:
            self._run(expected, work)
        except StoreError as error:
            outcome = type(error).__name__
            raise
        finally:
            self.database.trace[f"together: {outcome}"] += 1

    def write(
        self, partition: int, to: int, generation: int, sessions: dict[str, SessionState], expired: list[str]
    ) -> None:
        stored = self.database.sessions[partition]
        stored.update({name: state.copy() for name, state in sessions.items()})
        for name in expired:
            stored.pop(name, None)
        self.database.positions[partition] = Position(to, generation, self.transactions.lsid)

    def erase(self, partition: Partition) -> bool:
        """One slice of a delete, a single hour, so that there are several."""
        db, (barrier, record) = self.database, partition.met_barrier()
        expected = {partition.number: (partition.next_offset, partition.generation)}
        hours = [key for key in db.counters if key[0] == documents.KEYDATA_HOURS and _keystem(key) == barrier.subject]
        if hours:
            self._run(expected, lambda: self._take_out(hours[0], documents.TOTALS_HOURS, partition))
            return False
        source, state = partition.session_behind_barrier()

        def finish() -> None:
            self._take_out((documents.KEYDATA, barrier.subject), documents.TOTALS, partition)
            db.receipts.add(barrier.event_id)
            self.write(partition.number, record.offset + 1, partition.generation, {source.session: state}, [])

        self._run(expected, finish)
        return True

    def _take_out(self, key: Key, total: str, partition: Partition) -> None:
        removed = self.database.counters.pop(key, Counter())
        identity: Any = partition.number
        if total == documents.TOTALS_HOURS:
            identity = (("p", partition.number), key[1][1])  # type: ignore[index]  # an hour's id is pairs
        self.database.counters[total, identity].subtract(
            {path: by for path, by in removed.items() if not path.startswith(("cartons.", "offered."))}
        )

    def _run(self, expected: Mapping[int, Expected], work: Callable[[], None]) -> None:
        db = self.database
        self._pause("frozen before the compare-and-set")
        transaction = db.begin(expected, self.transactions.lsid, work)
        self._pause("frozen inside the transaction")
        if transaction.killed:
            raise ConflictError("the session was killed")
        fate = 0.0 if self._calm() else db.chance.random()
        if fate < 0.7:
            db.commit(transaction)
        elif fate < 0.8:
            db.abort(transaction)
            db.trace["commit lost"] += 1
            raise UnavailableError("away") if fate < 0.75 else ConflictError("conflict")
        elif fate < 0.9:
            db.commit(transaction)
            db.trace["applied, answer lost"] += 1
            raise UnknownOutcomeError("no answer to the commit")
        else:
            db.trace["decided later"] += 1
            raise UnknownOutcomeError("no answer to the commit")

    def renew(self, partitions: object, ends: object) -> None: ...

    def mark_stopped(self, partition: int, stop: Stop) -> None: ...

    def has_moved(self, partition: Partition) -> bool:
        stored = self.database.positions[partition.number]
        return (stored.next_offset, stored.generation) != (partition.written, partition.generation)


def _keystem(key: Key) -> Any:
    return key[1][0][1]  # type: ignore[index]  # an hour's id is pairs, the keystem first
