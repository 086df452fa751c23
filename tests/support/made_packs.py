"""Packs made up from a seed, of which anything may be unknown."""

from datetime import timedelta
from random import Random
from typing import TypeVar

from common.events import BoxRow, OfferedCarton, PackEvent
from tests.support.made_events import HOUR_MS, START, pack, session_at

SESSIONS = [session_at(), session_at(START - timedelta(days=20))]
T = TypeVar("T")
STEMS = ["stem0001", "stem0002", "x"]
NAMES = ["small", "", "a.b$c", "(other)"]
LISTS = {f"hash{number}": [OfferedCarton(name=f"carton {number}")] for number in range(3)}


class Facility:
    """Makes up packs of which anything may be unknown; the same seed makes the same."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def packs(self) -> list[PackEvent]:
        return [self.pack(seq) for seq in range(1, self.random.randint(2, 14))]

    def pack(self, seq: int) -> PackEvent:
        draw, offered_hash = self.random, self.perhaps(self.random.choice(sorted(LISTS)))
        measures = {name: self.measure() for name in ("volume", "volume_used", "volume_net", "weight")}
        counts = {name: self.count() for name in ("items", "units", "boxes", "leftovers", "items_asked", "cost_cents")}
        return pack(
            draw.choice(SESSIONS),
            seq,
            draw.choice(STEMS),
            occurred_at=START - timedelta(milliseconds=draw.randint(-2 * HOUR_MS, 50 * 24 * HOUR_MS)),
            outcome=draw.choice(["packed", "packed", "packed", "refused", "timed_out", "odd"]),
            status=self.perhaps(200),
            cache=draw.choice(["off", "hit"]),
            latency_ns=self.perhaps(draw.randint(0, 10**10)),
            utilization=self.perhaps(draw.randint(0, 1_000_001) / 1_000_000),
            box_types={name: draw.randint(0, 9) for name in draw.sample(NAMES, 2)},
            box_rows=[self.box() for _ in range(draw.randint(0, 3))],
            offered_hash=offered_hash,
            offered=self.perhaps(LISTS.get(offered_hash or "")),
            offered_from="request",
            **measures,
            **counts,
        )

    def box(self) -> BoxRow:
        names = ("volume", "volume_used", "volume_net", "weight", "dim_weight")
        return BoxRow(
            carton=self.random.choice(NAMES),
            count=self.random.randint(1, 9),
            items=self.count(),
            weight_max=self.perhaps(50.0),
            dim_billed=self.perhaps(self.random.random() < 0.5),
            price_cents=self.count(),
            material_cents=self.count(),
            **{name: self.measure() for name in names},  # type: ignore[arg-type]  # each of these is a measure
        )

    def measure(self) -> float | None:
        return self.perhaps(self.random.randint(0, 10**12) / 1_000_000)

    def count(self) -> int | None:
        return self.perhaps(self.random.randint(0, 1000))

    def perhaps(self, value: T) -> T | None:
        return value if self.random.random() < 0.8 else None
