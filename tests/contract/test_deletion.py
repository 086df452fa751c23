"""DELETE /api/keydata/{keystem}: clears what was recorded before it, nothing after it, and says what it was."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support import web
from tests.support.eventually import eventually
from tests.support.facility import ONE_PACK, Facility, new_key
from tests.support.pipeline import Pipeline
from tests.support.records import pack_event, produce_event
from tests.support.services import Services

AS_OF = {"asOf", "lagEvents"}  # when the rest holds; of a pipeline that has just begun the lag is not known yet
SUMS = ("totalRequests", "totalPacks", "totalItems", "totalVolume", "errorCount", "requestErrorCount", "leftovers")


def delete(facility: Facility, headers: dict[str, str] | None = None) -> web.Reply:
    return web.request("DELETE", f"{facility.proxy}/api/keydata/{facility.keystem}", headers=headers)


def receipt(facility: Facility, reply: web.Reply) -> dict[str, Any]:
    """The receipt once the delete is applied."""

    def applied() -> dict[str, Any] | None:
        found: dict[str, Any] = web.get(facility.proxy + reply.headers["location"]).json
        return found if found["state"] == "applied" else None

    found = eventually(applied)
    assert found is not None
    return found


def read(pipeline: Pipeline, path: str) -> dict[str, Any]:
    found: dict[str, Any] = web.get(f"{pipeline.proxy.url}/api/keydata/{path}").json
    return found


def whole(pipeline: Pipeline) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Totals of all, and its hours, without what says as of when."""
    pipeline.settle()
    everything = read(pipeline, "all")
    totals = {name: value for name, value in everything.items() if name not in AS_OF}
    return totals, read(pipeline, "all/hours")["hours"]


def test_reply_names_the_event_and_its_receipt(facility: Facility) -> None:
    reply = delete(facility)
    assert (reply.status, reply.json) == (202, {"Message": f"delete request sent on keystem {facility.keystem}"})
    assert reply.headers["location"] == f"/api/deletions/{reply.headers['x-event-id']}"
    assert reply.headers["x-request-id"]


def test_receipt_says_what_was_cleared(facility: Facility) -> None:
    before = datetime.now(UTC)
    for directive in ("ok", "ok", "status=422", "garbage"):
        facility.pack(sandbox=directive)
    shown = facility.shown(4)
    reply = delete(facility)
    found = receipt(facility, reply)
    assert found.keys() == {"eventId", "usedKeystem", "state", "requestedAt", "appliedAt", "cleared"}
    assert (found["eventId"], found["usedKeystem"]) == (reply.headers["x-event-id"], facility.keystem)
    requested, applied = (datetime.fromisoformat(found[name]) for name in ("requestedAt", "appliedAt"))
    assert before <= requested <= applied <= datetime.now(UTC)
    only = {"usedKeystem", *AS_OF}
    assert found["cleared"] == {name: value for name, value in shown.items() if name not in only}


def test_deleted_keystem_has_no_data(facility: Facility) -> None:
    facility.pack()
    receipt(facility, delete(facility))
    assert facility.keydata() is None
    assert web.get(f"{facility.proxy}/api/keydata/{facility.keystem}/hours").status == 404


def test_delete_clears_what_is_before_it_and_nothing_after_it(facility: Facility) -> None:
    for _ in range(5):
        facility.pack()
    reply = delete(facility)
    facility.pack()
    assert receipt(facility, reply)["cleared"]["totalRequests"] == 5
    assert facility.settled() == ONE_PACK


def test_all_falls_by_exactly_what_was_cleared(pipeline: Pipeline, facility: Facility) -> None:
    before = whole(pipeline)
    for directive in ("ok", "status=500", "drop", "set=totalVolume:0.1", "set=totalVolume:0.2", "delay=40"):
        facility.pack(sandbox=directive)
    assert whole(pipeline)[0]["totalRequests"] == before[0]["totalRequests"] + 6
    delete(facility)
    assert whole(pipeline) == before


def test_second_delete_finds_nothing(facility: Facility) -> None:
    facility.pack()
    receipt(facility, delete(facility))
    cleared = receipt(facility, delete(facility))["cleared"]
    assert [cleared[name] for name in SUMS] == [0] * len(SUMS)
    assert facility.settled().requests == 0


def test_delete_of_an_unknown_keystem_is_taken(facility: Facility) -> None:
    reply = delete(facility)
    assert reply.status == 202
    assert receipt(facility, reply)["cleared"]["totalRequests"] == 0


