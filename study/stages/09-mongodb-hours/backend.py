"""Answers every report from counters that were kept when orders came in; what is left is to add up a few documents."""

import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import rollup
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

# What of a document an answer needs; without its identity where that says nothing.
FIELDS: dict[str, Document] = {
    "days": {"orders": 1, "units": 1},
    "hours": {"orders": 1, "units": 1},
    "states": {"states": 1, "_id": 0},
    "items": {"item_units": 1, "item_orders": 1, "_id": 0},
    "sizes": {"sizes": 1, "_id": 0},
    "league": {"tenant": 1, "orders": 1, "units": 1, "_id": 0},
}


def question(report: str, values: Values) -> Document:
    """The command that finds the documents an answer is made of."""
    start, end = (date.fromisoformat(str(values[name])) for name in ("start", "end"))
    if report in ("hours", "floor"):
        first, last = ({"tenant": values["tenant"], "hour": day.isoformat()} for day in (start, end))
        fields = FIELDS["hours"] if report == "hours" else {f"minutes.{values['facility']}": 1}
        within = {"_id": {"$gte": first, "$lt": last}}
        return {"find": "hours", "filter": within, "projection": fields, "sort": {"_id": 1}}
    periods = rollup.each_day(start, end) if report == "days" else rollup.fewest(start, end)
    chosen: Document = {"period": {"$in": periods}}
    if report != "league":
        chosen = {"_id": {"$in": [{"tenant": values["tenant"], "period": period} for period in periods]}}
    return {"find": "periods", "filter": chosen, "projection": FIELDS[report]}


class MongoReports:
    """Counters come as plain numbers or, of 64 bits, as a type of the driver's own, which JSON does not know."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._database = database

    async def days(self, span: Span, clock: Clock) -> list[DayRow]:
        found = await self._found("days", _of(span), clock)
        rows = [DayRow(one["_id"]["period"], int(one["orders"]), int(one["units"])) for one in found]
        return sorted(rows, key=lambda row: row.day)

    async def hours(self, span: Span, clock: Clock) -> list[HourRow]:
        found = await self._found("hours", _of(span), clock)
        return [HourRow(f"{one['_id']['hour']}:00:00Z", int(one["orders"]), int(one["units"])) for one in found]

    async def states(self, span: Span, clock: Clock) -> list[StateRow]:
        counts = _sum("states", await self._found("states", _of(span), clock))
        return [StateRow(*entry) for entry in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))]

    async def items(self, span: Span, limit: int, clock: Clock) -> list[ItemRow]:
        found = await self._found("items", _of(span), clock)
        units, counts = _sum("item_units", found), _sum("item_orders", found)
        top = sorted(units.items(), key=lambda entry: (-entry[1], entry[0]))[:limit]
        return [ItemRow(item, number, counts[item]) for item, number in top]

    async def sizes(self, span: Span, clock: Clock) -> list[SizeRow]:
        counts = _sum("sizes", await self._found("sizes", _of(span), clock))
        return sorted([SizeRow(int(units), number) for units, number in counts.items()], key=lambda row: row.units)

    async def league(self, period: Period, limit: int, clock: Clock) -> list[TenantRow]:
        orders, units = Counter[str](), Counter[str]()
        values = {"start": period.start.isoformat(), "end": period.end.isoformat()}
        for one in await self._found("league", values, clock):
            orders[one["tenant"]] += one["orders"]
            units[one["tenant"]] += one["units"]
        top = sorted(orders.items(), key=lambda entry: (-entry[1], entry[0]))[:limit]
        return [TenantRow(tenant, number, units[tenant]) for tenant, number in top]

    async def floor(self, day: FloorDay, clock: Clock) -> list[MinuteRow]:
        values = _of(Span(day.tenant, day.day, day.day + timedelta(days=1))) | {"facility": day.facility}
        return [
            MinuteRow(f"{one['_id']['hour']}:{minute}:00Z", int(number))
            for one in await self._found("floor", values, clock)
            for minute, number in sorted(one.get("minutes", {}).get(day.facility, {}).items())
        ]

    async def _found(self, report: str, values: Values, clock: Clock) -> list[Document]:
        try:
            with clock.call() as call:
                found = await (await self._database.cursor_command(question(report, values))).to_list()
                call.rows = len(found)
        except PyMongoError as error:
            raise DatabaseDownError(str(error)) from error
        return found


def _sum(name: str, found: Iterable[Document]) -> dict[str, int]:
    """The counters of that name, added up."""
    counts = Counter[str]()
    for one in found:
        counts.update(one[name])
    return {key: int(number) for key, number in counts.items()}


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
        if "periods" not in there:
            raise StartError(f"database {database.name} is missing: it is made by the importer")
        yield MongoReports(database)


def create_app(settings: Settings) -> FastAPI:
    return routes.create_app(STAGE, settings, open_reports)


def explain(settings: Settings, case: Case) -> str:
    with MongoClient[Document](settings.database_url(), serverSelectionTimeoutMS=5000) as client:
        query = question(case.report, case.values())
        return mongodb_plans.shortened(
            client.get_default_database(STAGE).command("explain", query, verbosity="executionStats")
        )


if __name__ == "__main__":
    sys.exit(serving.main(STAGE, create_app, explain))
