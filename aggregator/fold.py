"""Pure: events of packs → changes of counters. The one place that knows what is counted, and how.

Everything is folded per keystem and hour (and, for cartons, per keystem and day); lifetime documents and the totals of
all are sums of those, made once a batch. Order and grouping do not matter: every change is an addition or an extreme.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

import msgspec

from aggregator.boxes import fold_carton, fold_row
from aggregator.changes import Change, Changes, Derived, Id
from aggregator.records import Foldable
from common import documents, progress
from common.documents import escape, micro
from common.events import CACHE_STATES, OTHER, OUTCOMES, PackEvent, event_id

NANO = 1_000_000_000
OLDEST = timedelta(days=45)
NEWEST = timedelta(hours=1)
UNANSWERED = frozenset({"unreachable", "timed_out", "unreadable"})
BYTES_PER_ENTRY = 64
BYTES_PER_CARTON = 128

LATENCY_MEAN_PIPELINE: list[dict[str, Any]] = [
    {
        "$set": {
            documents.LATENCY_MEAN: {
                "$cond": [{"$gt": ["$latency.n", 0]}, {"$divide": ["$latency.sum", "$latency.n"]}, None]
            }
        }
    }
]


class LongestLatency(NamedTuple):
    """The slowest answer; compared field by field, as the database compares the embedded document it becomes."""

    ns: int
    at: datetime
    keystem: str
    event_id: str


class PackBatch:
    """The counter changes of one partition since its last flush."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._hours: dict[tuple[str, datetime], Change] = {}
        self._days: dict[tuple[str, datetime], Change] = {}
        self._lists: dict[tuple[str, str], Change] = {}

    def add(self, item: Foldable, log_ms: int) -> None:
        event = cast("PackEvent", item.event)  # made by PackStream.read, the only source of batches
        log_time = progress.moment_of(log_ms)
        moment, suspect = bounded_moment(event.occurred_at, log_time)
        hour = self._change(self._hours, event.keystem, documents.hour_of(moment))
        if suspect:
            hour.count("clock_suspect")
        fold_request(hour, event, moment)
        if event.outcome == "packed":
            fold_totals(hour, event)
            fold_engine(hour, event)
            fold_priced(hour, event)
            for row in event.box_rows:
                fold_row(hour, row)
            self._fold_cartons(event, moment)
        if event.offered is not None and event.offered_hash is not None:
            self._remember_list(event.keystem, event.offered_hash, event, moment)

    @staticmethod
    def _change(changes: dict[tuple[str, datetime], Change], keystem: str, at: datetime) -> Change:
        found = changes.get((keystem, at))
        if found is None:
            found = changes[keystem, at] = Change()
        return found

    def _fold_cartons(self, event: PackEvent, moment: datetime) -> None:
        if event.offered_hash is None and not event.box_rows:
            return
        day = self._change(self._days, event.keystem, documents.day_of(moment))
        if event.offered_hash is not None:
            day.count(f"offered.{escape(event.offered_hash)}")
        for row in event.box_rows:
            fold_carton(day, f"cartons.{escape(row.carton)}.", row)

    def _remember_list(self, keystem: str, offered_hash: str, event: PackEvent, moment: datetime) -> None:
        found = self._lists.get((keystem, offered_hash))
        if found is None:
            cartons = msgspec.to_builtins(event.offered)
            found = Change(constants={"cartons": cartons, "from": event.offered_from})
            self._lists[keystem, offered_hash] = found
        found.lower("first_seen", moment)

    def size_bytes(self) -> int:
        entries = sum(change.entries for changes in (self._hours, self._days) for change in changes.values())
        cartons = sum(1 + len(change.constants["cartons"]) for change in self._lists.values())
        # An entry goes into its hour or day, the lifetime document and, merged, the totals.
        return 2 * BYTES_PER_ENTRY * entries + BYTES_PER_CARTON * cartons

    def changes(self) -> Changes:
        made: dict[tuple[str, Id], Change] = {}

        def of(collection: str, identity: Id, **constants: object) -> Change:
            return made.setdefault((collection, identity), Change(constants=constants))

        for (keystem, at), change in self._hours.items():
            of(documents.KEYDATA_HOURS, (("k", keystem), ("h", at)), hour=at).absorb(change)
            of(documents.KEYDATA, keystem, partition=self._partition).absorb(change)
            of(documents.TOTALS, self._partition).absorb(change)
            of(documents.TOTALS_HOURS, (("p", self._partition), ("h", at)), hour=at).absorb(change, extremes=False)
        for (keystem, at), change in self._days.items():
            of(documents.CARTON_DAYS, (("k", keystem), ("d", at)), day=at).absorb(change)
            of(documents.KEYDATA, keystem, partition=self._partition).absorb(change)
        for (keystem, offered), change in self._lists.items():
            of(documents.CARTON_LISTS, (("k", keystem), ("hash", offered)), **change.constants).absorb(change)
        touched: list[Id] = list(dict.fromkeys(keystem for keystem, _ in self._hours))
        return Changes(made, [Derived(documents.KEYDATA, touched, LATENCY_MEAN_PIPELINE)] if touched else [])


