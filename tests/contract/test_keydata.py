"""GET /api/keydata/{keystem}: what was counted of one facility, and as of when."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from common.identity import new_session
from tests.support import web
from tests.support.eventually import eventually
from tests.support.facility import Facility
from tests.support.pipeline import Pipeline
from tests.support.services import Services

FIELDS = {
    "usedKeystem",
    "totalItems",
    "totalVolume",
    "avgItemsPerPack",
    "avgVolumeUtilization",
    "boxTypes",
    "totalRequests",
    "statusCodes",
    "requestErrorCount",
    "errorCount",
    "cacheHits",
    "maxLatency",
    "avgLatency",
    "totalPacks",
    "utilizationByVolume",
    "netUtilization",
    "latency",
    "cartons",
    "leftovers",
    "totalCost",
    "pricedPacks",
    "firstSeen",
    "lastSeen",
    "asOf",
    "lagEvents",
}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_fields_are_those_of_the_contract(facility: Facility) -> None:
    facility.pack()
    shown = facility.shown(1)
    assert shown.keys() == FIELDS
    assert shown["latency"].keys() == {"count", "p50", "p90", "p95", "p99"}
    assert shown["maxLatency"].keys() == {"latency", "timeStamp"}


def test_packs_are_added_up(facility: Facility) -> None:
    for _ in range(3):
        facility.pack()
    shown = facility.shown(3)
    assert shown["usedKeystem"] == facility.keystem
    assert (shown["totalItems"], shown["totalVolume"], shown["totalPacks"]) == (9, 2160, 3)
    assert shown["avgItemsPerPack"] == 3
    assert shown["avgVolumeUtilization"] == shown["utilizationByVolume"] == shown["netUtilization"] == 0.1
    assert (shown["boxTypes"], shown["cartons"]) == ({"7": 3}, {"small": 3})
    assert (shown["statusCodes"], shown["errorCount"], shown["requestErrorCount"]) == ({"200": 3}, 0, 0)
    assert (shown["leftovers"], shown["cacheHits"]) == (0, 0)
    assert (shown["totalCost"], shown["pricedPacks"]) == (None, 0)


def test_priced_packs_have_a_cost(facility: Facility) -> None:
    priced = facility.pack(
        body=b'{"itemSets":[{"dimensions":{"x":1,"y":1,"z":1},"quantity":1,"weight":1}],'
        b'"boxTypes":[{"dimensions":{"x":2,"y":2,"z":2},"weightMax":9,"price":250}]}'
    ).json
    facility.pack()
    shown = facility.shown(2)
    assert priced["totalCost"] == shown["totalCost"] == 250
    assert shown["pricedPacks"] == 1


def test_averages_run_over_what_is_known(facility: Facility) -> None:
    facility.pack()
    facility.pack(sandbox="unset=lenItems; unset=totalVolumeUtilization")
    facility.pack(sandbox="status=422")
    facility.pack(sandbox="garbage")
    shown = facility.shown(4)
    assert (shown["avgItemsPerPack"], shown["avgVolumeUtilization"]) == (3, 0.1)
    assert (shown["totalPacks"], shown["totalItems"]) == (2, 3)


def test_status_codes_and_request_errors_make_up_all_requests(facility: Facility) -> None:
    for directive in ("ok", "ok", "status=400", "status=503", "garbage", "drop", "redirect"):
        facility.pack(sandbox=directive)
    shown = facility.shown(7)
    assert shown["statusCodes"] == {"200": 2, "400": 1, "503": 1}
    assert (shown["requestErrorCount"], shown["errorCount"]) == (3, 2)
    assert sum(shown["statusCodes"].values()) + shown["requestErrorCount"] == shown["totalRequests"] == 7


def test_nothing_to_average_is_null(facility: Facility) -> None:
    facility.pack(sandbox="garbage")
    shown = facility.shown(1)
    averages = ("avgItemsPerPack", "avgVolumeUtilization", "utilizationByVolume", "netUtilization", "avgLatency")
    assert [shown[name] for name in averages] == [None] * 5
    assert shown["maxLatency"] is None
    assert shown["latency"] == {"count": 0, "p50": None, "p90": None, "p95": None, "p99": None}
    assert (shown["totalItems"], shown["totalVolume"], shown["boxTypes"]) == (0, 0, {})


def test_latency_is_that_of_usable_answers(facility: Facility) -> None:
    replies = [facility.pack(sandbox=f"delay={delay}") for delay in (1, 2, 60, 3)]
    replies.append(facility.pack(sandbox="status=500; delay=4"))
    facility.pack(sandbox="garbage; delay=90")
    latencies = [reply.json["latency"] for reply in replies]
    shown = facility.shown(6)
    assert shown["avgLatency"] == sum(latencies) / 5
    slowest = max(replies, key=lambda reply: int(reply.json["latency"])).json
    assert shown["maxLatency"]["latency"] == slowest["latency"]
    difference = moment(slowest["timeStamp"]) - moment(shown["maxLatency"]["timeStamp"])
    assert timedelta(0) <= difference < timedelta(milliseconds=1)
    found = shown["latency"]
    assert found["count"] == 5
    assert found["p50"] == pytest.approx(sorted(latencies)[2], rel=0.021)
    assert found["p50"] <= found["p90"] <= found["p95"] <= found["p99"] <= slowest["latency"]
    assert found["p99"] == pytest.approx(slowest["latency"], rel=0.021)


def test_first_and_last_seen_are_when_packs_were_forwarded(facility: Facility) -> None:
    stamps = [moment(facility.pack().json["timeStamp"]) for _ in range(3)]
    shown = facility.shown(3)
    seen = [moment(shown[name]) for name in ("firstSeen", "lastSeen")]
    for said, stamp in zip(seen, (stamps[0], stamps[-1]), strict=True):
        assert timedelta(0) <= stamp - said < timedelta(milliseconds=1)


@pytest.mark.parametrize("keystem", ["never-seen", "a.b", "x" * 65, "%24where", "ALL"])
def test_keystem_without_data_is_a_404(pipeline: Pipeline, keystem: str) -> None:
    reply = web.get(f"{pipeline.proxy.url}/api/keydata/{keystem}")
    assert reply.status == 404
    assert set(reply.json) == {"Message"}


def test_reads_are_503_while_mongodb_is_away(pipeline: Pipeline, services: Services) -> None:
    nowhere = "mongodb://127.0.0.1:1/?replicaSet=rs0"
    proxy = services.proxy(pipeline.workspace, pipeline.sandbox.url, MONGO__URI=nowhere)
    paths = ("keydata/never-seen", "keydata/all", "keydata/all/hours", "keydata", f"deletions/{new_session()}.0.1")
    with ThreadPoolExecutor(len(paths)) as callers:  # each waits for MongoDB for a while
        replies = list(callers.map(lambda path: web.get(f"{proxy.url}/api/{path}"), paths))
    for reply in replies:
        assert reply.status == 503
        assert int(reply.headers["retry-after"]) > 0
        assert set(reply.json) == {"Message"}
    assert Facility(proxy.url).pack().status == 200


def test_answer_is_complete_as_of_what_it_says(facility: Facility) -> None:
    """Kafka has acknowledged what the spool has let go of; an answer that claims a later moment must hold it."""
    for _ in range(3):
        facility.pack()
    eventually(lambda: web.get(f"{facility.proxy}/readyz").json["spool"]["waiting"] == 0)
    acknowledged = datetime.now(UTC)

    def claims() -> int:
        found = facility.keydata()
        return found["totalRequests"] if found and found["asOf"] and moment(found["asOf"]) >= acknowledged else 0

    assert eventually(claims) == 3


def test_as_of_never_goes_back_and_nothing_is_behind_at_the_end(facility: Facility) -> None:
    facility.pack()
    readings = [moment(facility.shown(1)["asOf"]) for _ in range(20)]
    assert all(earlier <= later for earlier, later in pairwise(readings))
    eventually(lambda: (facility.keydata() or {}).get("lagEvents") == 0)
