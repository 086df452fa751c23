"""Pure: sums that several counters come from, in plain integers; and how numbers become changes, without those that are 0."""

from aggregator.changes import Change
from common.documents import MICRO, latency_bucket
from common.events import PackEvent


class Durations:
    """A distribution of nanoseconds."""

    __slots__ = ("buckets", "sum")

    def __init__(self) -> None:
        self.sum = 0
        self.buckets: dict[int, int] = {}

    def add(self, duration_ns: int) -> None:
        self.sum += duration_ns
        bucket, buckets = latency_bucket(duration_ns), self.buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1

    def change(self, change: Change, path: str) -> None:
        if self.buckets:
            change.count(f"{path}.n", sum(self.buckets.values()))
            change_sums(change, ((f"{path}.sum", self.sum),))
            change_map(change, f"{path}.buckets.", self.buckets)


class Priced:
    """Money, of packs that have any: a box without price or rate reports its volume as price, which is none."""

    __slots__ = ("boxes", "cost_cents", "items", "material_cents", "packs", "volume_net")

    def __init__(self) -> None:
        self.packs = self.boxes = self.items = self.volume_net = self.cost_cents = self.material_cents = 0

    def add(self, event: PackEvent, cost_cents: int) -> None:
        self.packs += 1
        self.cost_cents += cost_cents
        for row in event.box_rows:
            if row.price_cents is not None:
                self.boxes += row.count
                self.items += row.items or 0
                self.material_cents += row.material_cents or 0
                self.volume_net += round((row.volume_net or 0) * MICRO)

    def change(self, change: Change) -> None:
        change.count("priced.packs", self.packs)
        change.count("priced.cost_cents", self.cost_cents)
        change.count("priced.material_cents", self.material_cents)
        change_counts(change, (("priced.boxes", self.boxes), ("priced.items", self.items)))
        change_sums(change, (("priced.volume_net", self.volume_net),))


def change_counts(change: Change, numbers: tuple[tuple[str, int], ...]) -> None:
    for path, number in numbers:
        if number:
            change.count(path, number)


def change_sums(change: Change, amounts: tuple[tuple[str, int], ...]) -> None:
    for path, amount in amounts:
        if amount:
            change.add(path, amount)


def change_map(change: Change, prefix: str, numbers: "dict[int, int] | dict[str, int]") -> None:
    for key, number in numbers.items():
        if number:
            change.count(f"{prefix}{key}", number)