def bounded_moment(occurred_at: datetime, log_time: datetime) -> tuple[datetime, bool]:
    """When a pack counts as having happened, and whether its proxy's clock is suspect: then the log's own time holds.

    To the millisecond, which is what the database keeps: so an extreme does not depend on who compared it.
    """
    suspect = not log_time - OLDEST <= occurred_at <= log_time + NEWEST
    moment = log_time if suspect else occurred_at.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000), suspect


def fold_request(change: Change, event: PackEvent, moment: datetime) -> None:
    """What is counted of every request, whatever became of it."""
    change.count("requests")
    change.count(f"outcomes.{event.outcome if event.outcome in OUTCOMES else OTHER}")
    change.count(f"cache.{event.cache if event.cache in CACHE_STATES else OTHER}")
    change.count("attempts", event.attempts)
    change.lower("first_seen", moment)
    change.raise_to("last_seen", moment)
    if event.proxy_ns is not None:
        _distribution(change, "proxy", event.proxy_ns)
    if event.outcome in UNANSWERED:
        return
    change.count(f"statuses.{event.status or 0}")  # always: with the unanswered ones they add up to the requests
    if event.latency_ns is not None and event.cache != "hit":
        _distribution(change, "latency", event.latency_ns)
        identity = event_id(event.session, event.partition, event.seq)
        change.raise_to(documents.LATENCY_MAX, LongestLatency(event.latency_ns, moment, event.keystem, identity))


def fold_totals(change: Change, event: PackEvent) -> None:
    """What is counted of a pack as a whole."""
    change.count("packs")
    if event.items is not None:
        change.count("items", event.items)
        change.count("items_n")
    for path, number in (
        ("units", event.units),
        ("boxes", event.boxes),
        ("leftovers", event.leftovers),
        ("items_asked", event.items_asked),
    ):
        if number is not None:
            change.count(path, number)
    for path, measure in (
        ("volume", event.volume),
        ("volume_used", event.volume_used),
        ("volume_net", event.volume_net),
        ("weight", event.weight),
    ):
        if measure is not None:
            change.add(path, micro(measure))
    if event.utilization is not None:
        _utilization(change, micro(event.utilization))
    for ref_id, boxes in (event.box_types or {}).items():
        change.count(f"box_types.{escape(ref_id)}", boxes)
    _shape(change, event)


def _utilization(change: Change, share: int) -> None:
    change.count("utilization.n")
    change.add("utilization.sum", share)
    change.add("utilization.sum_sq", share * share)
    change.count(f"utilization.bins.{min(19, share * 20 // documents.MICRO)}")


def _shape(change: Change, event: PackEvent) -> None:
    if event.boxes is not None:
        change.count("no_box" if event.boxes == 0 else "one_box" if event.boxes == 1 else "split")
    if event.leftovers:
        change.count("with_leftovers")
    if event.order_hash is not None:
        change.count("with_order")
    if event.images:
        change.count("with_images")


def fold_engine(change: Change, event: PackEvent) -> None:
    """What Paccurate says of its own work."""
    if event.engine_version is not None:
        change.count(f"engines.{escape(event.engine_version)}")
    for path, seconds in (("pack_time", event.pack_s), ("render_time", event.render_s)):
        if seconds is not None:
            change.count(f"{path}.n")
            change.add(f"{path}.sum", round(seconds * NANO))


def fold_priced(change: Change, event: PackEvent) -> None:
    """Money, of packs that have any: a box without price or rate reports its volume as price, which is none."""
    if event.cost_cents is None:
        return
    priced = [row for row in event.box_rows if row.price_cents is not None]
    change.count("priced.packs")
    change.count("priced.cost_cents", event.cost_cents)
    change.count("priced.boxes", sum(row.count for row in priced))
    change.count("priced.items", sum(row.items or 0 for row in priced))
    change.count("priced.material_cents", sum(row.material_cents or 0 for row in priced))
    change.add("priced.volume_net", sum(micro(row.volume_net or 0) for row in priced))


def _distribution(change: Change, path: str, duration_ns: int) -> None:
    change.count(f"{path}.n")
    change.add(f"{path}.sum", duration_ns)
    change.count(f"{path}.buckets.{documents.latency_bucket(duration_ns)}")
