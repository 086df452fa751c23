"""The reading routes of a real proxy over documents in a real MongoDB."""

from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from bson import Decimal128, Int64

from tests.support.eventually import eventually
from tests.support.reading import AT, HOUR, Reading, counted, facility, position
from tests.support.servers import Server

pytestmark = pytest.mark.integration

LATENCIES = (516648064, 621623810, 930001561)


def test_a_keystem_is_shown_as_documented(reading: Reading) -> None:
    reading.insert("keydata", facility("aqRAiz-8RA", packs=3, latencies=LATENCIES))
    reading.insert_positions()
    reply = reading.get("/api/keydata/aqRAiz-8RA")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    found = reply.json
    assert next(iter(found)) == "usedKeystem"
    assert found == {
        "usedKeystem": "aqRAiz-8RA",
        "totalItems": 69,
        "totalVolume": 51840,
        "avgItemsPerPack": 23,
        "avgVolumeUtilization": 0.369965,
        "boxTypes": {"0": 36},
        "totalRequests": 3,
        "statusCodes": {"200": 3},
        "requestErrorCount": 0,
        "errorCount": 0,
        "cacheHits": 0,
        "maxLatency": {"latency": 930001561, "timeStamp": "2025-03-25T05:47:17.191000Z"},
        "avgLatency": sum(LATENCIES) / 3,
        "totalPacks": 3,
        "utilizationByVolume": 0,
        "netUtilization": 0,
        "latency": {**found["latency"], "count": 3},
        "leftovers": 0,
        "totalCost": None,
        "pricedPacks": 0,
        "firstSeen": "2025-03-25T05:47:17.191000Z",
        "lastSeen": "2025-03-25T05:47:17.191000Z",
        "cartons": {"Small.1": 12},
        "asOf": "2025-03-25T05:47:17.191000Z",
        "lagEvents": 0,
    }


@pytest.mark.parametrize("keystem", ["nobody", "a" * 64, "a" * 65, "a.b", "%00", "%24where", "..%2F..", "ALL", "%FF"])
def test_a_keystem_without_data_is_not_found(reading: Reading, keystem: str) -> None:
    for path in (f"/api/keydata/{keystem}", f"/api/keydata/{keystem}/hours"):
        reply = reading.get(path)
        assert reply.status == 404
        assert isinstance(reply.json["Message"], str)


def test_nothing_counted_yet_is_zeros_and_nulls(reading: Reading) -> None:
    reply = reading.get("/api/keydata/all")
    assert reply.status == 200
    found = reply.json
    assert "usedKeystem" not in found
    assert (found["totalRequests"], found["totalVolume"], found["boxTypes"]) == (0, 0, {})
    for name in ("avgLatency", "maxLatency", "highestAvgLatency", "avgItemsPerPack", "asOf", "lagEvents"):
        assert found[name] is None
    assert reading.get("/api/keydata").json == {"keydata": [], "next": None}


def test_all_adds_up_the_partitions_and_names_the_slowest(reading: Reading) -> None:
    reading.insert(
        "totals",
        {"_id": 0, **counted(2, (5_000_000, 7_000_000), "b")},
        {"_id": 1, **counted(1, (7_000_000,), "c", at=AT + timedelta(hours=1))},
        {"_id": 2, **counted(4)},
    )
    reading.insert(
        "keydata",
        facility("zz", latencies=(6_000_000,)),
        facility("b", latencies=(6_000_000,)),  # as slow as zz: the smaller name is shown
        facility("c", latencies=(1_000_000, 2_000_000)),
        facility("d", packs=3),
    )
    found = reading.get("/api/keydata/all").json
    assert (found["totalRequests"], found["totalItems"], found["totalVolume"]) == (7, 161, 7 * 17280)
    assert found["boxTypes"] == {"0": 84}
    assert found["avgLatency"] == 19_000_000 / 3
    assert found["latency"]["count"] == 3
    assert found["maxLatency"] == {"latency": 7_000_000, "timeStamp": "2025-03-25T06:47:17.191000Z", "usedKeystem": "c"}
    assert found["highestAvgLatency"] == {"latency": 6_000_000, "usedKeystem": "b"}
    assert (found["firstSeen"], found["lastSeen"]) == ("2025-03-25T05:47:17.191000Z", "2025-03-25T06:47:17.191000Z")


