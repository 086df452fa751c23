"""GET /api/keydata/all: the totals of everything, and the page of keystems that add up to them."""

from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.contract.reading import pages
from tests.support import web
from tests.support.eventually import eventually
from tests.support.facility import Facility
from tests.support.pipeline import Pipeline
from tests.support.services import Services
from tests.support.workspace import unique_name

ROW = {"usedKeystem", "totalRequests", "totalPacks", "totalItems", "avgVolumeUtilization", "avgLatency", "lastSeen"}
OF_ONE_ONLY = {"usedKeystem", "cartons"}


@pytest.fixture
def counted(pipeline: Pipeline) -> list[Facility]:
    """Some facilities with different numbers of packs, everything counted."""
    facilities = [Facility(pipeline.proxy.url) for _ in range(4)]
    for number, facility in enumerate(facilities):
        for _ in range(number):
            facility.pack()
    facilities[0].pack(sandbox="garbage")  # has no latency
    pipeline.settle()
    return facilities


def test_all_has_the_fields_of_one_without_a_keystem(pipeline: Pipeline, counted: list[Facility]) -> None:
    everything = web.get(f"{pipeline.proxy.url}/api/keydata/all").json
    one = counted[1].keydata()
    assert one is not None
    assert everything.keys() == (one.keys() - OF_ONE_ONLY) | {"highestAvgLatency"}
    assert everything["maxLatency"].keys() == {"latency", "timeStamp", "usedKeystem"}
    assert everything["highestAvgLatency"].keys() == {"latency", "usedKeystem"}


def test_keystems_add_up_to_all(pipeline: Pipeline, counted: list[Facility]) -> None:
    def add_up() -> bool:
        rows = pages(pipeline, sort="usedKeystem", limit=1000)
        each = [web.get(f"{pipeline.proxy.url}/api/keydata/{row['usedKeystem']}").json for row in rows]
        everything = web.get(f"{pipeline.proxy.url}/api/keydata/all").json
        for name in ("totalRequests", "totalPacks", "totalItems", "errorCount", "requestErrorCount", "leftovers"):
            assert sum(one[name] for one in each) == everything[name], name
        assert sum(one["totalVolume"] for one in each) == everything["totalVolume"]
        assert sum(one["latency"]["count"] for one in each) == everything["latency"]["count"]
        assert added(one["statusCodes"] for one in each) == everything["statusCodes"]
        assert added(one["boxTypes"] for one in each) == everything["boxTypes"]
        assert min(one["firstSeen"] for one in each) == everything["firstSeen"]
        assert max(one["lastSeen"] for one in each) == everything["lastSeen"]
        return True

    eventually(add_up)  # a pack of an earlier test, whose caller had left, may be counted between two reads


def test_all_is_as_of_the_oldest_of_its_partitions(pipeline: Pipeline) -> None:
    facilities = [Facility(pipeline.proxy.url) for _ in range(24)]  # enough for every partition to have one
    for facility in facilities:
        facility.pack()
    pipeline.settle()
    facilities[0].pack()  # whose partition is now written later than the others
    facilities[0].shown(2)
    everything = web.get(f"{pipeline.proxy.url}/api/keydata/all").json
    # What a keystem is complete as of never goes back, so those that are read later cannot be older.
    later = [facility.shown(1)["asOf"] for facility in facilities]
    assert all(datetime.fromisoformat(everything["asOf"]) <= datetime.fromisoformat(moment) for moment in later)


def added(maps: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in maps:
        for name, count in each.items():
            found[name] = found.get(name, 0) + count
    return found


def test_extremes_name_their_facility(pipeline: Pipeline, counted: list[Facility]) -> None:
    def are_named() -> bool:
        rows = [row for row in pages(pipeline, limit=1000) if row["avgLatency"] is not None]
        each = [web.get(f"{pipeline.proxy.url}/api/keydata/{row['usedKeystem']}").json for row in rows]
        everything = web.get(f"{pipeline.proxy.url}/api/keydata/all").json
        slowest = max(each, key=lambda one: one["maxLatency"]["latency"])
        assert everything["maxLatency"] == {**slowest["maxLatency"], "usedKeystem": slowest["usedKeystem"]}
        highest = min(rows, key=lambda row: (-row["avgLatency"], row["usedKeystem"]))
        assert everything["highestAvgLatency"] == {
            "latency": highest["avgLatency"],
            "usedKeystem": highest["usedKeystem"],
        }
        return True

    eventually(are_named)


def test_nothing_counted_yet_is_zeros_and_nulls(pipeline: Pipeline, services: Services) -> None:
    empty = services.proxy(pipeline.workspace, pipeline.sandbox.url, MONGO__DATABASE=unique_name())
    reply = web.get(f"{empty.url}/api/keydata/all")
    assert reply.status == 200
    shown = reply.json
    zeros = {"totalItems", "totalVolume", "totalRequests", "requestErrorCount", "errorCount", "cacheHits"}
    zeros |= {"totalPacks", "leftovers", "pricedPacks"}
    assert {shown[name] for name in zeros} == {0}
    assert shown["boxTypes"] == shown["statusCodes"] == {}
    rest = shown.keys() - zeros - {"boxTypes", "statusCodes", "latency"}
    assert {name: shown[name] for name in rest} == dict.fromkeys(rest)
    assert web.get(f"{empty.url}/api/keydata").json == {"keydata": [], "next": None}


@pytest.mark.parametrize("sort", ["usedKeystem", "totalRequests", "avgLatency"])
@pytest.mark.parametrize("limit", [3, 1000])
def test_pages_hold_every_keystem_once_in_order(
    pipeline: Pipeline, counted: list[Facility], sort: str, limit: int
) -> None:
    rows = pages(pipeline, sort=sort, limit=limit)
    assert all(row.keys() == ROW for row in rows)
    names = [row["usedKeystem"] for row in rows]
    assert len(set(names)) == len(names)
    assert {facility.keystem for facility in counted} <= set(names)
    assert all(_place(earlier, sort) < _place(later, sort) for earlier, later in pairwise(rows))


def _place(row: dict[str, Any], sort: str) -> tuple[float, str]:
    """By name, or the greatest first, those without a value last; ties by name."""
    value = row[sort]
    if sort == "usedKeystem":
        return 0, value
    return (-value if value is not None else 1), row["usedKeystem"]


def test_row_says_what_the_keystem_itself_says(pipeline: Pipeline, counted: list[Facility]) -> None:
    wanted = counted[3].keydata()
    assert wanted is not None
    row = next(row for row in pages(pipeline, limit=1000) if row["usedKeystem"] == counted[3].keystem)
    assert row == {name: wanted[name] for name in ROW}


def test_last_page_has_no_next(pipeline: Pipeline, counted: list[Facility]) -> None:
    assert web.get(f"{pipeline.proxy.url}/api/keydata?limit=1000").json["next"] is None
    first = web.get(f"{pipeline.proxy.url}/api/keydata?limit=2").json
    assert first["next"] == first["keydata"][-1]["usedKeystem"]


@pytest.mark.parametrize(
    "query",
    [
        "sort=size",
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=-1",
        "after=a.b",
        "after=",
        "sort=totalRequests&after=never-seen",
    ],
)
def test_bad_parameter_is_a_422(pipeline: Pipeline, query: str) -> None:
    reply = web.get(f"{pipeline.proxy.url}/api/keydata?{query}")
    assert reply.status == 422
    assert set(reply.json) == {"Message"}
