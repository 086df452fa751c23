"""Answers every report from the rows of its orders, which are fetched and added up in Python."""

import asyncio
import sqlite3
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from study.kit import routes, serving
from study.kit.manifest import Case
from study.kit.reports import (
    DatabaseDownError,
    DayRow,
    FloorDay,
    HourRow,
    ItemRow,
    MinuteRow,
    Period,
    SizeRow,
    Span,
    StateRow,
    TenantRow,
)
from study.kit.settings import Settings, StartError
from study.kit.timing import Clock

STAGE = Path(__file__).parent.name

Values = Mapping[str, str | int]

_RANGE = "o.placed_at >= :start AND o.placed_at < :end"
_LINES = f"FROM orders o JOIN lines l ON l.order_id = o.id WHERE o.tenant = :tenant AND {_RANGE}"
QUERIES = {
    "days": f"SELECT o.id, substr(o.placed_at, 1, 10), l.quantity {_LINES}",
    "hours": f"SELECT o.id, substr(o.placed_at, 1, 13) || ':00:00Z', l.quantity {_LINES}",
    "states": f"""SELECT p.state FROM orders o JOIN postal p ON p.postal_code = o.postal_code
        WHERE o.tenant = :tenant AND {_RANGE}""",
    "items": f"SELECT l.item_id, l.quantity {_LINES}",
    "sizes": f"SELECT o.id, l.quantity {_LINES}",
    "league": f"SELECT o.id, o.tenant, l.quantity FROM orders o JOIN lines l ON l.order_id = o.id WHERE {_RANGE}",
    "floor": f"""SELECT substr(o.placed_at, 1, 16) || ':00Z' FROM orders o
        WHERE o.tenant = :tenant AND o.facility = :facility AND {_RANGE}""",
}


class SqliteReports:
    """Each thread has a connection of its own."""

    def __init__(self, path: Path, readers: int) -> None:
        self._path, self._own = path, threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(readers, initializer=self._connect)

    def close(self) -> None:
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()

    async def days(self, span: Span, clock: Clock) -> list[DayRow]:
        totals = _totals(await self._rows("days", _of(span), clock))
        return [DayRow(day, orders, units) for day, (orders, units) in sorted(totals.items())]

    async def hours(self, span: Span, clock: Clock) -> list[HourRow]:
        totals = _totals(await self._rows("hours", _of(span), clock))
        return [HourRow(hour, orders, units) for hour, (orders, units) in sorted(totals.items())]

    async def states(self, span: Span, clock: Clock) -> list[StateRow]:
        counts = Counter(state for (state,) in await self._rows("states", _of(span), clock))
        return [StateRow(*entry) for entry in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))]

    async def items(self, span: Span, limit: int, clock: Clock) -> list[ItemRow]:
        units, orders = Counter[str](), Counter[str]()
        for item, quantity in await self._rows("items", _of(span), clock):
            units[item] += quantity
            orders[item] += 1
        top = sorted(units.items(), key=lambda entry: (-entry[1], entry[0]))[:limit]
        return [ItemRow(item, number, orders[item]) for item, number in top]

    async def sizes(self, span: Span, clock: Clock) -> list[SizeRow]:
        units = Counter[str]()
        for order, quantity in await self._rows("sizes", _of(span), clock):
            units[order] += quantity
        return [SizeRow(*entry) for entry in sorted(Counter(units.values()).items())]

    async def league(self, period: Period, limit: int, clock: Clock) -> list[TenantRow]:
        values = {"start": period.start.isoformat(), "end": period.end.isoformat()}
        totals = _totals(await self._rows("league", values, clock))
        top = sorted(totals.items(), key=lambda entry: (-entry[1][0], entry[0]))[:limit]
        return [TenantRow(tenant, orders, units) for tenant, (orders, units) in top]

    async def floor(self, day: FloorDay, clock: Clock) -> list[MinuteRow]:
        values = _of(Span(day.tenant, day.day, day.day + timedelta(days=1))) | {"facility": day.facility}
        counts = Counter(minute for (minute,) in await self._rows("floor", values, clock))
        return [MinuteRow(*entry) for entry in sorted(counts.items())]

    async def _rows(self, report: str, values: Values, clock: Clock) -> list[Any]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._fetch, QUERIES[report], values, clock)

    def _fetch(self, query: str, values: Values, clock: Clock) -> list[Any]:
        connection: sqlite3.Connection = self._own.connection
        try:
            with clock.call() as call:
                rows = connection.execute(query, values).fetchall()
                call.rows = len(rows)
        except sqlite3.OperationalError as error:
            raise DatabaseDownError(str(error)) from error
        return rows

    def _connect(self) -> None:
        self._own.connection = _connect(self._path)
        self._connections.append(self._own.connection)


def _totals(rows: Iterable[tuple[str, str, int]]) -> dict[str, tuple[int, int]]:
    """Number of orders and of units, by whatever the rows (order, key, quantity) are to be grouped by."""
    orders, units = defaultdict[str, set[str]](set), Counter[str]()
    for order, key, quantity in rows:
        orders[key].add(order)
        units[key] += quantity
    return {key: (len(found), units[key]) for key, found in orders.items()}


def _of(span: Span) -> dict[str, str | int]:
    return {"tenant": span.tenant, "start": span.start.isoformat(), "end": span.end.isoformat()}


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=60, check_same_thread=False)


@asynccontextmanager
async def open_reports(settings: Settings) -> AsyncIterator[SqliteReports]:
    path = settings.database_path(STAGE)
    if not path.exists():
        raise StartError(f"{path} is missing: it is made by the importer")
    reports = SqliteReports(path, settings.readers)
    try:
        yield reports
    finally:
        reports.close()


def create_app(settings: Settings) -> FastAPI:
    return routes.create_app(STAGE, settings, open_reports)


def explain(settings: Settings, case: Case) -> str:
    """SQLite's plan: one line for each loop, the outermost first."""
    connection = _connect(settings.database_path(STAGE))
    rows = connection.execute(f"EXPLAIN QUERY PLAN {QUERIES[case.report]}", case.values()).fetchall()
    connection.close()
    return "\n".join(detail for *_, detail in rows)


if __name__ == "__main__":
    sys.exit(serving.main(STAGE, create_app, explain))
