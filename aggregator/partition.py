"""One partition's position, seen sequence numbers and batch: pure, so that any history of records can be replayed on it.

A record is taken only if it is the very next one. What was folded lives in memory until its flush is committed; after
any doubt the whole object is dropped and claimed again from what the database says.
"""

from enum import Enum, auto
from typing import Final

from aggregator.batches import Claim, Flush, Quarantined, SessionState, Stop, Tally
from aggregator.records import Barrier, Foldable, Newer, Poison, Reading, Record, Source, Stream
from aggregator.sessions import Sessions
from common.crash_points import CrashPoint, reach

MAX_RECORDS = 50_000
HEADROOM = 5_000  # a batch is flushed when so few records fit in, so that a turn of the loop seldom overfills it
# Of changes: as much as a transaction manages in its time on a slow machine. Where keystems are many, a larger batch
# finds more records for each document that it writes.
MAX_CHANGE_BYTES = 8 * 1024 * 1024
FULL_CHANGE_BYTES = MAX_CHANGE_BYTES * 3 // 2
WEIGH_EVERY = 256  # records between two looks at the batch's size


class Verdict(Enum):
    """What became of a record that was offered."""

    TAKEN = auto()
    STALE = auto()  # before the position: fetched before a seek, counted already
    GAP = auto()  # beyond the position: something was lost on the way, seek back
    BARRIER = auto()  # the record clears what came before: flush, apply it, go on behind it
    HELD = auto()  # behind a barrier, a full batch or a stop: must be fetched again later
    STOP = auto()  # the partition waits for an operator


# Read for each record; of an enumeration a name costs as much as the call it is for.
TAKEN: Final = Verdict.TAKEN
_FOLD_ADDED: Final = CrashPoint.FOLD_ADDED


