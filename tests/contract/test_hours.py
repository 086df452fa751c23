"""GET /api/keydata/{keystem or all}/hours: the same figures by the hour."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import web
from tests.support.facility import Facility
from tests.support.pipeline import Pipeline

HOUR = timedelta(hours=1)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def hours(facility: Facility, **bounds: datetime) -> dict[str, Any]:
    names = {"since": "from", "to": "to"}
    query = "&".join(f"{names[name]}={stamp(moment)}" for name, moment in bounds.items())
    reply = web.get(f"{facility.proxy}/api/keydata/{facility.keystem}/hours?{query}")
    assert reply.status == 200, reply
    found: dict[str, Any] = reply.json
    return found


@pytest.fixture
def hour(facility: Facility) -> datetime:
    """The hour in which a pack of the facility was counted."""
    sent = datetime.fromisoformat(facility.pack().json["timeStamp"])
    facility.shown(1)
    return sent.replace(minute=0, second=0, microsecond=0)


def test_hour_has_the_fields_of_keydata(facility: Facility, hour: datetime) -> None:
    found = hours(facility)
    assert found["usedKeystem"] == facility.keystem
    assert found.keys() >= {"usedKeystem", "from", "to", "hours"}
    lifetime = facility.keydata()
    assert lifetime is not None
    only = {"usedKeystem", "cartons", "asOf", "lagEvents"}
    assert [entry["hour"] for entry in found["hours"]] == [stamp(hour)]
    assert {name: value for name, value in found["hours"][0].items() if name != "hour"} == {
        name: value for name, value in lifetime.items() if name not in only
    }


def test_window_is_half_open_and_echoed(facility: Facility, hour: datetime) -> None:
    for since, to, holds in (
        (hour, hour + HOUR, True),
        (hour - HOUR, hour, False),
        (hour + HOUR, hour + 2 * HOUR, False),
        (hour - HOUR, hour + HOUR, True),
        (hour + timedelta(seconds=1), hour + HOUR, False),
        (hour - HOUR, hour + timedelta(seconds=1), True),
    ):
        found = hours(facility, since=since, to=to)
        assert (found["from"], found["to"]) == (stamp(since), stamp(to))
        assert [entry["hour"] for entry in found["hours"]] == ([stamp(hour)] if holds else []), (since, to)


def test_bounds_that_are_left_out_are_resolved(facility: Facility, hour: datetime) -> None:
    before = datetime.now(UTC)
    found = hours(facility)
    since, to = (datetime.fromisoformat(found[name]) for name in ("from", "to"))
    assert before <= to <= datetime.now(UTC)
    assert since < hour
    assert hours(facility, to=hour)["hours"] == []


@pytest.mark.parametrize("zone", ["+02:00", "-11:30", " 02:00"])
def test_offset_of_a_bound_counts(facility: Facility, hour: datetime, zone: str) -> None:
    offset = datetime.fromisoformat(f"2025-01-01T00:00:00{zone.replace(' ', '+')}").utcoffset()
    assert offset is not None
    local = (hour + offset).strftime("%Y-%m-%dT%H:%M:%S") + zone
    query = f"from={quote(local, safe=' ').replace(' ', '+')}"
    reply = web.get(f"{facility.proxy}/api/keydata/{facility.keystem}/hours?{query}")
    assert reply.status == 200, reply
    assert reply.json["from"] == stamp(hour)
    assert len(reply.json["hours"]) == 1


def test_hours_of_all_hold_those_of_each(pipeline: Pipeline, facility: Facility, hour: datetime) -> None:
    pipeline.settle()
    found = web.get(f"{pipeline.proxy.url}/api/keydata/all/hours").json
    assert found["usedKeystem"] == "all"
    everything = web.get(f"{pipeline.proxy.url}/api/keydata/all").json
    for name in ("totalRequests", "totalPacks", "totalItems", "totalVolume", "errorCount", "requestErrorCount"):
        assert sum(entry[name] for entry in found["hours"]) == everything[name], name
    assert [entry["hour"] for entry in found["hours"]] == sorted(entry["hour"] for entry in found["hours"])


@pytest.mark.parametrize("keystem", ["never-seen", "a.b"])
def test_hours_of_nobody_are_a_404(pipeline: Pipeline, keystem: str) -> None:
    reply = web.get(f"{pipeline.proxy.url}/api/keydata/{keystem}/hours")
    assert reply.status == 404
    assert set(reply.json) == {"Message"}


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2025-03-25",
        "from=2025-03-25T05:00:00",
        "to=2025-02-30T00:00:00Z",
        "to=1742882843",
        "from=2025-03-25T05:00:00Z&to=2025-03-25T05:00:00Z",
        "from=2025-03-25T05:00:00Z&to=2025-03-24T05:00:00Z",
        "from=9999-12-31T23:59:59-01:00",
        "from=",
    ],
)
@pytest.mark.parametrize("keystem", ["all", "never-seen"])
def test_bad_bound_is_a_422(pipeline: Pipeline, keystem: str, query: str) -> None:
    reply = web.get(f"{pipeline.proxy.url}/api/keydata/{keystem}/hours?{query}")
    assert reply.status == 422
    assert set(reply.json) == {"Message"}
