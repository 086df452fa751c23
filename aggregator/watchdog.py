"""Notices a partition that stands still although the log goes on: first it is fetched anew, then the process is."""

from dataclasses import dataclass, field

SILENCE_S = 30.0
SAME_PLACE = 3  # gaps at one offset without progress, before an operator is called


@dataclass(slots=True)
class Watchdog:
    """What was last heard of one partition."""

    heard_at: float
    received: bool = False
    restarts: int = 0
    gaps: dict[int, int] = field(default_factory=dict)

    def heard(self, now: float) -> None:
        """A record was taken."""
        self.heard_at, self.received, self.restarts = now, True, 0
        self.gaps.clear()

    def gap_at(self, offset: int) -> bool:
        """A record is missing at `offset`; True when that happened too often to be an accident of fetching."""
        self.gaps[offset] = self.gaps.get(offset, 0) + 1
        return self.gaps[offset] >= SAME_PLACE

    def is_silent(self, now: float, *, behind: bool) -> bool:
        """Whether there is more in the log and nothing came for too long; time spent caught up does not count."""
        if not behind:
            self.heard_at = now
            return False
        return now - self.heard_at >= SILENCE_S

    def restarted(self, now: float) -> int:
        """The partition is fetched anew; how often that was, without a record in between."""
        self.refetched(now)
        self.restarts += 1
        return self.restarts

    def refetched(self, now: float) -> None:
        """Fetching began at another offset: what the consumer says of its position means nothing until a record comes."""
        self.heard_at, self.received = now, False
