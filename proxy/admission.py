"""Whether one more event can be taken, decided before upstream is called: what was taken is never given up for room.

Plain arithmetic over what the spool measured; `take` and `give_back` are called by the event loop, the rest by the
thread of the spool, and each value is a single number.
"""

from collections import deque

from common.errors import PackstatsError
from common.events import MAX_EVENT_BYTES

WARN_AT = 0.7
_WARN_AGAIN_BELOW = 0.65
_GROWTH_OVER_S = 60.0
_SAMPLE_EVERY_S = 1.0
_RETRY_AFTER_S = 10

# What the log and the next checkpoint may need besides the events that were admitted.
DISK_MARGIN_BYTES = 16 * 1024 * 1024


class SpoolFullError(PackstatsError):
    """The spool cannot take one more event; the caller may try again after `retry_after_s`."""

    def __init__(self, reason: str, retry_after_s: int = _RETRY_AFTER_S) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Admission:
    """Counts the places that were given and are not yet part of the measured size, each for the largest event."""

    def __init__(self, limit_bytes: int, disk_margin_bytes: int = DISK_MARGIN_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self.closed: str | None = None  # why nothing is taken whatever the size
        self._disk_margin_bytes = disk_margin_bytes
        self._room_bytes = limit_bytes + disk_margin_bytes
        self._places = 0
        self._warned = False

    @property
    def fill(self) -> float:
        return self.used_bytes / self.limit_bytes

    @property
    def refusing(self) -> str | None:
        """Why the next event would be refused, None where it would be taken."""
        needed = (self._places + 1) * MAX_EVENT_BYTES
        if self.closed is not None:
            return self.closed
        if self.used_bytes + needed > self.limit_bytes:
            return "the spool is full"
        if self._room_bytes < needed + self._disk_margin_bytes:
            return "the disk of the spool is nearly full"
        return None

    def take(self) -> None:
        """Take a place; raises SpoolFullError where there is none."""
        reason = self.refusing
        if reason is not None:
            raise SpoolFullError(reason)
        self._places += 1

    def give_back(self, places: int) -> None:
        """These places are free again, or their events are part of the measured size."""
        self._places -= places

    def measured(self, used_bytes: int, room_bytes: int) -> bool:
        """Note the size of the spool; True where it has just become so full that somebody should be told."""
        self.used_bytes = used_bytes
        self._room_bytes = room_bytes
        if self.fill < _WARN_AGAIN_BELOW:
            self._warned = False
        crossed = self.fill >= WARN_AT and not self._warned
        self._warned = self._warned or crossed
        return crossed


class Growth:
    """The rate at which something grows, over the last minute."""

    def __init__(self) -> None:
        self.per_s = 0.0
        self._samples: deque[tuple[float, int]] = deque()

    def measured(self, size: int, now_s: float) -> None:
        samples = self._samples
        if samples and now_s - samples[-1][0] < _SAMPLE_EVERY_S:
            return
        samples.append((now_s, size))
        while now_s - samples[0][0] > _GROWTH_OVER_S:
            samples.popleft()
        passed_s = now_s - samples[0][0]
        self.per_s = (size - samples[0][1]) / passed_s if passed_s else 0.0
