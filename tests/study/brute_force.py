"""Counts an answer from the orders themselves, as simply as can be: nothing of the generator's counting is used."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

from study.kit.manifest import LIMITS, Case, Row
from study.kit.orders import Order, states


def answer(orders: Sequence[Order], case: Case) -> tuple[int, list[Row]]:
    """Number of orders in the range, and the rows."""
    query = case.query
    start, end = (query["day"], query["day"] + "~") if "day" in query else (query["from"], query["to"])
    chosen = [
        order
        for order in orders
        if start <= order.placed_at < end
        and query.get("tenant", order.tenant) == order.tenant
        and query.get("facility", order.facility) == order.facility
    ]
    return len(chosen), _ROWS[case.report](chosen)


def _series(name: str, key: Callable[[Order], str], orders: Sequence[Order]) -> list[Row]:
    found = defaultdict[str, list[Order]](list)
    for order in orders:
        found[key(order)].append(order)
    return [
        {name: value, "orders": len(some), "units": sum(order.units for order in some)}
        for value, some in sorted(found.items())
    ]


def _items(orders: Sequence[Order]) -> list[Row]:
    units, counts = Counter[str](), Counter[str]()
    for order in orders:
        for line in order.lines:
            units[line.item_id] += line.quantity
            counts[line.item_id] += 1
    top = sorted(units, key=lambda item: (-units[item], item))[: LIMITS["items"]]
    return [{"item_id": item, "units": units[item], "orders": counts[item]} for item in top]


@cache
def _state_of() -> dict[str, str]:
    return states()


def _states(orders: Sequence[Order]) -> list[Row]:
    known = _state_of()
    counts = Counter(known[order.postal_code] for order in orders)
    return [{"state": state, "orders": counts[state]} for state in sorted(counts, key=lambda one: (-counts[one], one))]


def _league(orders: Sequence[Order]) -> list[Row]:
    rows = _series("tenant", lambda order: order.tenant, orders)
    return sorted(rows, key=lambda row: (-int(row["orders"]), row["tenant"]))[: LIMITS["league"]]


Key = TypeVar("Key", str, int)


def _count(name: str, key: Callable[[Order], Key], orders: Sequence[Order]) -> list[Row]:
    counts = Counter(key(order) for order in orders)
    return [{name: value, "orders": counts[value]} for value in sorted(counts)]


_ROWS: dict[str, Callable[[Sequence[Order]], list[Row]]] = {
    "days": lambda orders: _series("day", lambda order: order.placed_at[:10], orders),
    "hours": lambda orders: _series("hour", lambda order: order.placed_at[:13] + ":00:00Z", orders),
    "states": _states,
    "items": _items,
    "sizes": lambda orders: _count("units", lambda order: order.units, orders),
    "league": _league,
    "floor": lambda orders: _count("minute", lambda order: order.placed_at[:16] + ":00Z", orders),
}
