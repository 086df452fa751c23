"""Decides what follows from each attempt to write: go on, the same again, half as much, forget and read again, or stop."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from time import perf_counter

import structlog

from aggregator.erasure import Erasure
from aggregator.partition import MAX_RECORDS, Flush, Partition, Stop
from aggregator.store import Ends, Store
from aggregator.transaction import ConflictError, FencedError, RefusedError, StoreError, UnavailableError
from common import metrics

TRIES = 5  # of the same batch, before half of it is tried

log = structlog.get_logger()


class Outcome(Enum):
    """What an attempt to write came to."""

    NOTHING = auto()  # there was nothing to write
    WRITTEN = auto()
    ERASED = auto()  # a delete was applied to its end: fetch what comes behind it
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
    """Writes partitions one at a time; remembers the batches that could not be written yet."""

    def __init__(self, store: Store, ends: Callable[[int], Ends | None]) -> None:
        self._store = store
        self._ends = ends
        self._waiting: dict[int, _Waiting] = {}
        self._limits: dict[int, int] = {}

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
        waiting = self._waiting.get(partition.number)
        if waiting is None:
            flush = partition.swap()
            if flush is None:
                return Outcome.NOTHING if partition.barrier is None else self._erase(partition)
            waiting = self._waiting[partition.number] = _Waiting(flush)
        return self._attempt(partition, lambda: self._write(waiting))

    def _write(self, waiting: _Waiting) -> Outcome:
        flush, started = waiting.flush, perf_counter()
        self._store.flush(flush, self._ends(flush.partition))
        seconds = perf_counter() - started
        self.forget(flush.partition)
        self._limits[flush.partition] = min(MAX_RECORDS, 2 * self.limit(flush.partition))
        _count(flush, seconds)
        return Outcome.WRITTEN

    def _erase(self, partition: Partition) -> Outcome:
        barrier = partition.barrier
        if barrier is None:
            return Outcome.NOTHING
        erasure = Erasure(self._store, partition, barrier)

        def slice_() -> Outcome:
            if not erasure.step():
                return Outcome.WRITTEN
            partition.pass_barrier()
            metrics.EVENTS.labels("delete").inc()
            log.info("deleted", partition=partition.number, keystem=barrier.subject, event_id=barrier.event_id)
            return Outcome.ERASED

        return self._attempt(partition, slice_)

    def _attempt(self, partition: Partition, write: Callable[[], Outcome]) -> Outcome:
        try:
            return write()
        except UnavailableError as error:
            log.warning("database away", partition=partition.number, error=str(error))
            return Outcome.AWAY
        except ConflictError as error:
            return self._conflict(partition, error)
        except RefusedError as error:
            partition.refuse(Stop("refused by the database", str(error)))
            self.forget(partition.number)
            return Outcome.STOPPED
        except StoreError as error:  # fenced, or nobody can say
            if isinstance(error, FencedError):
                metrics.FENCED.inc()
            log.warning("lost the place", partition=partition.number, error=str(error))
            return Outcome.LOST

    def _conflict(self, partition: Partition, error: ConflictError) -> Outcome:
        waiting = self._waiting.get(partition.number)
        if waiting is None:
            return Outcome.AGAIN  # a slice of a delete: what is left is found anew
        waiting.tries += 1
        log.info("flush conflict", partition=partition.number, tries=waiting.tries, error=str(error))
        if waiting.tries < TRIES:
            return Outcome.AGAIN
        records = waiting.flush.to - waiting.flush.base
        self._limits[partition.number] = max(1, records // 2)
        return Outcome.LOST


def _count(flush: Flush, seconds: float) -> None:
    tally = flush.tally
    for kind, number in tally.kinds.items():
        metrics.EVENTS.labels(kind).inc(number)
    metrics.DUPLICATES.inc(tally.duplicates)
    for held in flush.quarantined:
        metrics.QUARANTINED.labels(held.reason.split(":", 1)[0]).inc()
        log.error("quarantined", partition=flush.partition, offset=held.record.offset, reason=held.reason)
    metrics.FLUSH_SECONDS.observe(seconds)
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
