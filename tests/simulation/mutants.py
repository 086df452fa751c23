"""Each mutant removes one rule of the delivery protocol from the product; the simulation has to notice every one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

from aggregator.batches import SessionState
from aggregator.flusher import Flusher, Outcome
from aggregator.oversight import Oversight
from aggregator.partition import Partition, Verdict
from aggregator.records import Record
from aggregator.sessions import Sessions
from aggregator.transaction import ConflictError, FencedError, UnknownOutcomeError
from common.seen import Seen
from proxy.window import Parcel, Window
from tests.simulation.database import Database, SimStore, Transaction
from tests.simulation.proxy import Proxy

Mutation = Callable[[], Any]
MUTANTS: dict[str, Mutation] = {}
SAFE: dict[str, Mutation] = {}  # wrong, and made harmless by another rule; listed to show which


def mutant(mutation: Mutation) -> Mutation:
    """Register a mutation under its name."""
    MUTANTS[mutation.__name__] = mutation
    return mutation


def safe(mutation: Mutation) -> Mutation:
    """Register a mutation that another rule makes harmless."""
    SAFE[mutation.__name__] = mutation
    return mutation


@contextmanager
def mutated(name: str) -> Iterator[None]:
    with (MUTANTS | SAFE)[name]():
        yield


# --- the database ----------------------------------------------------------------------------------------------------


@mutant
def no_compare_and_set() -> Any:
    return patch.object(Database, "compares", False)


@mutant
def compare_and_set_ignores_the_offset() -> Any:
    return patch.object(Database, "is_expected", lambda self, stored, expected: stored.generation == expected[1])


@mutant
def of_several_positions_only_the_first_is_compared() -> Any:
    begin = Database.begin

    def careless(self: Database, expected: Any, lsid: bytes, work: Callable[[], None]) -> Transaction:
        first, *others = expected
        unseen = {one: (self.positions[one].next_offset, self.positions[one].generation) for one in others}
        return begin(self, {first: expected[first], **unseen}, lsid, work)

    return patch.object(Database, "begin", careless)


@mutant
def sessions_written_outside_the_transaction() -> Any:
    write = SimStore.write

    def careless(self: SimStore, partition: int, to: int, generation: int, sessions: Any, expired: Any) -> None:
        write(self, partition, to, generation, {} if self.database.chance.random() < 0.3 else sessions, expired)

    return patch.object(SimStore, "write", careless)


@mutant
def position_written_without_the_counters() -> Any:
    apply = Database.apply

    def careless(self: Database, changes: Any) -> None:
        if self.chance.random() > 0.1:
            apply(self, changes)

    return patch.object(Database, "apply", careless)


@mutant
def sessions_read_before_the_position() -> Any:
    claim = SimStore.claim

    def careless(self: SimStore, partition: int) -> Any:
        found = claim(self, partition)
        past = self.database.past[partition]
        if past and self.database.chance.random() < 0.5:
            found.sessions.clear()
            found.sessions.update({name: state.copy() for name, state in past[0][1].items()})
        return found

    return patch.object(SimStore, "claim", careless)


# --- the aggregator --------------------------------------------------------------------------------------------------


@mutant
def no_dedupe() -> Any:
    return patch.object(Sessions, "has_seen", lambda self, source: False)


@mutant
def high_water_mark_alone() -> Any:
    def add(self: Seen, seq: int) -> bool:
        self.upto = max(self.upto, seq)
        return True

    return patch.object(Seen, "add", add)


@mutant
def no_gap_guard() -> Any:
    offer = Partition.offer

    def careless(self: Partition, record: Record) -> Verdict:
        if self.is_open and record.offset > self.next_offset:
            self.next_offset = record.offset
        return offer(self, record)

    return patch.object(Partition, "offer", careless)


@mutant
def no_check_of_the_idle_position() -> Any:
    return patch.object(Oversight, "_check", lambda self, held, now: None)


@mutant
def position_of_the_fetch_is_written() -> Any:
    swap = Partition.swap

    def careless(self: Partition) -> Any:
        flush = swap(self)
        if flush is not None:
            object.__setattr__(flush, "to", flush.to + 1)
        return flush

    return patch.object(Partition, "swap", careless)


@mutant
def the_live_batch_is_cleared() -> Any:
    """Instead of the one that was written."""
    write = Flusher._write

    def careless(self: Flusher, partitions: Sequence[Partition]) -> Outcome:
        done = write(self, partitions)
        for partition in partitions:
            partition._start_batch()
            partition.base = partition.next_offset
        return done

    def swap(self: Partition) -> Any:
        batch = self._batch
        flush = SWAP(self)
        if flush is not None:
            self._batch = batch  # folding goes on in the batch that is being written
        return flush

    SWAP = Partition.swap  # noqa: N806  # the original, by a name that stands out
    return _both(patch.object(Flusher, "_write", careless), patch.object(Partition, "swap", swap))


@mutant
def unknown_is_success() -> Any:
    return _is_success(UnknownOutcomeError)


@mutant
def fenced_is_success() -> Any:
    return _is_success(FencedError)


@safe
def a_conflict_is_success() -> Any:
    """The next compare-and-set fails, and what was not written is read again."""
    return _is_success(ConflictError)


@safe
def unknown_is_tried_again() -> Any:
    """If it was written, the compare-and-set says so."""
    return _becomes_conflict()


@mutant
def unknown_is_tried_again_without_compare_and_set() -> Any:
    return _both(_becomes_conflict(), patch.object(Database, "compares", False))


@mutant
def memory_is_kept_after_a_loss() -> Any:
    return patch("aggregator.holdings.Holdings.forget", lambda self, number: self._flusher.forget(number))


@mutant
def a_delete_is_folded_into_nothing() -> Any:
    """It is stepped over like any other record."""
    judge = Partition._judge

    def careless(self: Partition, record: Record, reading: Any) -> Verdict:
        verdict = judge(self, record, reading)
        if verdict is Verdict.BARRIER:
            self.barrier = self.barrier_record = None
            return self._step_over(record)
        return verdict

    return patch.object(Partition, "_judge", careless)


@mutant
def a_delete_is_not_remembered() -> Any:
    return patch.object(
        Sessions, "with_", lambda self, source, log_ms: self.states.get(source.session) or _fresh(log_ms)
    )


@mutant
def an_erasure_is_not_fenced() -> Any:
    erase = SimStore.erase

    def careless(self: SimStore, partition: Partition) -> bool:
        with patch.object(Database, "compares", False):
            return erase(self, partition)

    return patch.object(SimStore, "erase", careless)


# --- the proxy -------------------------------------------------------------------------------------------------------


@mutant
def the_reply_comes_before_the_commit() -> Any:
    request = Proxy.request

    def careless(self: Proxy, number: int) -> None:
        request(self, number)
        self.acknowledged.append(self.queue[-1])

    def commit(self: Proxy) -> None:
        before = list(self.acknowledged)
        COMMIT(self)
        self.acknowledged = before

    COMMIT = Proxy.commit  # noqa: N806  # the original
    return _both(patch.object(Proxy, "request", careless), patch.object(Proxy, "commit", commit))


@mutant
def a_failed_delivery_is_dropped() -> Any:
    def rewind(self: Window) -> None:
        self.generation += 1
        for parcel in list(self._on_way.values()):
            self._settle(parcel.group)
        self._on_way.clear()
        self._on_way_bytes = 0
        self._on_way_in.clear()
        self._deletes_on_way.clear()

    return patch.object(Window, "rewind", rewind)


@mutant
def no_delete_barrier() -> Any:
    return patch.object(Window, "_may_travel", lambda self, record: True)


@mutant
def a_group_leaves_with_its_first_acknowledgement() -> Any:
    settle = Window._settle

    def careless(self: Window, group: int) -> None:
        if group in self._unsettled:
            self._unsettled[group] = 1
            settle(self, group)

    return patch.object(Window, "_settle", careless)


@mutant
def stale_reports_count() -> Any:
    acknowledged = Window.acknowledged

    def careless(self: Window, parcel: Parcel, generation: int) -> bool:
        del generation
        if parcel.number not in self._on_way:
            if parcel.group in self._unsettled:
                self._settle(parcel.group)
            return True
        return acknowledged(self, parcel, self.generation)

    return patch.object(Window, "acknowledged", careless)


@mutant
def sent_again_under_a_new_identity() -> Any:
    return patch.object(Proxy, "renames_after_a_crash", True)


@mutant
def sequence_numbers_begin_again_in_the_same_session() -> Any:
    start = Proxy.start

    def careless(self: Proxy) -> None:
        session = getattr(self, "session", None)
        start(self)
        self.session = session or self.session

    return patch.object(Proxy, "start", careless)


# --- pieces ----------------------------------------------------------------------------------------------------------


def _fresh(log_ms: int) -> SessionState:
    return SessionState(Seen(), log_ms)


def _is_success(error: type[Exception]) -> Any:
    flush = SimStore.flush

    def careless(self: SimStore, *arguments: Any) -> None:
        with suppress(error):
            flush(self, *arguments)

    return patch.object(SimStore, "flush", careless)


def _becomes_conflict() -> Any:
    flush = SimStore.flush

    def careless(self: SimStore, *arguments: Any) -> None:
        try:
            flush(self, *arguments)
        except UnknownOutcomeError as error:
            raise ConflictError(str(error)) from error

    return patch.object(SimStore, "flush", careless)


@contextmanager
def _both(first: Any, second: Any) -> Iterator[None]:
    with first, second:
        yield
