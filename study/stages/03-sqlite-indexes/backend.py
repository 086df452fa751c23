"""Answers every report by one query that adds up in the database; Python gets the rows of the answer."""

import asyncio
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Mapping
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
    "days": f"""SELECT substr(o.placed_at, 1, 10) AS day, COUNT(DISTINCT o.id), SUM(l.quantity)
        {_LINES} GROUP BY day ORDER BY day""",
    "hours": f"""SELECT substr(o.placed_at, 1, 13) || ':00:00Z' AS hour, COUNT(DISTINCT o.id), SUM(l.quantity)
        {_LINES} GROUP BY hour ORDER BY hour""",
    "states": f"""SELECT p.state, COUNT(*) AS orders FROM orders o JOIN postal p ON p.postal_code = o.postal_code
        WHERE o.tenant = :tenant AND {_RANGE} GROUP BY p.state ORDER BY orders DESC, p.state""",
    "items": f"""SELECT l.item_id, SUM(l.quantity) AS units, COUNT(*)
        {_LINES} GROUP BY l.item_id ORDER BY units DESC, l.item_id LIMIT :limit""",
    "sizes": f"""SELECT units, COUNT(*) FROM (SELECT SUM(l.quantity) AS units {_LINES} GROUP BY o.id) AS sized
        GROUP BY units ORDER BY units""",
    "league": f"""SELECT o.tenant, COUNT(DISTINCT o.id) AS orders, SUM(l.quantity)
        FROM orders o JOIN lines l ON l.order_id = o.id
        WHERE {_RANGE} GROUP BY o.tenant ORDER BY orders DESC, o.tenant LIMIT :limit""",
    "floor": f"""SELECT substr(o.placed_at, 1, 16) || ':00Z' AS minute, COUNT(*) FROM orders o
        WHERE o.tenant = :tenant AND o.facility = :facility AND {_RANGE} GROUP BY minute ORDER BY minute""",
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
        return [DayRow(*row) for row in await self._rows("days", _of(span), clock)]

    async def hours(self, span: Span, clock: Clock) -> list[HourRow]:
        return [HourRow(*row) for row in await self._rows("hours", _of(span), clock)]

    async def states(self, span: Span, clock: Clock) -> list[StateRow]:
        return [StateRow(*row) for row in await self._rows("states", _of(span), clock)]

    async def items(self, span: Span, limit: int, clock: Clock) -> list[ItemRow]:
        return [ItemRow(*row) for row in await self._rows("items", {**_of(span), "limit": limit}, clock)]

    async def sizes(self, span: Span, clock: Clock) -> list[SizeRow]:
        return [SizeRow(*row) for row in await self._rows("sizes", _of(span), clock)]

    async def league(self, period: Period, limit: int, clock: Clock) -> list[TenantRow]:
        values: Values = {"start": period.start.isoformat(), "end": period.end.isoformat(), "limit": limit}
        return [TenantRow(*row) for row in await self._rows("league", values, clock)]

    async def floor(self, day: FloorDay, clock: Clock) -> list[MinuteRow]:
        values = _of(Span(day.tenant, day.day, day.day + timedelta(days=1))) | {"facility": day.facility}
        return [MinuteRow(*row) for row in await self._rows("floor", values, clock)]

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
