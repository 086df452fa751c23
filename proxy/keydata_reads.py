"""What each answer of the reading side asks of MongoDB: few documents, found by an index, in one snapshot."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from bson.decimal128 import Decimal128

from common import documents
from common.errors import PackstatsError
from common.mongo import Document
from proxy import keydata_figures as shown
from proxy.freshness import freshness
from proxy.keydata_figures import Counters, added_up, counters
from proxy.keydata_models import HourFigures, Hours, Keydata, KeydataOfAll, KeydataPage, SlowestFacility
from proxy.keystem import RESERVED
from proxy.snapshots import Snapshot, Snapshots

Sort: TypeAlias = Literal["usedKeystem", "totalRequests", "avgLatency"]

# Field and direction of each order; an index begins with it, and ties are broken by the keystem.
_ORDERS: dict[Sort, tuple[str, int]] = {
    "usedKeystem": ("_id", 1),
    "totalRequests": ("requests", -1),
    "avgLatency": (documents.LATENCY_MEAN, -1),
}
_FACILITY_FIELDS = {**shown.FIELDS, shown.CARTONS: True, "partition": True}
_KNOWN = {"$gte": Decimal128("0")}  # of latency_mean: without those that have none

# Hours are added up on the event loop that also forwards packs, so an answer has its limits, and others get their turn.
MAX_HOURS = 31 * 24
MAX_HOUR_DOCUMENTS = 5000
_HOURS_TIMEOUT_S = 10.0
_BATCH = 50
_AT_A_STRETCH = 10


class QuestionError(PackstatsError):
    """The question cannot be answered as it was put; the text says what to change."""


async def facility(snapshots: Snapshots, keystem: str) -> Keydata | None:
    async with snapshots.reading() as snapshot:
        document = await snapshot[documents.KEYDATA].find_one(
            {"_id": keystem}, _FACILITY_FIELDS, session=snapshot.session
        )
        if document is None:
            return None
        positions = await snapshot.positions(int(document["partition"]))
    fresh = freshness(positions.values(), partitions=1)
    figures = shown.facility_figures(counters(document))
    return Keydata(**vars(figures), **vars(fresh), used_keystem=keystem)


async def everything(snapshots: Snapshots) -> KeydataOfAll:
    """The kept totals of the partitions added up: as many documents as there are partitions, not keystems."""
    async with snapshots.reading() as snapshot:
        totals = snapshot[documents.TOTALS].find({}, shown.FIELDS, session=snapshot.session)
        parts = [counters(document) async for document in totals]
        slowest = await _slowest_facility(snapshot)
        positions = await snapshot.positions()
    whole = added_up(parts)
    fresh = freshness(positions.values(), snapshots.partitions)
    figures = {**vars(shown.figures(whole)), "max_latency": shown.slowest_of_all(whole)}
    return KeydataOfAll(**figures, **vars(fresh), highest_avg_latency=slowest)


async def _slowest_facility(snapshot: Snapshot) -> SlowestFacility | None:
    document = await snapshot[documents.KEYDATA].find_one(
        {documents.LATENCY_MEAN: _KNOWN},
        shown.ROW_FIELDS,
        sort=[(documents.LATENCY_MEAN, -1), ("_id", 1)],
        session=snapshot.session,
    )
    return shown.slowest_facility(document["_id"], counters(document)) if document else None


async def page(snapshots: Snapshots, sort: Sort, limit: int, after: str | None) -> KeydataPage:
    """The next `limit` keystems after `after`. Raises QuestionError where that has no data."""
    field, direction = _ORDERS[sort]
    order = [(field, direction)] if field == "_id" else [(field, direction), ("_id", 1)]
    async with snapshots.reading() as snapshot:
        keydata = snapshot[documents.KEYDATA]
        beyond = await _beyond(snapshot, field, after) if after is not None else {}
        found = keydata.find(beyond, shown.ROW_FIELDS, sort=order, limit=limit + 1, session=snapshot.session)
        rows = [shown.row(document["_id"], counters(document)) async for document in found]
    return KeydataPage(keydata=rows[:limit], next=rows[limit - 1].used_keystem if len(rows) > limit else None)


async def _beyond(snapshot: Snapshot, field: str, after: str) -> Document:
    """The keystems behind `after`: those of the same value by their names, those without a value last."""
    if field == "_id":
        return {"_id": {"$gt": after}}
    document = await snapshot[documents.KEYDATA].find_one({"_id": after}, {field: True}, session=snapshot.session)
    if document is None:
        raise QuestionError(f"after: there is no data of keystem {after}; begin again without `after`")
    value = document.get(field)
    ties = {field: value, "_id": {"$gt": after}}
    return ties if value is None else {"$or": [{field: {"$lt": value}}, ties, {field: None}]}


async def hours(snapshots: Snapshots, keystem: str, from_: datetime, to: datetime) -> Hours | None:
    """The hours that began within [from_, to); None where there is no data of the keystem at any time.

    Raises QuestionError where there are too many.
    """
    first, end = _full_hour(from_), _full_hour(to)
    async with snapshots.reading(_HOURS_TIMEOUT_S) as snapshot:
        if keystem == RESERVED:
            found, partitions = await _hours_of_all(snapshot, first, end), snapshots.partitions
            positions = await snapshot.positions()
        else:
            lifetime = await snapshot[documents.KEYDATA].find_one(
                {"_id": keystem}, {"partition": True}, session=snapshot.session
            )
            if lifetime is None:
                return None
            found, partitions = await _hours_of(snapshot, keystem, first, end), 1
            positions = await snapshot.positions(int(lifetime["partition"]))
    fresh = freshness(positions.values(), partitions)
    return Hours(used_keystem=keystem, from_=from_, to=to, hours=found, **vars(fresh))


def _full_hour(moment: datetime) -> datetime:
    """The first full hour that is not before: the database knows no microseconds to compare with."""
    hour = documents.hour_of(moment)
    return hour if hour == moment else hour + timedelta(hours=1)


async def _hours_of(snapshot: Snapshot, keystem: str, first: datetime, end: datetime) -> list[HourFigures]:
    within = {"_id": {"$gte": {"k": keystem, "h": first}, "$lt": {"k": keystem, "h": end}}}
    documents_of = _gently(snapshot, documents.KEYDATA_HOURS, within, MAX_HOURS)
    return [shown.hour_figures(document["hour"], counters(document)) async for document in documents_of]


async def _hours_of_all(snapshot: Snapshot, first: datetime, end: datetime) -> list[HourFigures]:
    # After a delete an hour can be left with nothing in it.
    within = {"hour": {"$gte": first, "$lt": end}, "requests": {"$gt": 0}}
    documents_of = _gently(snapshot, documents.TOTALS_HOURS, within, MAX_HOUR_DOCUMENTS)
    return [shown.hour_figures(hour, whole) async for hour, whole in _by_hour(documents_of)]


async def _gently(snapshot: Snapshot, collection: str, within: Document, most: int) -> AsyncIterator[Document]:
    """Documents of hours in the order of time, a few at a stretch."""
    hours_of = snapshot[collection]
    order = [("_id" if "_id" in within else "hour", 1)]
    beyond = await hours_of.find_one(within, {"hour": True}, sort=order, skip=most, session=snapshot.session)
    if beyond is not None:
        raise QuestionError(f"from: too much for one answer; what is before {beyond['hour']:%FT%TZ} would fit")
    fields = {**shown.FIELDS, "hour": True}
    found = hours_of.find(within, fields, sort=order, batch_size=_BATCH, session=snapshot.session)
    read = 0
    async for document in found:
        yield document
        read += 1
        if read % _AT_A_STRETCH == 0:
            await asyncio.sleep(0)


async def _by_hour(found: AsyncIterator[Document]) -> AsyncIterator[tuple[datetime, Counters]]:
    """Documents in the order of their hours → each hour with all of its partitions added up."""
    hour: datetime | None = None
    parts: list[Counters] = []
    async for document in found:
        if hour is not None and document["hour"] != hour:
            yield hour, added_up(parts)
            parts = []
        hour = document["hour"]
        parts.append(counters(document))
    if hour is not None:
        yield hour, added_up(parts)
