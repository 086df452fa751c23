"""One partition's position, seen sequence numbers and batch: pure, so that any history of records can be replayed on it.

A record is taken only if it is the very next one. What was folded lives in memory until its flush is committed; after
any doubt the whole object is dropped and claimed again from what the database says.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from aggregator.records import Barrier, Batch, Foldable, Newer, Poison, Reading, Record, Source, Stream
from common.identity import started_ms
from common.seen import Seen

DAY_MS = 24 * 3600 * 1000
SESSION_LIFE_MS = 60 * DAY_MS  # a session leaves when the log is this far past its last record
OLDEST_START_MS = 45 * DAY_MS  # an unknown session that began earlier may be one that has left: never to the totals
MAX_RECORDS = 50_000
MAX_CHANGE_BYTES = 4 * 1024 * 1024
WEIGH_EVERY = 256  # records between two looks at the batch's size


class Verdict(Enum):
    """What became of a record that was offered."""

    TAKEN = auto()
    STALE = auto()  # before the position: fetched before a seek, counted already
    GAP = auto()  # beyond the position: something was lost on the way, seek back
    BARRIER = auto()  # the record clears what came before: flush, apply it, go on behind it
    HELD = auto()  # behind a barrier or a stop: comes again later
    STOP = auto()  # the partition waits for an operator


@dataclass(slots=True)
class SessionState:
    """What was folded of one session, and the log time of its last record."""

    seen: Seen
    log_ms: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition as the database knows it: position and sessions of one instant."""

    next_offset: int
    generation: int
    leader_epoch: int | None
    log_ms: int
    sessions: dict[str, SessionState]
    lsid: bytes | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that cannot be folded, kept for an operator."""

    record: Record
    reason: str
    source: Source | None
    subject: str | None


@dataclass(slots=True)
class Tally:
    """What a batch consists of, for metrics."""

    kinds: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class Flush:
    """A batch as it goes into one transaction: everything between two positions, and nothing else."""

    partition: int
    base: int
    to: int
    generation: int
    leader_epoch: int | None
    log_ms: int
    batch: Batch
    sessions: dict[str, SessionState]
    expired: list[str]
    quarantined: list[Quarantined]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a partition waits for an operator."""

    reason: str
    detail: str


