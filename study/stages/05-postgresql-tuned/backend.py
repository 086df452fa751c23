"""Answers every report by one query that adds up in the database; Python gets the rows of the answer."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from database import connect, conninfo
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool

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

# Nobody waits longer for a report; the database stops looking, too. What lies in partitions of the same day is joined and
# added up day by day.
_SESSION = ("statement_timeout=60s", "enable_partitionwise_join=on", "enable_partitionwise_aggregate=on")

_RANGE = "o.day >= %(start)s AND o.day < %(end)s"
_JOIN = "FROM orders o JOIN lines l ON l.order_id = o.id AND l.day = o.day"
_LINES = f"{_JOIN} WHERE o.tenant = %(tenant)s AND {_RANGE}"
# One row for each order, instead of sorting all lines to count how many different orders they are of.
_SIZED = f"(SELECT o.day, o.placed_at, SUM(l.quantity) AS units {_LINES} GROUP BY o.day, o.id, o.placed_at) AS sized"
QUERIES = {
    "days": f"""SELECT to_char(day, 'YYYY-MM-DD'), COUNT(*), SUM(units)::bigint
        FROM {_SIZED} GROUP BY day ORDER BY day""",
    "hours": f"""SELECT to_char(hour, 'YYYY-MM-DD"T"HH24:00:00"Z"'), COUNT(*), SUM(units)::bigint
        FROM (SELECT date_trunc('hour', placed_at) AS hour, units FROM {_SIZED}) AS placed GROUP BY hour ORDER BY hour""",
    "states": f"""SELECT p.state, COUNT(*) AS orders FROM orders o JOIN postal p ON p.postal_code = o.postal_code
        WHERE o.tenant = %(tenant)s AND {_RANGE} GROUP BY p.state ORDER BY orders DESC, p.state""",
    "items": f"""SELECT l.item_id, SUM(l.quantity) AS units, COUNT(*)
        {_LINES} GROUP BY l.item_id ORDER BY units DESC, l.item_id LIMIT %(limit)s""",
    "sizes": f"""SELECT units, COUNT(*) FROM {_SIZED} GROUP BY units ORDER BY units""",
    "league": f"""SELECT tenant::text, COUNT(*) AS orders, SUM(units)::bigint
        FROM (SELECT o.tenant, SUM(l.quantity) AS units {_JOIN} WHERE {_RANGE} GROUP BY o.day, o.tenant, o.id) AS sized
        GROUP BY sized.tenant ORDER BY orders DESC, sized.tenant LIMIT %(limit)s""",
    "floor": f"""SELECT to_char(minute, 'YYYY-MM-DD"T"HH24:MI:00"Z"'), COUNT(*)
        FROM (SELECT date_trunc('minute', o.placed_at) AS minute FROM orders o
            WHERE o.tenant = %(tenant)s AND o.facility = %(facility)s AND {_RANGE}) AS placed
        GROUP BY minute ORDER BY minute""",
}


class PostgresqlReports:
    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

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
        try:
            async with self._pool.connection() as connection:
                with clock.call() as call:
                    cursor = await connection.execute(QUERIES[report].encode(), values)
                    rows = await cursor.fetchall()
                    call.rows = len(rows)
        except psycopg.OperationalError as error:  # also too late, and out of memory
            raise DatabaseDownError(str(error)) from error
        return rows


def _of(span: Span) -> dict[str, str | int]:
    return {"tenant": span.tenant, "start": span.start.isoformat(), "end": span.end.isoformat()}


@asynccontextmanager
async def open_reports(settings: Settings) -> AsyncIterator[PostgresqlReports]:
    with closing(connect(settings)) as connection:
        if connection.execute("SELECT to_regclass('orders')").fetchone() == (None,):
            raise StartError("there are no orders in this database: they are put there by the importer")
    target = conninfo(settings, *_SESSION)
    async with AsyncConnectionPool(
        target, min_size=settings.readers, max_size=settings.readers, kwargs={"autocommit": True}, open=False
    ) as pool:
        await pool.wait()
        yield PostgresqlReports(pool)


def create_app(settings: Settings) -> FastAPI:
    return routes.create_app(STAGE, settings, open_reports)


def explain(settings: Settings, case: Case) -> str:
    """PostgreSQL's plan, with what each of its steps took and read."""
    with closing(connect(settings, *_SESSION)) as connection:
        plan = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS) {QUERIES[case.report]}".encode(), case.values())
        return "\n".join(line for (line,) in plan)


if __name__ == "__main__":
    sys.exit(serving.main(STAGE, create_app, explain))
