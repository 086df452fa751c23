"""Counts what every report must answer while the orders are made: independent of all stages, in memory that stays flat.

Nothing is kept per order. Ranges end at the end of the data, so one is inside of the next: each order is counted once,
in the stretch between two of them, and a range is the sum of the stretches it covers. Standard library, Python 3.10+.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

# The defaults of the routes.
ITEMS_LIMIT = 10
LEAGUE_LIMIT = 20

Pair = list[int]
Rows = list[dict[str, Any]]


def _pairs() -> defaultdict[str, Pair]:
    return defaultdict(lambda: [0, 0])


def _counts() -> defaultdict[Any, int]:
    return defaultdict(int)


class Made(NamedTuple):
    """One order as it was drawn. (A tuple, as there is one of them for every order.)"""

    tenant: str
    facility: str
    day: date
    ms: int
    state: str
    lines: Sequence[tuple[str, int]]
    units: int


@dataclass
class _Stretch:
    """Of one tenant; pairs are orders and units (of items: units and orders)."""

    days: defaultdict[str, Pair] = field(default_factory=_pairs)
    hours: defaultdict[str, Pair] = field(default_factory=_pairs)
    states: defaultdict[str, int] = field(default_factory=_counts)
    items: defaultdict[str, Pair] = field(default_factory=_pairs)
    sizes: defaultdict[int, int] = field(default_factory=_counts)

    def count(self, made: Made) -> None:
        day = made.day.isoformat()
        for series, key in ((self.days, day), (self.hours, f"{day}T{made.ms // 3_600_000:02d}:00:00Z")):
            pair = series[key]
            pair[0] += 1
            pair[1] += made.units
        self.states[made.state] += 1
        self.sizes[made.units] += 1
        for item, quantity in made.lines:
            pair = self.items[item]
            pair[0] += quantity
            pair[1] += 1


@dataclass
class _Watched:
    name: str
    facility: str
    stretches: tuple[_Stretch, ...]
    minutes: defaultdict[str, int] = field(default_factory=_counts)


class Answers:
    """`ranges` are names and numbers of days back from `end`, the shortest first; `watched` are tenant, name and facility.

    A tenant may have several names.
    """

    def __init__(self, end: date, ranges: Sequence[tuple[str, int]], watched: Iterable[tuple[str, str, str]]) -> None:
        self._end, self._ranges = end, ranges
        self._watched: dict[str, list[_Watched]] = defaultdict(list)
        for tenant, name, facility in watched:
            self._watched[tenant].append(_Watched(name, facility, tuple(_Stretch() for _ in ranges)))
        self._league = tuple(_pairs() for _ in ranges)
        self._last_day = end - timedelta(days=1)
        self._stretch_of_age = [index for index, (_, days) in enumerate(ranges) for _ in range(self._from(index), days)]

    def count(self, made: Made) -> None:
        stretch = self._stretch_of_age[(self._end - made.day).days - 1]
        pair = self._league[stretch][made.tenant]
        pair[0] += 1
        pair[1] += made.units
        for watched in self._watched.get(made.tenant, ()):
            watched.stretches[stretch].count(made)
            if made.day == self._last_day and made.facility == watched.facility:
                hour, minute = divmod(made.ms // 60_000, 60)
                watched.minutes[f"{made.day.isoformat()}T{hour:02d}:{minute:02d}:00Z"] += 1

    def cases(self) -> Rows:
        """A case is a report, its parameters, the number of orders in its range, and the rows of the answer."""
        found: Rows = []
        for index, (range_name, days) in enumerate(self._ranges):
            period = {"from": (self._end - timedelta(days=days)).isoformat(), "to": self._end.isoformat()}
            league = _sum_pairs(self._league[: index + 1])
            orders = sum(pair[0] for pair in league.values())
            found.append(_case("league", None, range_name, period, orders, _league_rows(league)))
            for tenant, names in self._watched.items():
                for watched in names:
                    found += _tenant_cases(watched, index, range_name, {"tenant": tenant, **period})
        for tenant, names in self._watched.items():
            found += [self._floor_case(tenant, watched) for watched in names]
        return found

    def _from(self, index: int) -> int:
        return self._ranges[index - 1][1] if index else 0

    def _floor_case(self, tenant: str, watched: _Watched) -> dict[str, Any]:
        query = {"tenant": tenant, "facility": watched.facility, "day": self._last_day.isoformat()}
        rows = [{"minute": minute, "orders": orders} for minute, orders in sorted(watched.minutes.items())]
        return _case("floor", watched.name, self._ranges[0][0], query, sum(watched.minutes.values()), rows)


def _tenant_cases(watched: _Watched, index: int, range_name: str, query: Mapping[str, str]) -> Rows:
    stretches = watched.stretches[: index + 1]
    days, hours = (_sum_pairs([getattr(stretch, name) for stretch in stretches]) for name in ("days", "hours"))
    items = _sum_pairs([stretch.items for stretch in stretches])
    states = _sum_counts([stretch.states for stretch in stretches])
    sizes = _sum_counts([stretch.sizes for stretch in stretches])
    top = sorted(items.items(), key=lambda entry: (-entry[1][0], entry[0]))[:ITEMS_LIMIT]
    by_state = sorted(states.items(), key=lambda entry: (-entry[1], entry[0]))
    rows: dict[str, Rows] = {
        "days": [{"day": key, "orders": pair[0], "units": pair[1]} for key, pair in sorted(days.items())],
        "hours": [{"hour": key, "orders": pair[0], "units": pair[1]} for key, pair in sorted(hours.items())],
        "states": [{"state": state, "orders": orders} for state, orders in by_state],
        "items": [{"item_id": item, "units": pair[0], "orders": pair[1]} for item, pair in top],
        "sizes": [{"units": units, "orders": orders} for units, orders in sorted(sizes.items())],
    }
    orders = sum(sizes.values())
    return [_case(report, watched.name, range_name, query, orders, found) for report, found in rows.items()]


def _league_rows(league: Mapping[str, Pair]) -> Rows:
    top = sorted(league.items(), key=lambda entry: (-entry[1][0], entry[0]))[:LEAGUE_LIMIT]
    return [{"tenant": tenant, "orders": pair[0], "units": pair[1]} for tenant, pair in top]


def _case(
    report: str, name: str | None, range_name: str, query: Mapping[str, str], orders: int, rows: Rows
) -> dict[str, Any]:
    return {
        "report": report,
        "who": name,
        "range": range_name,
        "query": dict(query),
        "orders": orders,
        "rows": rows,
    }


def _sum_pairs(parts: Iterable[Mapping[str, Pair]]) -> dict[str, Pair]:
    total = _pairs()
    for part in parts:
        for key, (first, second) in part.items():
            pair = total[key]
            pair[0] += first
            pair[1] += second
    return total


def _sum_counts(parts: Iterable[Mapping[Any, int]]) -> dict[Any, int]:
    total = _counts()
    for part in parts:
        for key, number in part.items():
            total[key] += number
    return total
