"""Answers every report by one pipeline that adds up in the database; Python gets the rows of the answer."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from study.kit import mongodb_plans, routes, serving
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

Document = dict[str, Any]
Values = Mapping[str, str | int]


def asked(values: Values) -> Document:
    """Which orders a report is about. Times are text that sorts as time, of which a date is the beginning."""
    found: Document = {name: values[name] for name in ("tenant", "facility") if name in values}
    return found | {"placed_at": {"$gte": values["start"], "$lt": values["end"]}}


def _totals(key: object, order: Document) -> list[Document]:
    """Number of orders and of units by `key`."""
    return [{"$group": {"_id": key, "orders": {"$sum": 1}, "units": {"$sum": "$units"}}}, {"$sort": order}]


def _counts(key: object, order: Document) -> list[Document]:
    return [{"$group": {"_id": key, "orders": {"$sum": 1}}}, {"$sort": order}]


def _start_of_time(length: int) -> Document:
    return {"$substrBytes": ["$placed_at", 0, length]}


_BY_KEY: Document = {"_id": 1}
_MOST_ORDERS: Document = {"orders": -1, "_id": 1}
STEPS: dict[str, list[Document]] = {
    "days": _totals(_start_of_time(10), _BY_KEY),
    "hours": _totals(_start_of_time(13), _BY_KEY),
    "states": _counts("$state", _MOST_ORDERS),
    "items": [
        {"$unwind": "$lines"},
        {"$group": {"_id": "$lines.item_id", "units": {"$sum": "$lines.quantity"}, "orders": {"$sum": 1}}},
        {"$sort": {"units": -1, "_id": 1}},
    ],
    "sizes": _counts("$units", _BY_KEY),
    "league": _totals("$tenant", _MOST_ORDERS),
    "floor": _counts(_start_of_time(16), _BY_KEY),
}


def pipeline(report: str, values: Values) -> list[Document]:
    limit: list[Document] = [{"$limit": values["limit"]}] if "limit" in values else []
    return [{"$match": asked(values)}, *STEPS[report], *limit]


class MongoReports:
    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._orders = database["orders"]

    async def days(self, span: Span, clock: Clock) -> list[DayRow]:
        return [DayRow(row["_id"], row["orders"], row["units"]) for row in await self._rows("days", _of(span), clock)]

    async def hours(self, span: Span, clock: Clock) -> list[HourRow]:
        rows = await self._rows("hours", _of(span), clock)
        return [HourRow(f"{row['_id']}:00:00Z", row["orders"], row["units"]) for row in rows]

    async def states(self, span: Span, clock: Clock) -> list[StateRow]:
        return [StateRow(row["_id"], row["orders"]) for row in await self._rows("states", _of(span), clock)]

    async def items(self, span: Span, limit: int, clock: Clock) -> list[ItemRow]:
        rows = await self._rows("items", {**_of(span), "limit": limit}, clock)
        return [ItemRow(row["_id"], row["units"], row["orders"]) for row in rows]

    async def sizes(self, span: Span, clock: Clock) -> list[SizeRow]:
        return [SizeRow(row["_id"], row["orders"]) for row in await self._rows("sizes", _of(span), clock)]

    async def league(self, period: Period, limit: int, clock: Clock) -> list[TenantRow]:
        values: Values = {"start": period.start.isoformat(), "end": period.end.isoformat(), "limit": limit}
        rows = await self._rows("league", values, clock)
        return [TenantRow(row["_id"], row["orders"], row["units"]) for row in rows]

    async def floor(self, day: FloorDay, clock: Clock) -> list[MinuteRow]:
        values = _of(Span(day.tenant, day.day, day.day + timedelta(days=1))) | {"facility": day.facility}
        return [MinuteRow(f"{row['_id']}:00Z", row["orders"]) for row in await self._rows("floor", values, clock)]

    async def _rows(self, report: str, values: Values, clock: Clock) -> list[Document]:
        try:
            with clock.call() as call:
                rows = await (await self._orders.aggregate(pipeline(report, values))).to_list()
                call.rows = len(rows)
        except PyMongoError as error:
            raise DatabaseDownError(str(error)) from error
        return rows


def _of(span: Span) -> dict[str, str | int]:
    return {"tenant": span.tenant, "start": span.start.isoformat(), "end": span.end.isoformat()}


@asynccontextmanager
async def open_reports(settings: Settings) -> AsyncIterator[MongoReports]:
    url = settings.database_url()
    async with AsyncMongoClient[Document](url, maxPoolSize=settings.readers, serverSelectionTimeoutMS=5000) as client:
        database = client.get_default_database(STAGE)
        try:
            there = await database.list_collection_names()
        except PyMongoError as error:
            raise StartError(f"MongoDB does not answer: {error}") from error
        if "orders" not in there:
            raise StartError(f"database {database.name} is missing: it is made by the importer")
        yield MongoReports(database)


def create_app(settings: Settings) -> FastAPI:
    return routes.create_app(STAGE, settings, open_reports)


def explain(settings: Settings, case: Case) -> str:
    with MongoClient[Document](settings.database_url(), serverSelectionTimeoutMS=5000) as client:
        query = {"aggregate": "orders", "pipeline": pipeline(case.report, case.values()), "cursor": {}}
        return mongodb_plans.shortened(
            client.get_default_database(STAGE).command("explain", query, verbosity="executionStats")
        )


if __name__ == "__main__":
    sys.exit(serving.main(STAGE, create_app, explain))