def test_all_costs_the_same_however_many_keystems_there_are(reading: Reading) -> None:
    reading.insert("totals", *({"_id": number, **counted()} for number in range(3)))
    reading.insert("keydata", *(facility(f"k{number}", latencies=(number + 1,)) for number in range(400)))
    reading.insert_positions()
    documents = reading.workspace.documents
    documents.command("profile", 2)
    try:
        assert reading.get("/api/keydata/all").json["highestAvgLatency"]["usedKeystem"] == "k399"
        assert reading.get("/api/keydata/k7").status == 200
    finally:
        documents.command("profile", 0)
    looked_at = list(documents["system.profile"].find({"op": "query"}, {"docsExamined": 1, "keysExamined": 1, "ns": 1}))
    documents["system.profile"].drop()
    assert {each["ns"].removeprefix(f"{documents.name}.") for each in looked_at} == {"totals", "keydata", "positions"}
    assert all(max(each["docsExamined"], each["keysExamined"]) <= 3 for each in looked_at), looked_at


def test_an_answer_is_of_one_instant(reading: Reading) -> None:
    """A writer slows the one facility and the total in the same transaction, again and again: they always agree."""
    reading.insert("totals", {"_id": 0, **counted(latencies=(1,))})
    reading.insert("keydata", facility("k", latencies=(1,)))
    documents, client, enough = reading.workspace.documents, reading.workspace.client, Event()

    def slow_down() -> None:
        slower = {"latency.sum": Decimal128("1")}
        while not enough.is_set():
            with client.start_session() as session, session.start_transaction():
                documents["totals"].update_one({}, {"$inc": slower}, session=session)
                documents["keydata"].update_one({}, {"$inc": {**slower, "latency_mean": 1}}, session=session)

    writer = Thread(target=slow_down)
    writer.start()
    try:
        answers = [reading.get("/api/keydata/all").json for _ in range(100)]
    finally:
        enough.set()
        writer.join()
    assert len({answer["avgLatency"] for answer in answers}) > 10
    for answer in answers:
        assert answer["avgLatency"] == answer["highestAvgLatency"]["latency"]


# --- the list --------------------------------------------------------------------------------------------------------

FACILITIES = [
    facility("d", packs=5, latencies=(4_000,)),
    facility("a", packs=5, latencies=(4_000, 4_000)),
    facility("c", packs=9),
    facility("b", packs=1),
    facility("e", packs=5, latencies=(9_000,)),
    facility("f", packs=2, latencies=(1_000, 2_000)),
]
ORDERS = {"usedKeystem": "abcdef", "totalRequests": "cadefb", "avgLatency": "eadfbc"}


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("limit", [1, 2, 3, 6, 100])
def test_the_pages_are_the_whole_list_in_order(reading: Reading, sort: str, limit: int) -> None:
    reading.insert("keydata", *FACILITIES)
    names, after, pages = "", "", 0
    while True:
        page = reading.get(f"/api/keydata?sort={sort}&limit={limit}{after}").json
        names += "".join(row["usedKeystem"] for row in page["keydata"])
        pages += 1
        if page["next"] is None:
            break
        assert page["next"] == page["keydata"][-1]["usedKeystem"]
        assert len(page["keydata"]) == limit
        after = f"&after={page['next']}"
    assert names == ORDERS[sort]
    assert pages == -(-6 // limit)


def test_a_row_of_the_list_is_short(reading: Reading) -> None:
    reading.insert("keydata", facility("f", packs=2, latencies=(1_000, 2_000)), facility("n"))
    assert reading.get("/api/keydata").json["keydata"] == [
        {
            "usedKeystem": "f",
            "totalRequests": 2,
            "totalPacks": 2,
            "totalItems": 46,
            "avgVolumeUtilization": 0.369965,
            "avgLatency": 1500,
            "lastSeen": "2025-03-25T05:47:17.191000Z",
        },
        {
            "usedKeystem": "n",
            "totalRequests": 1,
            "totalPacks": 1,
            "totalItems": 23,
            "avgVolumeUtilization": 0.369965,
            "avgLatency": None,
            "lastSeen": "2025-03-25T05:47:17.191000Z",
        },
    ]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit: "),
        ("limit=1001", "limit: "),
        ("limit=ten", "limit: "),
        ("sort=name", "sort: "),
        ("after=a.b", "after: "),
        ("after=", "after: "),
        ("sort=avgLatency&after=gone", "after: there is no data of keystem gone"),
    ],
)
def test_a_bad_parameter_of_the_list_is_named(reading: Reading, query: str, named: str) -> None:
    reply = reading.get(f"/api/keydata?{query}")
    assert reply.status == 422
    assert reply.json["Message"].startswith(named)