def test_extremes_of_all_are_found_anew(pipeline: Pipeline) -> None:
    before = whole(pipeline)
    names = sorted(new_key()[:10] for _ in range(2))
    a_day_ns = 86_400_000_000_000
    for name in names:
        produce_event(pipeline.workspace, pack_event(pipeline.workspace, name, latency_ns=a_day_ns))
    pipeline.settle()
    everything = read(pipeline, "all")
    assert everything["highestAvgLatency"] == {"latency": a_day_ns, "usedKeystem": names[0]}  # a tie: the smaller
    assert everything["maxLatency"]["latency"] == a_day_ns
    for name in names:
        web.request("DELETE", f"{pipeline.proxy.url}/api/keydata/{name}")
    assert whole(pipeline) == before


@pytest.mark.parametrize(("keystem", "status"), [("all", 400), ("a.b", 422), ("x" * 65, 422), ("%20", 422)])
def test_what_cannot_be_deleted(pipeline: Pipeline, keystem: str, status: int) -> None:
    reply = web.request("DELETE", f"{pipeline.proxy.url}/api/keydata/{keystem}")
    assert reply.status == status
    assert set(reply.json) == {"Message"}
    assert "x-event-id" not in reply.headers


def test_receipt_of_a_delete_that_is_not_applied_yet_is_pending(
    pipeline: Pipeline, services: Services, tmp_path: Path
) -> None:
    # Kafka is not there for this proxy, so its delete stays in its spool, which no other proxy looks into.
    settings = {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "PROXY__SPOOL_DIR": str(tmp_path)}
    proxy = services.proxy(pipeline.workspace, pipeline.sandbox.url, wait=True, **settings)
    facility = Facility(proxy.url)
    reply = delete(facility)
    assert reply.status == 202
    found = web.get(proxy.url + reply.headers["location"]).json
    assert (found["state"], found["usedKeystem"]) == ("pending", facility.keystem)
    assert found["appliedAt"] is found["cleared"] is None
    assert found["requestedAt"] is not None


@pytest.mark.parametrize("name", ["nonsense", "0190a5d2-1111-7111-8111-111111111111.99.1"])
def test_receipt_of_what_is_no_event_is_a_404(pipeline: Pipeline, name: str) -> None:
    reply = web.get(f"{pipeline.proxy.url}/api/deletions/{name}")
    assert reply.status == 404
    assert set(reply.json) == {"Message"}


def test_receipt_of_a_pack_is_a_404(facility: Facility) -> None:
    reply = facility.pack()
    facility.shown(1)
    assert web.get(f"{facility.proxy}/api/deletions/{reply.headers['x-event-id']}").status == 404


def test_admin_token_is_required_where_it_is_set(pipeline: Pipeline, services: Services) -> None:
    proxy = services.proxy(pipeline.workspace, pipeline.sandbox.url, PROXY__ADMIN_TOKEN="a-secret")
    facility = Facility(proxy.url)
    facility.pack()
    for authorization in (
        None,
        "Bearer wrong",
        "Bearer",
        "Bearer a-secre",
        "Basic a-secret",
        "a-secret",
        "apikey a-secret",
    ):
        reply = delete(facility, {"Authorization": authorization} if authorization else None)
        assert reply.status == 401, authorization
        assert set(reply.json) == {"Message"}
        assert "x-event-id" not in reply.headers
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert facility.settled() == ONE_PACK
    assert receipt(facility, delete(facility, {"Authorization": "Bearer a-secret"}))["cleared"]["totalPacks"] == 1
    assert "a-secret" not in proxy.log_text()


@pytest.mark.parametrize(("token", "warns"), [({}, True), ({"PROXY__ADMIN_TOKEN": "t"}, False)])
def test_missing_token_beyond_loopback_is_warned_of(
    pipeline: Pipeline, services: Services, token: dict[str, str], warns: bool
) -> None:
    proxy = services.proxy(pipeline.workspace, pipeline.sandbox.url, wait=True, PROXY__HOST="0.0.0.0", **token)
    assert ("PROXY__ADMIN_TOKEN" in proxy.log_text()) is warns


def test_loopback_is_not_warned_of(pipeline: Pipeline) -> None:
    assert "PROXY__ADMIN_TOKEN" not in pipeline.proxy.log_text()
