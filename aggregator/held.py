"""A partition that this process holds, with what the loop has to remember of it beside its totals."""

from collections.abc import Iterable
from dataclasses import dataclass

from aggregator.partition import MAX_CHANGE_BYTES, Partition
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

    def joins(self, *, waiting: bool) -> bool:
        """Whether it may be written in one transaction with others: a plain batch, not tried yet."""
        partition = self.partition
        return not waiting and not partition.is_ripe and partition.barrier is None and partition.stop is None


def grouped(due: Iterable[Held], max_records: int) -> list[list[Held]]:
    """In this order, as many in a group as belong into one transaction; a large batch is a group of its own."""
    groups = list[list[Held]]()
    records = size = 0
    for held in due:
        pending, weight = held.partition.pending, held.partition.weigh()
        records, size = records + pending, size + weight
        if not groups or records > max_records or size > MAX_CHANGE_BYTES:
            groups.append([])
            records, size = pending, weight
        groups[-1].append(held)
    return groups