def test_a_page_after_a_keystem_that_is_gone_goes_on_by_name(reading: Reading) -> None:
    reading.insert("keydata", facility("a"), facility("c"))
    assert [row["usedKeystem"] for row in reading.get("/api/keydata?after=b").json["keydata"]] == ["c"]


# --- hours -----------------------------------------------------------------------------------------------------------


def hour_of(keystem: str, number: int, packs: int = 1) -> dict[str, Any]:
    hour = HOUR + timedelta(hours=number)
    return {"_id": {"k": keystem, "h": hour}, "hour": hour, **counted(packs, (1_000_000,), keystem, at=hour)}


def hour_of_all(partition: int, number: int, packs: int = 1) -> dict[str, Any]:
    hour = HOUR + timedelta(hours=number)
    found = {"_id": {"p": partition, "h": hour}, "hour": hour, **counted(packs, (1_000_000,))}
    del found["latency"]["max"], found["first_seen"], found["last_seen"]
    return found


def test_hours_begin_within_the_window_and_its_end_is_not_in_it(reading: Reading) -> None:
    reading.insert("keydata", facility("k"))
    reading.insert(
        "keydata_hours", *(hour_of("k", number, number + 1) for number in range(5)), hour_of("j", 1), hour_of("l", 1)
    )
    reading.insert_positions()
    found = reading.get("/api/keydata/k/hours?from=2025-03-25T06:00:00Z&to=2025-03-25T09:30:00%2B01:00").json
    assert (found["usedKeystem"], found["from"], found["to"]) == ("k", "2025-03-25T06:00:00Z", "2025-03-25T08:30:00Z")
    assert [(hour["hour"], hour["totalPacks"]) for hour in found["hours"]] == [
        ("2025-03-25T06:00:00Z", 2),
        ("2025-03-25T07:00:00Z", 3),
        ("2025-03-25T08:00:00Z", 4),
    ]
    assert found["hours"][0]["maxLatency"] == {"latency": 1_000_000, "timeStamp": "2025-03-25T06:00:00Z"}
    assert (found["asOf"], found["lagEvents"]) == ("2025-03-25T05:47:17.191000Z", 0)
    just_after = reading.get("/api/keydata/k/hours?from=2025-03-25T06:00:00.000001Z&to=2025-03-25T08:00:00Z").json
    assert [hour["totalPacks"] for hour in just_after["hours"]] == [3]


def test_hours_of_all_are_added_up_over_the_partitions(reading: Reading) -> None:
    reading.insert(
        "totals_hours",
        hour_of_all(0, 0),
        hour_of_all(2, 0, 4),
        hour_of_all(1, 2, 7),
        hour_of_all(0, 3),
        hour_of_all(1, 3),
        {**hour_of_all(0, 1, 0), "requests": Int64(0)},  # what a delete leaves of an hour that was one keystem's alone
    )
    found = reading.get("/api/keydata/all/hours?from=2025-03-25T05:00:00Z&to=2025-03-25T09:00:00Z").json
    assert [(hour["hour"][11:13], hour["totalPacks"], hour["latency"]["count"]) for hour in found["hours"]] == [
        ("05", 5, 2),
        ("07", 7, 1),
        ("08", 2, 2),
    ]
    assert found["hours"][0]["maxLatency"] is None


def test_without_bounds_the_last_day_is_meant(reading: Reading) -> None:
    found = reading.get("/api/keydata/all/hours").json
    assert found["from"].endswith(":00:00Z")
    assert found["hours"] == []


def test_more_hours_than_fit_are_refused_with_how_many_would(reading: Reading) -> None:
    reading.insert("keydata", facility("k"))
    reading.insert("keydata_hours", *(hour_of("k", number) for number in range(746)))
    reply = reading.get("/api/keydata/k/hours?from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z")
    assert reply.status == 422
    assert reply.json["Message"] == "from: too much for one answer; what is before 2025-04-25T05:00:00Z would fit"
    fits = reading.get("/api/keydata/k/hours?from=2025-01-01T00:00:00Z&to=2025-04-25T05:00:00Z").json
    assert len(fits["hours"]) == 744


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("from=2025-03-25T06:00:00", "from: not a time"),
        ("to=yesterday", "to: not a time"),
        ("from=2025-03-25T25:00:00Z", "from: there is no such time"),
        ("from=2025-03-25T06:00:00Z&to=2025-03-25T06:00:00Z", "from: 2025-03-25T06:00:00+00:00 is not before"),
        ("to=0001-01-01T00:00:00Z", "to: there is no day before"),
    ],
)
def test_a_bad_window_is_named(reading: Reading, query: str, named: str) -> None:
    reply = reading.get(f"/api/keydata/all/hours?{query}")
    assert reply.status == 422
    assert reply.json["Message"].startswith(named)


