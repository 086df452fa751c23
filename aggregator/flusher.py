"""Decides what follows from each attempt to write: go on, the same again, half as much, forget and read again, or stop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from time import perf_counter

import structlog

from aggregator.batches import Flush, Stop
from aggregator.erasure import Erasure
from aggregator.partition import MAX_RECORDS, Partition
from aggregator.positions import Ends
from aggregator.store import Store, Writing
from aggregator.transaction import (
    ConflictError,
    FencedError,
    RefusedError,
    StoreError,
    UnavailableError,
    UnknownOutcomeError,
)
from common import metrics
from common.crash_points import CrashPoint, reach

TRIES = 5  # of the same batch, before half of it is tried
GROUP_RECORDS = 1_000  # in one transaction of several partitions; above that its own work outweighs what is saved
GROUP_GROWTH = 50  # more with each success

log = structlog.get_logger()


class Outcome(Enum):
    """What an attempt to write came to."""

    NOTHING = auto()  # there was nothing to write
    WRITTEN = auto()  # a batch, or a slice of a delete
    AGAIN = auto()  # not written, the same is tried next time
    AWAY = auto()  # not written, the database is away
    LOST = auto()  # forget what is in memory and claim again
    STOPPED = auto()  # the partition waits for an operator


@dataclass(slots=True)
class _Waiting:
    """A batch that was not written yet."""

    flush: Flush
    tries: int = 0


class Flusher:
    """Writes partitions, one at a time or several together; remembers the batches that could not be written yet."""

    def __init__(self, store: Store, ends: Callable[[int], Ends | None]) -> None:
        self._store = store
        self._ends = ends
        self._waiting: dict[int, _Waiting] = {}
        self._limits: dict[int, int] = {}
        self.group_records = GROUP_RECORDS  # fewer after groups that could not be written, down to none together

    def limit(self, partition: int) -> int:
        """How many records a batch of the partition may have: fewer after batches that the database would not take."""
        return self._limits.get(partition, MAX_RECORDS)

    def forget(self, partition: int) -> None:
        """The partition is no longer ours, or its memory was dropped."""
        self._waiting.pop(partition, None)

    def is_waiting(self, partition: int) -> bool:
        return partition in self._waiting

    def step(self, partition: Partition) -> Outcome:
        """One attempt: a batch that waits, else the batch folded since, else a slice of a delete."""
        if not self.is_waiting(partition.number) and not self._take(partition):
            return Outcome.NOTHING if partition.barrier is None else self._erase(partition)
        return self._attempt(partition, lambda: self._write([partition]))

    def together(self, partitions: Sequence[Partition]) -> Outcome:
        """One attempt at the batches folded since of several, none of which waits, in one transaction.

        WRITTEN and LOST are said of all of them. After AGAIN and AWAY each has a batch that waits, to be tried alone:
        the one that has to be halved, was fenced or is refused is found that way.
        """
        taken = [partition for partition in partitions if self._take(partition)]
        if not taken:
            return Outcome.NOTHING
        records = sum(partition.base - partition.written for partition in taken)
        outcome = self._write_together(taken) if len(taken) > 1 else self.step(taken[0])
        if outcome is Outcome.WRITTEN:
            self.group_records = min(GROUP_RECORDS, self.group_records + GROUP_GROWTH)
        elif len(taken) > 1:
            self.group_records = records // 2
        return outcome

    def _write_together(self, taken: Sequence[Partition]) -> Outcome:
        numbers = [partition.number for partition in taken]
        try:
            return self._write(taken)
        except UnavailableError as error:
            log.warning("database away", partitions=numbers, error=str(error))
            return Outcome.AWAY
        except UnknownOutcomeError as error:
            log.warning("lost the place", partitions=numbers, error=str(error))
            return Outcome.LOST
        except StoreError as error:
            log.info("not written together", partitions=numbers, error=str(error))
            return Outcome.AGAIN

    def _take(self, partition: Partition) -> bool:
        """Whether there is a batch to write; from now on it waits."""
        if (flush := partition.swap()) is None:
            return False
        self._waiting[partition.number] = _Waiting(flush)
        reach(CrashPoint.FLUSH_SWAPPED)
        return True

    def _write(self, partitions: Sequence[Partition]) -> Outcome:
        """Write what waits, of each partition."""
        flushes = [(partition, self._waiting[partition.number].flush) for partition in partitions]
        started = perf_counter()
        self._store.flush(*(Writing(flush, self._ends(one.number), one.stop) for one, flush in flushes))
        seconds = perf_counter() - started
        metrics.FLUSH_SECONDS.observe(seconds)
        for partition, flush in flushes:
            partition.written, partition.written_log_ms = flush.to, flush.log_ms
            self.forget(flush.partition)
            self._set_limit(partition, 2 * self.limit(flush.partition))
            _count(flush, seconds)
        return Outcome.WRITTEN

    def _set_limit(self, partition: Partition, records: int) -> None:
        partition.max_records = self._limits[partition.number] = min(MAX_RECORDS, max(1, records))

    def _erase(self, partition: Partition) -> Outcome:
        erasure = Erasure(self._store, partition)

        def slice_() -> Outcome:
            if not erasure.step():
                reach(CrashPoint.ERASE_BETWEEN)
            else:
                reach(CrashPoint.ERASE_COMMITTED)
                barrier, _ = partition.met_barrier()
                partition.pass_barrier()
                metrics.EVENTS.labels("delete").inc()
                log.info("deleted", partition=partition.number, keystem=barrier.subject, event_id=barrier.event_id)
            return Outcome.WRITTEN

        return self._attempt(partition, slice_)

    def _attempt(self, partition: Partition, write: Callable[[], Outcome]) -> Outcome:
        try:
            return write()
        except UnavailableError as error:
            log.warning("database away", partition=partition.number, error=str(error))
            # A batch that is too much for the time it has looks the same, over and over.
            return Outcome.AWAY if self._may_try_again(partition) else Outcome.LOST
        except ConflictError as error:
            log.info("flush conflict", partition=partition.number, error=str(error))
            return Outcome.AGAIN if self._may_try_again(partition) else Outcome.LOST
        except RefusedError as error:
            partition.refuse(Stop("refused by the database", str(error), may_pass=True))
            self.forget(partition.number)
            return Outcome.STOPPED
        except StoreError as error:  # fenced, or nobody can say
            if isinstance(error, FencedError):
                metrics.FENCED.inc()
            log.warning("lost the place", partition=partition.number, error=str(error))
            return Outcome.LOST

    def _may_try_again(self, partition: Partition) -> bool:
        """Whether the same batch is tried once more; if not, the next one will be half as large."""
        waiting = self._waiting.get(partition.number)
        if waiting is None:
            return True  # a slice of a delete: what is left is found anew
        waiting.tries += 1
        if waiting.tries < TRIES:
            return True
        self._set_limit(partition, (waiting.flush.to - waiting.flush.base) // 2)
        return False


def _count(flush: Flush, seconds: float) -> None:
    tally = flush.tally
    for kind, number in tally.kinds.items():
        metrics.EVENTS.labels(kind).inc(number)
    metrics.DUPLICATES.inc(tally.duplicates)
    if tally.last_at is not None:
        age = datetime.now(UTC) - tally.last_at
        metrics.END_TO_END_SECONDS.labels(flush.partition).set(max(0.0, age.total_seconds()))  # clocks differ
    for held in flush.quarantined:
        metrics.QUARANTINED.labels(held.reason.split(":", 1)[0]).inc()
        log.error("quarantined", partition=flush.partition, offset=held.record.offset, reason=held.reason)
    log.info(
        "flushed",
        partition=flush.partition,
        base=flush.base,
        to=flush.to,
        events=sum(tally.kinds.values()),
        duplicates=tally.duplicates,
        quarantined=len(flush.quarantined),
        seconds=round(seconds, 4),
    )
