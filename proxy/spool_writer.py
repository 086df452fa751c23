"""The one thread that works on the spool's file: appends in groups, removals that ride along, reads for the sender.

1. `append` puts records and their waiters into the queue; from there they leave only by a commit or the process's death.
2. A turn takes what is queued, at once, up to MOST_RECORDS, and commits it with the removals that have come meanwhile.
3. After the commit the waiters are released, all of a group together, and the sender is told that there is news.
4. Removals alone wait REMOVE_WITHIN_S for an append to ride with. To lose one costs nothing: its records are sent
   again, and the aggregator drops them.

Any StorageError ends the process: the restart reads what is really there.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

from common import metrics
from common.crash_points import CrashPoint, reach
from common.errors import EXIT_STORAGE, StorageError
from proxy.admission import Admission, Growth
from proxy.reserve import Reserve
from proxy.spool_file import SpoolFile
from proxy.spool_record import Group, Removal, SpoolRecord

MOST_RECORDS = 256
REMOVE_WITHIN_S = 0.2
_KEEP_HOUSE_EVERY_S = 1.0
_READ_WITHIN_S = 5.0

Waiter = TypeVar("Waiter")
log = structlog.get_logger()


def age_s(since_ms: int | None) -> float | None:
    return None if since_ms is None else max(0.0, time.time() - since_ms / 1000)


@dataclass(frozen=True, slots=True)
class _Remove:
    removals: Sequence[Removal]


@dataclass(frozen=True, slots=True)
class _Read:
    after: int
    max_bytes: int
    reply: "queue.SimpleQueue[list[Group]]" = field(default_factory=queue.SimpleQueue)


@dataclass(frozen=True, slots=True)
class _Close:
    pass


class SpoolWriter(Generic[Waiter]):
    """`append`, `remove`, `read`, `wait` and `close` may be called by any thread; `turn` by the writer's own alone."""

    def __init__(
        self,
        file: SpoolFile,
        admission: Admission,
        reserve: Reserve,
        release: Callable[[list[Waiter]], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        die: Callable[[int], None] = os._exit,
    ) -> None:
        self.last_id = file.last_id
        self.growth = Growth()
        self._file = file
        self._admission = admission
        self._reserve = reserve
        self._release = release
        self._clock = clock
        self._die = die
        self._queue: queue.SimpleQueue[list[tuple[SpoolRecord, Waiter]] | _Remove | _Read | _Close] = (
            queue.SimpleQueue()
        )
        self._news = threading.Event()
        self._appends: list[tuple[SpoolRecord, Waiter]] = []
        self._removals: list[Removal] = []
        self._remove_at = 0.0
        self._keep_house_at = 0.0
        self._closing = False
        self._measure()
        # Reckoned when somebody asks, so that it grows also while the disk does not answer.
        metrics.SPOOL_OLDEST_SECONDS.set_function(lambda: age_s(self.oldest_ms) or 0)

    def append(self, records: list[tuple[SpoolRecord, Waiter]]) -> None:
        """Records that came together, each with its waiter: to wake the thread costs more than a record."""
        self._queue.put(records)

    def remove(self, removals: Sequence[Removal]) -> None:
        self._queue.put(_Remove(removals))

    def read(self, after: int, max_bytes: int) -> list[Group]:
        """The next groups after that one; nothing where the disk takes too long to answer now."""
        request = _Read(after, max_bytes)
        self._queue.put(request)
        try:
            return request.reply.get(timeout=_READ_WITHIN_S)
        except queue.Empty:
            return []

    def wait(self, timeout_s: float) -> None:
        """Until something was appended since the last call, or the time is over."""
        self._news.wait(timeout_s)
        self._news.clear()

    def close(self) -> None:
        """Commit what is queued, close the file, end the thread. Nothing may be put into the queue after it."""
        self._queue.put(_Close())

    def run(self) -> None:
        """The thread: turns until closed."""
        try:
            while self.turn():
                pass
            self._file.close()
        except StorageError as error:
            log.critical("spool_failed", reason=str(error), file=str(self._file.path))
            self._die(EXIT_STORAGE)

    def turn(self) -> bool:
        """Wait for something to do and do it; False once closed. Raises StorageError."""
        self._collect()
        if self._appends or (self._removals and (self._closing or self._clock() >= self._remove_at)):
            self._commit()
        if self._clock() >= self._keep_house_at:
            self._keep_house()
        return bool(self._appends) or not self._closing

    def _collect(self) -> None:
        try:
            self._accept(self._queue.get(timeout=self._idle_s()))
            while len(self._appends) < MOST_RECORDS and not self._closing:
                self._accept(self._queue.get_nowait())
        except queue.Empty:
            pass

    def _idle_s(self) -> float:
        if self._appends:
            return 0.0
        due = min(self._remove_at, self._keep_house_at) if self._removals else self._keep_house_at
        return max(0.0, due - self._clock())

    def _accept(self, item: list[tuple[SpoolRecord, Waiter]] | _Remove | _Read | _Close) -> None:
        if isinstance(item, list):
            self._appends.extend(item)
        elif isinstance(item, _Remove):
            if not self._removals:
                self._remove_at = self._clock() + REMOVE_WITHIN_S
            self._removals.extend(item.removals)
        elif isinstance(item, _Read):
            item.reply.put(self._file.read(item.after, item.max_bytes))
        else:
            self._closing = True

    def _commit(self) -> None:
        appends, self._appends = self._appends[:MOST_RECORDS], self._appends[MOST_RECORDS:]
        removals, self._removals = self._removals, []
        self._file.commit([record for record, _ in appends], removals)
        if appends:
            reach(CrashPoint.SPOOL_COMMITTED)
        if removals:
            reach(CrashPoint.SPOOL_FORGOTTEN)
        self._committed([waiter for _, waiter in appends])

    def _committed(self, waiters: list[Waiter]) -> None:
        """The group is durable: count its size before its places are given back, then let its callers go on."""
        self._measure()
        if waiters:
            self.last_id = self._file.last_id
            self._release(waiters)
            self._news.set()

    def _measure(self) -> None:
        usage = self._file.usage()
        if self._admission.measured(usage.used, usage.room):
            log.warning("spool_filling", bytes=usage.used, limit_bytes=self._admission.limit_bytes)
        self.growth.measured(self._file.bytes, self._clock())
        self.records, self.aside, self.oldest_ms = self._file.records, self._file.aside, self._file.oldest_ms
        metrics.SPOOL_BYTES.set(usage.used)

    def _keep_house(self) -> None:
        """Once a second: what takes a moment and can wait for one."""
        self._keep_house_at = self._clock() + _KEEP_HOUSE_EVERY_S
        self._file.tidy(shrink=self._admission.refusing is not None)
        self._measure()
        if not self._reserve.held and self._file.empty:
            self._recover()

    def _recover(self) -> None:
        """The spool is drained, so packs can be taken again as soon as the reserve is back."""
        if self._reserve.take():
            self._measure()
            self._admission.closed = None
            log.info("spool_reserve_restored")
