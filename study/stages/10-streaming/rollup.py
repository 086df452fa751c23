"""Pure: in which documents an order is counted, and which of them together make up a range of days.

A document is of one tenant and either an hour ("2026-06-30T08"), a day ("2026-06-30") or a week ("2026-W27"), and holds
nothing but counters. Names of items and facilities become names of fields: they have no dot and no dollar in them.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache

from study.kit.orders import Order

A_WEEK = 7

# Tenant and hour, or tenant and period (a day or a week).
Key = tuple[str, str]
# By path within the document.
Counts = Counter[str]


class Rollup:
    """What some orders add to their documents."""

    def __init__(self, states: Mapping[str, str]) -> None:
        self._states = states
        self.hours, self._days = defaultdict[Key, Counts](Counter), defaultdict[Key, Counts](Counter)

    def add(self, order: Order) -> None:
        at, units = order.placed_at, order.units
        hour, day = self.hours[order.tenant, at[:13]], self._days[order.tenant, at[:10]]
        for counts in (hour, day):
            counts["orders"] += 1
            counts["units"] += units
        hour[f"minutes.{order.facility}.{at[14:16]}"] += 1
        day[f"states.{self._states[order.postal_code]}"] += 1
        day[f"sizes.{units}"] += 1
        for line in order.lines:
            day[f"item_units.{line.item_id}"] += line.quantity
            day[f"item_orders.{line.item_id}"] += 1

    def periods(self) -> dict[Key, Counts]:
        """Days, and weeks, which are sums of them."""
        weeks = defaultdict[Key, Counts](Counter)
        for (tenant, day), counts in self._days.items():
            weeks[tenant, _week_of(day)].update(counts)
        return self._days | weeks

    @property
    def counters(self) -> int:
        """How many there are, nearly: those of weeks are as many as those of days."""
        return sum(map(len, self.hours.values())) + 2 * sum(map(len, self._days.values()))


@lru_cache
def _week_of(day: str) -> str:
    return week(date.fromisoformat(day))


def week(day: date) -> str:
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02d}"


def each_day(start: date, end: date) -> list[str]:
    return [(start + timedelta(number)).isoformat() for number in range((end - start).days)]


def fewest(start: date, end: date) -> list[str]:
    """The periods that make up the days from `start` on, before `end`: the whole weeks, and the days around them."""
    found, day = list[str](), start
    while day < end:
        is_whole_week = not day.weekday() and (end - day).days >= A_WEEK
        found.append(week(day) if is_whole_week else day.isoformat())
        day += timedelta(A_WEEK if is_whole_week else 1)
    return found
