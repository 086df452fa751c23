"""Pure: how much of a partition's documents the topic still holds everything of: all, or the hours from some hour on.

An event counts in an hour at most one hour after its log time (a later one is moved to the log time). So of an hour that
begins an hour after the first record in the log, or after the last record that was counted before an accepted gap, no
event can have been taken away.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from admin.topic_log import Bounds
from aggregator.changes import Key
from aggregator.fold import NEWEST
from common import documents
from common.documents import day_of, hour_of

HOURS_KEPT = timedelta(days=399)  # a day less than the database keeps them
DATED = frozenset({documents.KEYDATA_HOURS, documents.CARTON_DAYS, documents.TOTALS_HOURS})
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """Every document where `whole`, else those of hours and days that begin at `since` or later."""

    whole: bool
    since: datetime

    def covers(self, collection: str, begins: datetime | None) -> bool:
        """Whether a document is compared, by the hour or day it is about."""
        if begins is None:
            return self.whole
        return collection in DATED and begins >= self.since

    @property
    def first_day(self) -> datetime:
        return _up(self.since, day_of(self.since), _DAY)


def scope_of(
    position: Mapping[str, Any], bounds: Bounds, first_log_time: datetime | None, now: datetime
) -> Scope | None:
    """None where the log is empty and was not always: then it says nothing."""
    accepted = position.get("accepted_gaps") or []
    oldest = now - HOURS_KEPT
    if bounds.start == 0 and not accepted:
        return Scope(True, _up(oldest, hour_of(oldest), _HOUR))
    if bounds.start > 0 and first_log_time is None:
        return None
    lost_until = [gap["log_time"] for gap in accepted if gap.get("log_time") is not None]
    if bounds.start > 0 and first_log_time is not None:
        lost_until.append(first_log_time)
    since = max([oldest, *(moment + NEWEST for moment in lost_until)])
    return Scope(False, _up(since, hour_of(since), _HOUR))


def begins_of(key: Key) -> datetime | None:
    """The hour or day that a document is about; None for those of a whole life."""
    collection, identity = key
    if collection not in DATED or not isinstance(identity, tuple):
        return None
    moment = identity[1][1]
    return moment if isinstance(moment, datetime) else None


def unexplained(holes: Iterable[tuple[int, int]], accepted: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """The holes in the log that no operator has accepted."""
    gaps = [(int(gap["from"]), int(gap["to"])) for gap in accepted]
    return [(start, end) for start, end in holes if not any(low <= start and end <= high for low, high in gaps)]


def _up(moment: datetime, begin: datetime, step: timedelta) -> datetime:
    return begin if moment == begin else begin + step