class Partition:
    """The state machine of one partition between a claim and its end."""

    def __init__(self, number: int, claim: Claim, stream: Stream, max_records: int = MAX_RECORDS) -> None:
        self.number = number
        self.base = claim.next_offset
        self.next_offset = claim.next_offset
        self.generation = claim.generation
        self.leader_epoch = claim.leader_epoch
        self.log_ms = claim.log_ms
        self.sessions = claim.sessions
        self.barrier: Barrier | None = None
        self.barrier_log_ms = 0
        self.stop: Stop | None = None
        self.max_records = max_records
        self._stream = stream
        self._start_batch()

    def _start_batch(self) -> None:
        self._batch = self._stream.new_batch(self.number)
        self._touched: dict[str, SessionState] = {}
        self._quarantined: list[Quarantined] = []
        self._tally = Tally()
        self._weight = 0

    @property
    def pending(self) -> int:
        """Records folded since the last swap."""
        return self.next_offset - self.base

    def is_full(self) -> bool:
        """Whether the batch is so large that it must be flushed before more is folded."""
        return self.pending >= self.max_records or self._weight >= MAX_CHANGE_BYTES

    def offer(self, record: Record) -> Verdict:
        """Take the record if it is the next one and can be folded."""
        if self.stop is not None or self.barrier is not None:
            return Verdict.HELD
        if record.offset < self.next_offset:
            return Verdict.STALE
        if record.offset > self.next_offset:
            return Verdict.GAP
        if self._is_from_older_leader(record):
            detail = (
                f"offset {record.offset} has leader epoch {record.leader_epoch}, the one before had {self.leader_epoch}"
            )
            return self._stop("leader epoch went back", detail)
        return self._judge(record, self._stream.read(record, self.number))

    def _is_from_older_leader(self, record: Record) -> bool:
        return (
            record.leader_epoch is not None
            and self.leader_epoch is not None
            and record.leader_epoch < self.leader_epoch
        )

    def _stop(self, reason: str, detail: str) -> Verdict:
        self.stop = Stop(reason, detail)
        return Verdict.STOP

    def _judge(self, record: Record, reading: Reading) -> Verdict:
        if isinstance(reading, Newer):
            return self._stop(
                "newer schema", f"offset {record.offset} has schema {reading.schema}: update the aggregators"
            )
        source = reading.source
        if source is not None and self._has_seen(source):
            self._tally.duplicates += 1
            return self._step_over(record)
        if source is not None and self._may_have_left(source, record):
            return self._quarantine(record, Poison("session too old", None, reading.subject))
        if isinstance(reading, Barrier):
            self.barrier, self.barrier_log_ms = reading, record.log_ms
            return Verdict.BARRIER
        if isinstance(reading, Poison):
            return self._quarantine(record, reading)
        return self._fold(record, reading)

    def _has_seen(self, source: Source) -> bool:
        state = self.sessions.get(source.session)
        return state is not None and source.seq in state.seen

    def _may_have_left(self, source: Source, record: Record) -> bool:
        if source.session in self.sessions:
            return False
        began = started_ms(source.session)
        return began is not None and began < record.log_ms - OLDEST_START_MS

    def _fold(self, record: Record, reading: Foldable) -> Verdict:
        self._batch.add(reading, record.log_ms)
        kinds = self._tally.kinds
        kinds[reading.kind] = kinds.get(reading.kind, 0) + 1
        self._remember(reading.source, record.log_ms)
        return self._step_over(record)

    def _quarantine(self, record: Record, poison: Poison) -> Verdict:
        self._quarantined.append(Quarantined(record, poison.reason, poison.source, poison.subject))
        # Its bytes go into the transaction as they are, so they count for the size of the batch.
        self._weight += len(record.value or b"") + len(record.key or b"") + 256
        if poison.source is not None:
            self._remember(poison.source, record.log_ms)
        return self._step_over(record)

    def _remember(self, source: Source, log_ms: int) -> None:
        state = self.sessions.get(source.session)
        if state is None:
            state = self.sessions[source.session] = SessionState(Seen(), log_ms)
        state.seen.add(source.seq)
        state.log_ms = max(state.log_ms, log_ms)
        self._touched[source.session] = state

    def _step_over(self, record: Record) -> Verdict:
        self.next_offset = record.offset + 1
        self.log_ms = max(self.log_ms, record.log_ms)
        if record.leader_epoch is not None:
            self.leader_epoch = record.leader_epoch
        if self.pending % WEIGH_EVERY == 0:
            quarantined = sum(len(held.record.value or b"") for held in self._quarantined)
            self._weight = self._batch.size_bytes() + quarantined
        return Verdict.TAKEN

    def refuse(self, stop: Stop) -> None:
        """The database will never take the batch: forget it and wait for an operator."""
        self.stop = stop
        self.base = self.next_offset
        self._start_batch()

    def swap(self) -> Flush | None:
        """Everything folded so far, to be written; folding goes on with an empty batch. None if there is nothing."""
        if not self.pending:
            return None
        flush = Flush(
            partition=self.number,
            base=self.base,
            to=self.next_offset,
            generation=self.generation,
            leader_epoch=self.leader_epoch,
            log_ms=self.log_ms,
            batch=self._batch,
            sessions={name: SessionState(state.seen.copy(), state.log_ms) for name, state in self._touched.items()},
            expired=self._expire(),
            quarantined=self._quarantined,
            tally=self._tally,
        )
        self.base = self.next_offset
        self._start_batch()
        return flush

    def _expire(self) -> list[str]:
        expired = [name for name, state in self.sessions.items() if state.log_ms < self.log_ms - SESSION_LIFE_MS]
        for name in expired:
            del self.sessions[name]
        return expired

    def seen_with(self, source: Source, log_ms: int) -> SessionState:
        """What a session's state will be once `source` is applied too; nothing is changed."""
        state = self.sessions.get(source.session)
        seen = state.seen.copy() if state is not None else Seen()
        seen.add(source.seq)
        return SessionState(seen, max(log_ms, state.log_ms if state is not None else 0))

    def pass_barrier(self) -> None:
        """The barrier's record was applied and committed: go on behind it."""
        barrier = self.barrier
        if barrier is None:
            raise RuntimeError("there is no barrier to pass")
        self.sessions[barrier.source.session] = self.seen_with(barrier.source, self.barrier_log_ms)
        self.log_ms = max(self.log_ms, self.barrier_log_ms)
        self.next_offset += 1
        self.base = self.next_offset
        self.barrier = None
