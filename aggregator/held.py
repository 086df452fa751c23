"""A partition that this process holds, with what the loop has to remember of it beside its totals."""

from dataclasses import dataclass

from aggregator.partition import Partition
from aggregator.watchdog import Watchdog


@dataclass(slots=True)
class Held:
    partition: Partition
    watchdog: Watchdog
    flushed_at: float

    @classmethod
    def since(cls, partition: Partition, now: float) -> "Held":
        return cls(partition, Watchdog(now), now)

    def is_due(self, now: float, interval_s: float, *, waiting: bool) -> bool:
        """Whether there is something to write now: a batch that waits, a delete, a full batch, or one that is old enough."""
        if waiting or self.partition.barrier is not None or self.partition.is_full():
            return True
        if not self.partition.pending:
            self.flushed_at = max(self.flushed_at, now - interval_s)
            return False
        return now - self.flushed_at >= interval_s
