"""Pure: whether the next record of a partition is gone, and where counting can go on without counting anything twice.

Two kinds. Where records are gone *ahead* of the position they are lost to the totals, and counting goes on at the first
one that is left, at no other: what lies behind it was never counted. Where the log was *rewritten* (it ends before the
position, or an older leader's records came back) some of what lies below the position may be new, so it is read again:
what was counted is dropped as seen, as long as its session is still remembered.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from admin.refusal import RefusalError
from admin.topic_log import Bounds
from aggregator.records import Record
from aggregator.sessions import SESSION_LIFE_MS

# A day less than aggregators remember sessions: nothing is to hang on the last minute.
REMEMBERED = timedelta(milliseconds=SESSION_LIFE_MS) - timedelta(days=1)
# Stops after which the record at the position may be another one than was expected, although one is there.
_OF_A_REWRITTEN_LOG = frozenset({"gap in the log", "leader epoch went back"})
OF_A_GAP = _OF_A_REWRITTEN_LOG | {"records missing"}

Wanted = int | Literal["start", "end"]


class Cause(StrEnum):
    RETENTION = "retention passed the position"
    MISSING = "records are missing in the log"
    SHORTER = "the log ends before the position"
    REWRITTEN = "the log was rewritten"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a partition stands, as its position says."""

    next_offset: int
    leader_epoch: int | None
    log_time: datetime | None  # of the last record that was counted
    stopped: str | None  # why it waits for an operator


@dataclass(frozen=True, slots=True)
class Gap:
    """What is gone, in a log that ends before `end`. Counting may go on from `lowest` to `highest`."""

    cause: Cause
    position: int
    lowest: int
    highest: int
    end: int

    @property
    def goes_back(self) -> bool:
        """Whether records below the position are read again."""
        return self.cause in {Cause.SHORTER, Cause.REWRITTEN}

    def at(self, wanted: Wanted) -> int:
        """The offset to go on at. Raises RefusalError where that one would lose records that are there."""
        offset = self.lowest if wanted == "start" else self.end if wanted == "end" else wanted
        if self.lowest <= offset <= self.highest:
            return offset
        if self.goes_back:
            raise RefusalError(
                f"counting can go on between {self.lowest} and {self.highest}, not at {offset}: below, records may be older "
                f"than what aggregators remember and would be counted twice; above there is nothing yet"
            )
        if offset < self.lowest:
            raise RefusalError(
                f"there is no record between {offset} and {self.lowest - 1}: --to start is {self.lowest}"
            )
        raise RefusalError(
            f"the records from {self.lowest} on are there and were never counted; going on at {offset} would lose them: "
            f"--to start goes on at {self.lowest}"
        )


def find(place: Place, bounds: Bounds, first: Record | None, remembered_from: int) -> Gap:
    """The gap at a position. Raises RefusalError where there is none.

    `first` is the first record that is left at the position or behind it; `remembered_from` the first one of the log
    that is young enough for its session to be remembered.
    """
    if place.next_offset > bounds.end:
        return Gap(Cause.SHORTER, place.next_offset, remembered_from, bounds.end, bounds.end)
    if place.next_offset == bounds.end:
        raise RefusalError(
            f"the position {place.next_offset} is the end of the log: nothing is missing, nothing to accept"
        )
    to = bounds.end if first is None else first.offset
    if to > place.next_offset:
        cause = Cause.RETENTION if place.next_offset < bounds.start else Cause.MISSING
        return Gap(cause, place.next_offset, to, to, bounds.end)
    assert first is not None
    if place.stopped in _OF_A_REWRITTEN_LOG and _is_another(first, place):
        return Gap(Cause.REWRITTEN, place.next_offset, remembered_from, bounds.end, bounds.end)
    raise RefusalError(
        f"the record at the position {place.next_offset} is there: nothing to accept. If the partition is stopped all the "
        f"same, restart the aggregator that holds it: it begins at the position"
    )


def _is_another(first: Record, place: Place) -> bool:
    """Whether the record comes from another leader than the last one that was counted, so that the log may be another."""
    return place.leader_epoch is not None and first.leader_epoch != place.leader_epoch