# --- freshness -------------------------------------------------------------------------------------------------------


def test_an_answer_says_how_fresh_it_is(reading: Reading) -> None:
    late = AT + timedelta(minutes=1)
    reading.insert(
        "positions",
        position(reading.workspace, 0, caught_up_at=late),
        position(reading.workspace, 1, end_offset=Int64(15)),
        position(reading.workspace, 2, caught_up_at=late, end_offset=Int64(9)),
        position(reading.workspace, 3, caught_up_at=HOUR, end_offset=Int64(99)),  # beyond what we were told of
        position(reading.workspace, 1, "older", created_at=HOUR - timedelta(days=1), end_offset=Int64(999)),
    )
    reading.insert("keydata", facility("first", partition=0), facility("second", partition=1))
    found = {name: reading.get(f"/api/keydata/{name}").json for name in ("all", "first", "second")}
    assert {name: (each["asOf"], each["lagEvents"]) for name, each in found.items()} == {
        "all": ("2025-03-25T05:47:17.191000Z", 5),
        "first": ("2025-03-25T05:48:17.191000Z", 0),
        "second": ("2025-03-25T05:47:17.191000Z", 5),
    }


def test_a_topic_of_another_name_says_nothing_about_ours(reading: Reading) -> None:
    reading.insert_positions(topic="another")
    assert reading.get("/api/keydata/all").json["asOf"] is None


# --- MongoDB away ----------------------------------------------------------------------------------------------------


def test_while_mongodb_is_away_reading_is_refused_and_the_proxy_stays_ready(reading: Reading, mongo: Server) -> None:
    reading.insert("keydata", facility("k"))
    mongo.stop()
    for path in ("/api/keydata/k", "/api/keydata/k/hours"):
        reply = reading.get(path)
        assert reply.status == 503
        assert reply.json["Message"].startswith("MongoDB is away")
        assert int(reply.headers["retry-after"]) > 0
    ready = reading.get("/readyz")
    assert (ready.status, ready.json["ready"], ready.json["mongo"]) == (200, True, {"state": "away"})
    mongo.start()
    eventually(lambda: reading.get("/api/keydata/k").status == 200, 30)
    assert reading.get("/readyz").json["mongo"] == {"state": "answers"}


def test_a_mongodb_that_does_not_answer_is_not_waited_for_without_end(reading: Reading, mongo: Server) -> None:
    mongo.freeze()
    reply = reading.get("/api/keydata/all")
    assert (reply.status, reply.json["Message"][:15]) == (503, "MongoDB is away")
    mongo.thaw()
    eventually(lambda: reading.get("/api/keydata/all").status == 200, 30)


# --- documentation and health ----------------------------------------------------------------------------------------


def test_what_is_documented_is_what_is_answered(reading: Reading) -> None:
    reading.insert("keydata", facility("k", latencies=LATENCIES))
    described = reading.get("/openapi.json").json
    for path, name in (
        ("/api/keydata/{keystem}", "Keydata"),
        ("/api/keydata/all", "KeydataOfAll"),
        ("/api/keydata", "KeydataPage"),
        ("/api/keydata/{keystem}/hours", "Hours"),
    ):
        answer = described["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer == {"$ref": f"#/components/schemas/{name}"}
        properties = described["components"]["schemas"][name]["properties"]
        assert set(properties) == set(reading.get(path.replace("{keystem}", "k")).json)
    assert "HTTPValidationError" not in described["components"]["schemas"]
    assert reading.get("/docs").status == 200


def test_health_routes_answer(reading: Reading) -> None:
    assert reading.get("/livez").json == {"alive": True}
    assert reading.get("/version").json["name"] == "packstats"
    metrics = reading.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert b"packstats_spool_bytes " in metrics.body
    spool = reading.get("/readyz").json["spool"]
    assert (spool["slot"], spool["accepting"], spool["orphans"]) == ("slot-000", True, [])


@pytest.mark.parametrize("value", [Decimal128("12"), Decimal128("1.2E+1")])
def test_a_sum_is_read_in_whatever_form_the_database_keeps_it(reading: Reading, value: Decimal128) -> None:
    reading.insert("keydata", {**facility("k"), "volume": value})
    assert reading.get("/api/keydata/k").json["totalVolume"] == 0.000012
