"""Pure: what one keystem's requests of one hour add up to, in plain integers, made into changes of counters once a batch.

What takes few values (outcomes, statuses, engines, …) is counted by the combination of them, so that a request costs two
additions and not a dozen. What comes to 0 is left out of a change: a counter that is 0 is as good as absent.
"""

from collections.abc import Sized
from datetime import UTC, datetime
from typing import NamedTuple

from aggregator.boxes import Boxes
from aggregator.changes import Change
from aggregator.sums import Durations, Priced, change_counts, change_map, change_sums
from common import documents
from common.documents import MICRO, escape
from common.events import CACHE_STATES, OTHER, OUTCOMES, PackEvent, event_id

NANO = 1_000_000_000
UNANSWERED = frozenset({"unreachable", "timed_out", "unreadable"})

# A request by outcome, cache, status and attempts; a pack by boxes, leftovers, engine, offered list, order and images.
Request = tuple[str, str, int | None, int]
Pack = tuple[int | None, int | None, str | None, str | None, bool, bool | None]


class LongestLatency(NamedTuple):
    """The slowest answer; compared field by field, as the database compares the embedded document it becomes."""

    ns: int
    at: datetime
    keystem: str
    event_id: str


class Hour:
    """One keystem in one hour."""

    __slots__ = (
        "box_types",
        "cartons",
        "clock_suspect",
        "first",
        "items",
        "items_asked",
        "items_n",
        "last",
        "latency",
        "pack_n",
        "pack_ns",
        "packs",
        "priced",
        "proxy",
        "render_n",
        "render_ns",
        "requests",
        "shares",
        "shares_sq",
        "shares_sum",
        "slowest",
        "units",
        "volume",
        "volume_net",
        "volume_used",
        "weighed",
        "weight",
    )

    def __init__(self, moment: datetime) -> None:
        self.first = self.last = moment
        self.requests: dict[Request, int] = {}
        self.packs: dict[Pack, int] = {}
        self.clock_suspect = self.weighed = 0
        self.latency, self.proxy = Durations(), Durations()
        self.slowest: LongestLatency | None = None
        self.items = self.items_n = self.items_asked = self.units = 0
        self.volume = self.volume_used = self.volume_net = self.weight = 0
        self.shares: dict[int, int] = {}
        self.shares_sum = self.shares_sq = 0
        self.pack_n = self.pack_ns = self.render_n = self.render_ns = 0
        self.priced: Priced | None = None
        self.box_types: dict[str, int] = {}
        self.cartons: dict[str, Boxes] = {}

    def add(self, event: PackEvent, moment: datetime) -> None:
        """Count a request; `moment` is when it counts as having happened, to the microsecond."""
        request = (event.outcome, event.cache, event.status, event.attempts)
        self.requests[request] = self.requests.get(request, 0) + 1
        if moment < self.first:
            self.first = moment
        elif moment > self.last:
            self.last = moment
        if event.proxy_ns is not None:
            self.proxy.add(event.proxy_ns)
        if event.latency_ns is not None and event.cache != "hit" and event.outcome not in UNANSWERED:
            self.latency.add(event.latency_ns)
            if self.slowest is None or event.latency_ns >= self.slowest.ns:
                self._take_slowest(event, event.latency_ns, moment)
        if event.outcome == "packed":
            self._add_pack(event)
            self._add_measures(event)
            self._add_boxes(event)

    def _take_slowest(self, event: PackEvent, latency_ns: int, moment: datetime) -> None:
        identity = event_id(event.session, event.partition, event.seq)
        found = LongestLatency(latency_ns, to_the_millisecond(moment), event.keystem, identity)
        if self.slowest is None or found > self.slowest:
            self.slowest = found

    def _add_pack(self, event: PackEvent) -> None:
        pack = (
            event.boxes,
            event.leftovers,
            event.engine_version,
            event.offered_hash,
            event.order_hash is not None,
            event.images,
        )
        self.packs[pack] = self.packs.get(pack, 0) + 1
        if event.items is not None:
            self.items += event.items
            self.items_n += 1
        if event.units is not None:
            self.units += event.units
        if event.items_asked is not None:
            self.items_asked += event.items_asked
        if event.pack_s is not None:
            self.pack_n += 1
            self.pack_ns += round(event.pack_s * NANO)
        if event.render_s is not None:
            self.render_n += 1
            self.render_ns += round(event.render_s * NANO)

    def _add_measures(self, event: PackEvent) -> None:
        if event.volume is not None:
            self.volume += round(event.volume * MICRO)
        if event.volume_used is not None:
            self.volume_used += round(event.volume_used * MICRO)
        if event.volume_net is not None:
            self.volume_net += round(event.volume_net * MICRO)
        if event.weight is not None:
            self.weight += round(event.weight * MICRO)
        if event.utilization is not None:
            share, shares = round(event.utilization * MICRO), self.shares
            self.shares_sum += share
            self.shares_sq += share * share
            number = share * 20 // MICRO if share < MICRO else 19
            shares[number] = shares.get(number, 0) + 1

    def _add_boxes(self, event: PackEvent) -> None:
        if event.box_types:
            types = self.box_types
            for ref_id, boxes in event.box_types.items():
                types[ref_id] = types.get(ref_id, 0) + boxes
        for row in event.box_rows:
            found = self.cartons.get(row.carton)
            if found is None:
                found = self.cartons[row.carton] = Boxes()
            found.add(row)
            if row.price_cents is not None or row.material_cents is not None:
                found.add_money(row)
        if event.cost_cents is not None:
            if self.priced is None:
                self.priced = Priced()
            self.priced.add(event, event.cost_cents)

    @property
    def entries(self) -> int:
        """About how many counters it will change."""
        maps: tuple[Sized, ...] = (
            self.requests,
            self.packs,
            self.latency.buckets,
            self.proxy.buckets,
            self.shares,
            self.box_types,
        )
        return 30 + sum(map(len, maps)) + 16 * len(self.cartons)

    # --- once a batch ------------------------------------------------------------------------------------------------

    def change(self) -> Change:
        """What is counted of everything but kinds of cartons."""
        change = Change()
        self._change_requests(change)
        self._change_packs(change)
        for path, durations in (("proxy", self.proxy), ("latency", self.latency)):
            durations.change(change, path)
        change_counts(
            change,
            (
                ("clock_suspect", self.clock_suspect),
                ("items", self.items),
                ("items_n", self.items_n),
                ("units", self.units),
                ("items_asked", self.items_asked),
                ("utilization.n", sum(self.shares.values())),
                ("pack_time.n", self.pack_n),
                ("render_time.n", self.render_n),
            ),
        )
        change_sums(
            change,
            (
                ("volume", self.volume),
                ("volume_used", self.volume_used),
                ("volume_net", self.volume_net),
                ("weight", self.weight),
                ("utilization.sum", self.shares_sum),
                ("utilization.sum_sq", self.shares_sq),
                ("pack_time.sum", self.pack_ns),
                ("render_time.sum", self.render_ns),
            ),
        )
        change_map(change, "utilization.bins.", self.shares)
        change_map(change, "box_types.", {escape(ref_id): boxes for ref_id, boxes in self.box_types.items()})
        if self.priced is not None:
            self.priced.change(change)
        for boxes in self.cartons.values():
            boxes.change_boxes(change)
        change.minima["first_seen"] = to_the_millisecond(self.first)
        change.maxima["last_seen"] = to_the_millisecond(self.last)
        if self.slowest is not None:
            change.maxima[documents.LATENCY_MAX] = self.slowest
        return change

    def _change_requests(self, change: Change) -> None:
        for (outcome, cache, status, attempts), number in self.requests.items():
            change.count("requests", number)
            change.count(f"outcomes.{outcome if outcome in OUTCOMES else OTHER}", number)
            change.count(f"cache.{cache if cache in CACHE_STATES else OTHER}", number)
            change.count("attempts", attempts * number)
            if outcome not in UNANSWERED:  # with the unanswered ones they add up to the requests
                change.count(f"statuses.{status or 0}", number)

    def _change_packs(self, change: Change) -> None:
        for (boxes, leftovers, engine, _, has_order, has_images), number in self.packs.items():
            change.count("packs", number)
            if boxes is not None:
                change.count("no_box" if boxes == 0 else "one_box" if boxes == 1 else "split", number)
                change_counts(change, (("boxes", boxes * number),))
            if leftovers:
                change.count("leftovers", leftovers * number)
                change.count("with_leftovers", number)
            if engine is not None:
                change.count(f"engines.{escape(engine)}", number)
            if has_order:
                change.count("with_order", number)
            if has_images:
                change.count("with_images", number)

    def carton_change(self) -> Change | None:
        """What is counted of each kind of carton, and of the lists they were offered in; None where there is none."""
        change = Change()
        for (*_, offered_hash, _, _), number in self.packs.items():
            if offered_hash is not None:
                change.count(f"offered.{escape(offered_hash)}", number)
        for carton, boxes in self.cartons.items():
            boxes.change_carton(change, f"cartons.{escape(carton)}.")
        return change if change.counts or change.sums else None


def to_the_millisecond(moment: datetime) -> datetime:
    """What the database keeps of it: so an extreme does not depend on who compared it."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
