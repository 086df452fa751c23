"""Whether the database is away, and when to ask again: one question per back-off decides, nothing else is tried."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from aggregator.transaction import StoreError

FIRST_S = 0.5
LONGEST_S = 5.0

log = structlog.get_logger()


@dataclass(slots=True)
class Outage:
    ongoing: bool = False
    since: float = 0.0
    _wait_s: float = FIRST_S
    _ask_at: float = 0.0

    def seconds(self, now: float) -> float | None:
        """For how long it has been away; None where it is not."""
        return round(now - self.since, 1) if self.ongoing else None

    def begin(self, now: float, error: str) -> None:
        if not self.ongoing:
            log.error("database away, partitions paused", error=error)
            self.ongoing, self.since, self._wait_s = True, now, FIRST_S
        self._ask_at = now + self._wait_s

    def is_over(self, now: float, ping: Callable[[], None]) -> bool:
        """Ask if it is time to; True once, when the database is back."""
        if not self.ongoing or now < self._ask_at:
            return False
        try:
            ping()
        except StoreError:
            self._wait_s = min(LONGEST_S, 2 * self._wait_s)
            self._ask_at = now + self._wait_s
            return False
        self.ongoing = False
        log.info("database back", seconds=round(now - self.since, 1))
        return True
