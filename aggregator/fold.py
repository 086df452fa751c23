"""Pure: events of packs → changes of documents. Which documents there are is known here; what is counted, in `hour`.

Everything is folded per keystem and hour; days, lifetime documents and the totals of all are sums of those, made once a
batch. Order and grouping do not matter: every change is an addition or an extreme.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from aggregator.changes import Change, Changes, Derived, Id
from aggregator.hour import Hour, to_the_millisecond
from aggregator.records import Foldable
from common import documents, progress
from common.events import PackEvent

OLDEST = timedelta(days=45)
NEWEST = timedelta(hours=1)
AN_HOUR = timedelta(hours=1)
BYTES_PER_ENTRY = 64
BYTES_PER_CARTON = 128
NEVER = datetime.max.replace(tzinfo=UTC)

LATENCY_MEAN_PIPELINE: list[dict[str, Any]] = [
    {
        "$set": {
            documents.LATENCY_MEAN: {
                "$cond": [{"$gt": ["$latency.n", 0]}, {"$divide": ["$latency.sum", "$latency.n"]}, None]
            }
        }
    }
]


class PackBatch:
    """The counter changes of one partition since its last flush."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._hours: dict[datetime, dict[str, Hour]] = {}
        self._lists: dict[tuple[str, str], Change] = {}
        # Records that follow each other are mostly of one hour and of one log time: what that means is kept.
        self._hour: dict[str, Hour] = {}
        self._hour_begins = self._hour_ends = NEVER
        self._log_ms = -1
        self._oldest = self._newest = NEVER
        self._unweighed: set[Hour] = set()
        self._entries = 0

    def add(self, item: Foldable, log_ms: int) -> None:
        event: PackEvent = item.event  # type: ignore[assignment]  # made by PackStream.read, the only source of batches
        if log_ms != self._log_ms:
            self._look_at(log_ms)
        moment = event.occurred_at
        suspect = not self._oldest <= moment <= self._newest
        if suspect:
            moment = progress.moment_of(log_ms)
        if not self._hour_begins <= moment < self._hour_ends:
            self._turn_to(moment)
        hour = self._hour.get(event.keystem)
        if hour is None:
            hour = self._hour[event.keystem] = Hour(moment)
        if suspect:
            hour.clock_suspect += 1
        hour.add(event, moment)
        self._unweighed.add(hour)
        if event.offered is not None and event.offered_hash is not None:
            self._remember_list(event.keystem, event.offered_hash, event, moment)

    def _look_at(self, log_ms: int) -> None:
        self._log_ms = log_ms
        self._oldest, self._newest = _believed(progress.moment_of(log_ms))

    def _turn_to(self, moment: datetime) -> None:
        begins = documents.hour_of(moment.astimezone(UTC))
        self._hour = self._hours.setdefault(begins, {})
        self._hour_begins, self._hour_ends = begins, begins + AN_HOUR

    def _remember_list(self, keystem: str, offered_hash: str, event: PackEvent, moment: datetime) -> None:
        found = self._lists.get((keystem, offered_hash))
        if found is None:
            cartons = msgspec.to_builtins(event.offered)
            found = Change(constants={"cartons": cartons, "from": event.offered_from})
            self._lists[keystem, offered_hash] = found
        found.lower("first_seen", to_the_millisecond(moment))

    def size_bytes(self) -> int:
        for hour in self._unweighed:
            entries = hour.entries
            self._entries += entries - hour.weighed
            hour.weighed = entries
        self._unweighed.clear()
        cartons = sum(1 + len(change.constants["cartons"]) for change in self._lists.values())
        # An entry goes into its hour or day, the lifetime document and, merged, the totals.
        return 2 * BYTES_PER_ENTRY * self._entries + BYTES_PER_CARTON * cartons

    def changes(self) -> Changes:
        made: dict[tuple[str, Id], Change] = {}
        touched: dict[Id, None] = {}

        def of(collection: str, identity: Id, **constants: object) -> Change:
            found = made.get((collection, identity))
            if found is None:
                found = made[collection, identity] = Change(constants=constants)
            return found

        for begins, by_keystem in self._hours.items():
            total = of(documents.TOTALS, self._partition)
            total_hour = of(documents.TOTALS_HOURS, (("p", self._partition), ("h", begins)), hour=begins)
            day = documents.day_of(begins)
            for keystem, hour in by_keystem.items():
                change = hour.change()
                change.constants["hour"] = begins
                made[documents.KEYDATA_HOURS, (("k", keystem), ("h", begins))] = change
                lifetime = of(documents.KEYDATA, keystem, partition=self._partition)
                lifetime.absorb(change)
                total_hour.absorb(change, extremes=False)
                total.absorb_extremes(change)
                if (cartons := hour.carton_change()) is not None:
                    of(documents.CARTON_DAYS, (("k", keystem), ("d", day)), day=day).absorb(cartons)
                    lifetime.absorb(cartons)
                touched[keystem] = None
            total.absorb(total_hour, extremes=False)
        for (keystem, offered), change in self._lists.items():
            of(documents.CARTON_LISTS, (("k", keystem), ("hash", offered)), **change.constants).absorb(change)
        return Changes(made, [Derived(documents.KEYDATA, list(touched), LATENCY_MEAN_PIPELINE)] if touched else [])


def bounded_moment(occurred_at: datetime, log_time: datetime) -> tuple[datetime, bool]:
    """When something counts as having happened, and whether its proxy's clock is suspect: then the log's own time holds."""
    oldest, newest = _believed(log_time)
    suspect = not oldest <= occurred_at <= newest
    return to_the_millisecond(log_time if suspect else occurred_at), suspect


def _believed(log_time: datetime) -> tuple[datetime, datetime]:
    """Between which moments a proxy's clock is believed."""
    return log_time - OLDEST, log_time + NEWEST
