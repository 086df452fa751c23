"""Decides before anything is drawn how many orders each tenant places on each day, so that every total is exact.

Whole numbers only: no result depends on how a machine or a version of Python rounds. Standard library, Python 3.10+.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
# A facility at full speed is spread evenly over slots of this length; inside of one the order of arrival is random.
_RUSH_SLOT_MINUTES = 5


@dataclass(frozen=True)
class Slot:
    """A stretch of the day into which one order of every round of the bag falls."""

    start_ms: int
    length_ms: int


@dataclass(frozen=True)
class Stream:
    """Orders of one tenant that follow one time-of-day profile. `bag` holds each slot as often as its weight says."""

    facilities: tuple[str, ...]
    daily: tuple[int, ...]
    bag: tuple[Slot, ...]


@dataclass(frozen=True)
class Tenant:
    id: str
    group: str
    facilities: tuple[str, ...]
    streams: tuple[Stream, ...]
    first_item: int
    items: int
    line_counts: tuple[int, ...]
    quantities: tuple[int, ...]
    orders: int


@dataclass(frozen=True)
class Plan:
    preset: str
    seed: int
    days: tuple[date, ...]
    end: date
    catalogue: int
    arrivals: int
    tenants: tuple[Tenant, ...]

    def named(self) -> dict[str, Tenant]:
        """The tenants whose answers are told: by number of orders (then by id), and the client of a few hundred a day."""
        ranked = sorted(self.tenants, key=lambda tenant: (tenant.orders, tenant.id))
        client = next(tenant for tenant in self.tenants if tenant.group == "client")
        return {
            "smallest": ranked[0],
            "median": ranked[len(ranked) // 2],
            "largest": ranked[-1],
            "client": client,
        }


def read(path: Path, preset: str, seed: int) -> Plan:
    """The plan of a preset of config.json; KeyError if there is none of that name."""
    config = json.loads(path.read_text(encoding="utf-8"))
    chosen = config["presets"][preset]
    end = date.fromisoformat(config["end"])
    days = tuple(end - timedelta(days=back) for back in range(chosen["days"], 0, -1))
    groups = chosen["tenants"]
    fixed = sum(_orders_of(group, len(days)) for group in groups if group["group"] != "rest")
    maker = _Tenants(config, chosen["catalogue"], len(days), f"{seed}/{preset}")
    tenants: list[Tenant] = []
    for group in groups:
        total = chosen["orders"] - fixed if group["group"] == "rest" else _orders_of(group, len(days))
        # The rest is of all sizes, from one share to as many as there are tenants.
        for number, orders in enumerate(apportion(total, range(1, group["tenants"] + 1))):
            tenants.append(maker.tenant(group, number, len(tenants), orders))
    return Plan(preset, seed, days, end, chosen["catalogue"], chosen["arrivals"], tuple(tenants))


def apportion(total: int, weights: Iterable[int]) -> list[int]:
    """Whole parts of `total` in proportion to the weights; their sum is `total` exactly."""
    sums = list(accumulate(weights))
    marks = [total * mark // sums[-1] for mark in sums]
    return [mark - before for mark, before in zip(marks, [0, *marks], strict=False)]


def growing(days: int, permille: int) -> list[int]:
    """Weights of days of which each is `permille` thousandths more than the day before."""
    weights = [10**12]
    while len(weights) < days:
        weights.append(weights[-1] * (1000 + permille) // 1000)
    return weights


def _orders_of(group: Mapping[str, Any], days: int) -> int:
    rush = group.get("rush", {"orders_per_minute": 0, "minutes": 0, "days": 0})
    return int(group["orders_per_day"] * days + rush["orders_per_minute"] * rush["minutes"] * rush["days"])


class _Tenants:
    """Makes tenants of a group; the lists in the configuration are gone through in turn."""

    def __init__(self, config: Mapping[str, Any], catalogue: int, days: int, scope: str) -> None:
        self._config, self._catalogue, self._days, self._scope = config, catalogue, days, scope

    def tenant(self, group: Mapping[str, Any], number: int, index: int, orders: int) -> Tenant:
        def turn(name: str) -> Any:
            return group[name][number % len(group[name])]

        facilities = tuple(f"F{place:02d}" for place in range(1, turn("facilities") + 1))
        size = self._config["sizes"][turn("sizes")]
        profile = self._config["profiles"][turn("profiles")]
        rush = self._rush(group.get("rush"), facilities[:1])
        usual = orders - sum(sum(stream.daily) for stream in rush)
        daily = tuple(apportion(usual, growing(self._days, turn("growth_permille"))))
        bag = tuple(Slot(hour * HOUR_MS, HOUR_MS) for hour, weight in enumerate(profile) for _ in range(weight))
        digest = hashlib.sha256(f"{self._scope}/tenant/{index}".encode()).digest()
        return Tenant(
            id=str(uuid.UUID(bytes=digest[:16], version=4)),
            group=group["group"],
            facilities=facilities,
            streams=(Stream(facilities, daily, bag), *rush),
            first_item=int.from_bytes(digest[16:20], "big") % (self._catalogue - group["items"] + 1),
            items=group["items"],
            line_counts=_table(size["lines"]),
            quantities=_table(size["quantity"]),
            orders=orders,
        )

    def _rush(self, rush: Mapping[str, int] | None, facilities: tuple[str, ...]) -> Sequence[Stream]:
        """The last days of a facility at full speed, for some minutes of each."""
        if not rush:
            return ()
        per_day, first = rush["orders_per_minute"] * rush["minutes"], self._days - rush["days"]
        daily = tuple(per_day if day >= first else 0 for day in range(self._days))
        length, start = _RUSH_SLOT_MINUTES * MINUTE_MS, rush["from_hour"] * HOUR_MS
        slots = rush["minutes"] // _RUSH_SLOT_MINUTES
        return (Stream(facilities, daily, tuple(Slot(start + slot * length, length) for slot in range(slots))),)


def _table(weights: Mapping[str, int]) -> tuple[int, ...]:
    """Each value as often as its weight says: a draw is one look into it."""
    return tuple(int(value) for value, weight in weights.items() for _ in range(weight))