class Partition:
    """The state machine of one partition between a claim and its end.

    `next_offset` is the record that comes next, `base` where the batch in memory began, `written` what is committed
    (up to the log's time `written_log_ms`).
    """

    def __init__(self, number: int, claim: Claim, stream: Stream, max_records: int = MAX_RECORDS) -> None:
        self.number = number
        self.base = self.next_offset = self.written = claim.next_offset
        self.generation = claim.generation
        self.leader_epoch = claim.leader_epoch
        self.log_ms = self.written_log_ms = claim.log_ms
        self.sessions = Sessions(claim.sessions)
        self.barrier: Barrier | None = None
        self.barrier_record: Record | None = None
        self.stop: Stop | None = None
        self.max_records = max_records
        self._stream = stream
        self._start_batch()

    def _start_batch(self) -> None:
        self._batch = self._stream.new_batch(self.number)
        self._quarantined: list[Quarantined] = []
        self._quarantined_bytes = 0
        self._tally = Tally()
        self._weight = 0

    @property
    def pending(self) -> int:
        """Records folded since the last swap."""
        return self.next_offset - self.base

    def weigh(self) -> int:
        """About how many bytes of changes the batch has; what makes it ripe or full is as old as the last look."""
        self._weight = self._batch.size_bytes() + self._quarantined_bytes
        return self._weight

    @property
    def is_ripe(self) -> bool:
        """Whether the batch is so large that it is flushed at once, whatever the interval."""
        return self._weight >= MAX_CHANGE_BYTES or self.pending >= max(1, self.max_records - HEADROOM)

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken before the batch is swapped: memory and transactions stay bounded."""
        return self._weight >= FULL_CHANGE_BYTES or self.pending >= self.max_records

    @property
    def is_open(self) -> bool:
        """Whether the next record would be taken."""
        return self.stop is None and self.barrier is None and not self.is_full

    def offer(self, record: Record) -> Verdict:
        """Take the record if it is the next one and can be folded."""
        # What `is_open` says, without a call for each record.
        if self.stop is not None or self.barrier is not None or self.is_full:
            return Verdict.HELD
        if record.offset != self.next_offset:
            return Verdict.STALE if record.offset < self.next_offset else Verdict.GAP
        if record.leader_epoch != self.leader_epoch and self._is_from_older_leader(record):
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
        if source is not None:
            self.sessions.let_go(source.session, self.log_ms)
            if self.sessions.has_seen(source):
                self._tally.duplicates += 1
                return self._step_over(record)
            if self.sessions.may_have_left(source.session, record.log_ms):
                return self._quarantine(record, Poison("session too old", None, reading.subject))
        if isinstance(reading, Barrier):
            self.barrier, self.barrier_record = reading, record
            return Verdict.BARRIER
        if isinstance(reading, Poison):
            return self._quarantine(record, reading)
        return self._fold(record, reading)

    def _fold(self, record: Record, reading: Foldable) -> Verdict:
        self._batch.add(reading, record.log_ms)
        reach(_FOLD_ADDED)
        kinds = self._tally.kinds
        kinds[reading.kind] = kinds.get(reading.kind, 0) + 1
        self._tally.last_at = reading.at
        self.sessions.remember(reading.source, record.log_ms)
        return self._step_over(record)

    def _quarantine(self, record: Record, poison: Poison) -> Verdict:
        self._quarantined.append(Quarantined(record, poison.reason, poison.source, poison.subject))
        # Its bytes go into the transaction as they are, so they count for the size of the batch.
        size = len(record.value or b"") + len(record.key or b"") + 256
        self._quarantined_bytes += size
        self._weight += size
        if poison.source is not None:
            self.sessions.remember(poison.source, record.log_ms)
        return self._step_over(record)

    def _step_over(self, record: Record) -> Verdict:
        self._move_behind(record)
        if not (self.next_offset - self.base) % WEIGH_EVERY:
            self.weigh()
        return TAKEN

    def _move_behind(self, record: Record) -> None:
        self.next_offset = record.offset + 1
        if record.log_ms > self.log_ms:  # noqa: PLR1730  # for each record
            self.log_ms = record.log_ms
        if record.leader_epoch is not None:
            self.leader_epoch = record.leader_epoch

    def refuse(self, stop: Stop) -> None:
        """The database will never take the batch: forget it and wait for an operator."""
        self.stop = stop
        self.base = self.next_offset
        self.sessions.drop_changes()
        self._start_batch()

    def swap(self) -> Flush | None:
        """Everything folded so far, to be written; folding goes on with an empty batch. None if there is nothing."""
        if not self.pending:
            return None
        changed, left = self.sessions.take(self.log_ms)
        flush = Flush(
            partition=self.number,
            base=self.base,
            to=self.next_offset,
            generation=self.generation,
            leader_epoch=self.leader_epoch,
            log_ms=self.log_ms,
            batch=self._batch,
            sessions=changed,
            expired=left,
            quarantined=self._quarantined,
            tally=self._tally,
        )
        self.base = self.next_offset
        self._start_batch()
        return flush

    # --- a delete, which is applied alone ----------------------------------------------------------------------------

    def met_barrier(self) -> tuple[Barrier, Record]:
        """The barrier that stands at the position, and its record."""
        if self.barrier is None or self.barrier_record is None:
            raise RuntimeError("there is no barrier")
        return self.barrier, self.barrier_record

    def session_behind_barrier(self) -> tuple[Source, SessionState]:
        """What the state of the barrier's session will be behind it; nothing is changed."""
        barrier, record = self.met_barrier()
        return barrier.source, self.sessions.with_(barrier.source, record.log_ms)

    def pass_barrier(self) -> None:
        """The barrier's record was applied and committed: go on behind it."""
        barrier, record = self.met_barrier()
        self.sessions.remember(barrier.source, record.log_ms)
        self._move_behind(record)
        self.base = self.written = self.next_offset
        self.written_log_ms = self.log_ms
        self.barrier = self.barrier_record = None
