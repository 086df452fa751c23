"""A partition that this process holds, with what the loop has to remember of it beside its totals."""

from dataclasses import dataclass

from aggregator.partition import Partition
from aggregator.watchdog import Watchdog


@dataclass(slots=True)
class Held:
    partition: Partition
    watchdog: Watchdog
    flushed_at: float
    tried_at: float = 0.0
    stopped_since: float | None = None  # as far as somebody has looked
    skipped: bool = False  # fetched records were let go, because the partition could not take them

    @classmethod
    def since(cls, partition: Partition, now: float) -> "Held":
        return cls(partition, Watchdog(now), now)

    def is_due(self, now: float, interval_s: float, *, waiting: bool) -> bool:
        """Whether there is something to write now: a batch that waits, a large one, one that is old enough, a delete."""
        partition = self.partition
        if waiting or partition.is_ripe:
            return True
        if partition.barrier is not None:
            return partition.stop is None or partition.pending > 0
        if not partition.pending:
            self.flushed_at = max(self.flushed_at, now - interval_s)
            return False
        return now - self.flushed_at >= interval_s
