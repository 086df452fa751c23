"""The three views of a pack, on every path that takes packs."""

from datetime import UTC, datetime, timedelta

import pytest

from common.events import event_id
from tests.support.facility import ITEMS, ONE_PACK, VOLUME, Facility
from tests.support.pipeline import Pipeline
from tests.support.services import Services
from tests.support.upstream import Canned
from tests.support.web import Reply

ELEVEN = {
    "usedKeystem": str,
    "totalItems": int,
    "totalVolume": float,
    "volumeUtilization": float,
    "boxTypes": dict,
    "timeStamp": str,
    "cacheHit": bool,
    "requestError": bool,
    "errorResponse": bool,
    "statusCode": str,
    "latency": int,
}
FURTHER = {"eventId", "totalVolumeNet", "totalBoxes", "leftovers", "totalWeight", "totalCost", "cartons"}


def moment(text: str) -> datetime:
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text)


def counted_once(facility: Facility, reply: Reply) -> bool:
    return "x-event-id" in reply.headers and facility.settled() == ONE_PACK


@pytest.mark.parametrize("target", ["/", "/?view=stats", "/v1/pack", "/v1/pack?view=stats"])
def test_stats_are_the_default(facility: Facility, target: str) -> None:
    reply = facility.pack(target)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    stats = reply.json
    assert set(stats) == ELEVEN.keys() | FURTHER
    for name, kind in ELEVEN.items():
        assert isinstance(stats[name], kind) or (kind is float and isinstance(stats[name], int)), name
    assert counted_once(facility, reply)


def test_stats_say_what_was_packed(facility: Facility) -> None:
    before = datetime.now(UTC)
    reply = facility.pack()
    after = datetime.now(UTC)
    stats = reply.json
    assert stats["usedKeystem"] == facility.keystem
    assert (stats["totalItems"], stats["totalVolume"]) == (ITEMS, VOLUME)
    assert stats["volumeUtilization"] == pytest.approx(3 * 24 / 720)
    assert stats["boxTypes"] == {"7": 1}
    assert (stats["cacheHit"], stats["requestError"], stats["errorResponse"]) == (False, False, False)
    assert stats["statusCode"] == "200"
    assert before <= moment(stats["timeStamp"]) <= after
    assert 0 < stats["latency"] <= (after - before) / timedelta(microseconds=1) * 1000
    assert stats["eventId"] == reply.headers["x-event-id"]
    assert (stats["totalVolumeNet"], stats["totalBoxes"], stats["leftovers"]) == (72, 1, 0)
    assert stats["totalWeight"] == 1.5
    assert stats["cartons"] == {"small": 1}


def test_cost_is_null_where_nothing_has_a_price(facility: Facility) -> None:
    assert facility.pack().json["totalCost"] is None


def test_box_without_reference_counts_as_0(passing: Facility, pipeline: Pipeline) -> None:
    body = pipeline.double.answer.body.replace(b'"refId":7,', b"")
    pipeline.double.answer = Canned(200, body)
    assert passing.pack().json["boxTypes"] == {"0": 1}


@pytest.mark.parametrize("target", ["/?view=pack", "/pack", "/pack/", "/v1/pack?view=pack"])
def test_view_pack_is_upstreams_body(facility: Facility, target: str) -> None:
    reply = facility.pack(target)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    pack = reply.json
    assert pack["lenItems"] == ITEMS
    assert pack["usedKeyStem"] == facility.keystem
    assert "Message" not in pack
    assert counted_once(facility, reply)


@pytest.mark.parametrize("target", ["/?view=both", "/v1/pack?view=both"])
def test_view_both_has_stats_and_upstreams_json(facility: Facility, target: str) -> None:
    reply = facility.pack(target)
    assert reply.status == 200
    both = reply.json
    assert set(both) == {"stats", "pack"}
    assert both["stats"]["totalItems"] == both["pack"]["lenItems"] == ITEMS
    assert both["stats"]["eventId"] == reply.headers["x-event-id"]
    assert counted_once(facility, reply)


def test_view_both_of_a_refusal_has_upstreams_error(facility: Facility) -> None:
    reply = facility.pack("/?view=both", sandbox="status=422; message=no; details=boxTypes: none")
    assert reply.status == 422
    assert reply.json["stats"]["errorResponse"] is True
    assert reply.json["pack"] == {"code": 422, "message": "no", "details": "boxTypes: none"}


@pytest.mark.parametrize("view", ["all", "", "STATS", "pack&view=stats"])
def test_unknown_view_is_refused_and_not_sent(passing: Facility, pipeline: Pipeline, view: str) -> None:
    reply = passing.pack(f"/?view={view}")
    assert reply.status == 400
    assert reply.json["Message"]
    assert "x-event-id" not in reply.headers
    assert not pipeline.double.asked


def test_path_of_view_pack_goes_before_the_parameter(facility: Facility) -> None:
    assert "lenItems" in facility.pack("/pack?view=stats").json


@pytest.mark.parametrize(("view", "has"), [("pack", "lenItems"), ("both", "stats")])
def test_default_view_is_a_setting(pipeline: Pipeline, services: Services, view: str, has: str) -> None:
    proxy = services.proxy(pipeline.workspace, pipeline.sandbox.url, PROXY__DEFAULT_VIEW=view)
    facility = Facility(proxy.url)
    assert has in facility.pack("/").json
    assert "totalItems" in facility.pack("/?view=stats").json


def test_event_id_is_session_partition_and_number(facility: Facility) -> None:
    ids = [facility.pack(view).headers["x-event-id"] for view in ("/", "/pack", "/?view=both")]
    session, partition, first = ids[0].split(".")
    assert ids == [event_id(session, int(partition), int(first) + step) for step in range(3)]
