"""Pure: how long records are gathered before they are written.

While the log is caught up with that is the interval that was asked for. Behind, a larger batch is worth more than a
fresh one: most of what a flush costs it costs for each document, not for each record, so flushes may take a share of
the time and no more. How much a batch can hold is bounded elsewhere, whatever the pace.
"""

from dataclasses import dataclass

SHARE = 0.1  # of the time, for flushes, while there is a backlog
LONGEST_S = 10.0
LAST_WEIGHS = 0.2  # of the last flush in the mean


@dataclass(slots=True)
class Pace:
    """How far apart the flushes of a partition are."""

    interval_s: float
    flush_s: float = 0.0  # of one partition, on average

    def flushed(self, seconds: float) -> None:
        """The batch of one partition was written, or tried to be, in so much time."""
        self.flush_s += LAST_WEIGHS * (seconds - self.flush_s)

    def gather_s(self, partitions: int, *, behind: bool) -> float:
        """The time between two flushes of each of so many partitions."""
        if not behind:
            return self.interval_s
        return max(self.interval_s, min(LONGEST_S, self.flush_s * partitions / SHARE))
