"""Answers every report from whole orders, which are fetched and added up in Python."""

import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from study.kit import mongodb_plans, orders, routes, serving
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


def asked(values: Mapping[str, str | int]) -> Document:
    """Which orders a report is about. Times are text that sorts as time, of which a date is the beginning."""
    found: Document = {name: values[name] for name in ("tenant", "facility") if name in values}
    return found | {"placed_at": {"$gte": values["start"], "$lt": values["end"]}}


class MongoReports:
    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._orders = database["orders"]
        self._states = orders.states()

    async def days(self, span: Span, clock: Clock) -> list[DayRow]:
        totals = _totals(await self._found(_of(span), clock), lambda order: order["placed_at"][:10])
        return [DayRow(day, *pair) for day, pair in sorted(totals.items())]

    async def hours(self, span: Span, clock: Clock) -> list[HourRow]:
        totals = _totals(await self._found(_of(span), clock), lambda order: order["placed_at"][:13])
        return [HourRow(f"{hour}:00:00Z", *pair) for hour, pair in sorted(totals.items())]

    async def states(self, span: Span, clock: Clock) -> list[StateRow]:
        found = await self._found(_of(span), clock)
        counts = Counter(self._states[order["postal_code"]] for order in found)
        return [StateRow(*entry) for entry in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))]

    async def items(self, span: Span, limit: int, clock: Clock) -> list[ItemRow]:
        units, counts = Counter[str](), Counter[str]()
        for order in await self._found(_of(span), clock):
            for line in order["lines"]:
                units[line["item_id"]] += line["quantity"]
                counts[line["item_id"]] += 1
        top = sorted(units.items(), key=lambda entry: (-entry[1], entry[0]))[:limit]
        return [ItemRow(item, number, counts[item]) for item, number in top]

    async def sizes(self, span: Span, clock: Clock) -> list[SizeRow]:
        counts = Counter(_units(order) for order in await self._found(_of(span), clock))
        return [SizeRow(*entry) for entry in sorted(counts.items())]

    async def league(self, period: Period, limit: int, clock: Clock) -> list[TenantRow]:
        values = {"start": period.start.isoformat(), "end": period.end.isoformat()}
        totals = _totals(await self._found(values, clock), lambda order: order["tenant"])
        top = sorted(totals.items(), key=lambda entry: (-entry[1][0], entry[0]))[:limit]
        return [TenantRow(tenant, *pair) for tenant, pair in top]

    async def floor(self, day: FloorDay, clock: Clock) -> list[MinuteRow]:
        values = _of(Span(day.tenant, day.day, day.day + timedelta(days=1))) | {"facility": day.facility}
        counts = Counter(order["placed_at"][:16] for order in await self._found(values, clock))
        return [MinuteRow(f"{minute}:00Z", number) for minute, number in sorted(counts.items())]

    async def _found(self, values: Mapping[str, str], clock: Clock) -> list[Document]:
        try:
            with clock.call() as call:
                found = await self._orders.find(asked(values)).to_list()
                call.rows = len(found)
        except PyMongoError as error:
            raise DatabaseDownError(str(error)) from error
        return found


def _totals(found: Iterable[Document], key: Callable[[Document], str]) -> dict[str, list[int]]:
    """Number of orders and of units."""
    totals = defaultdict[str, list[int]](lambda: [0, 0])
    for order in found:
        pair = totals[key(order)]
        pair[0] += 1
        pair[1] += _units(order)
    return totals


def _units(order: Document) -> int:
    return sum([line["quantity"] for line in order["lines"]])


def _of(span: Span) -> dict[str, str]:
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
        query = {"find": "orders", "filter": asked(case.values())}
        return mongodb_plans.shortened(
            client.get_default_database(STAGE).command("explain", query, verbosity="executionStats")
        )


if __name__ == "__main__":
    sys.exit(serving.main(STAGE, create_app, explain))
