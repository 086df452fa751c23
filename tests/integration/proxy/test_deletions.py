"""Deleting through a real proxy: into real Kafka, and a receipt out of real MongoDB."""

from datetime import timedelta

import pytest
from bson import Int64
from confluent_kafka import Consumer, TopicPartition

from common.events import DeleteEvent, decode
from common.identity import new_session
from common.topic import partition_of
from tests.support import web
from tests.support.eventually import eventually
from tests.support.reading import AT, TOPIC_ID, Reading, counted
from tests.support.services import Services
from tests.support.stack import MakeWorkspace

pytestmark = pytest.mark.integration


def delete(reading: Reading, keystem: str, headers: dict[str, str] | None = None) -> web.Reply:
    return web.request("DELETE", f"{reading.proxy.url}/api/keydata/{keystem}", headers=headers)


def read_delete(reading: Reading, keystem: str) -> DeleteEvent:
    """The last record on the keystem's partition."""
    workspace = reading.workspace
    consumer = Consumer({"bootstrap.servers": workspace.bootstrap_servers, "group.id": workspace.name})
    place = TopicPartition(workspace.name, partition_of(keystem, workspace.partitions))
    try:
        place.offset = eventually(lambda: consumer.get_watermark_offsets(place, timeout=5)[1]) - 1
        consumer.assign([place])
        message = eventually(lambda: consumer.poll(1))
        assert message is not None
        assert message.key() == keystem.encode()
        value = message.value()
        assert value is not None
        event = decode(value)
    finally:
        consumer.close()
    assert isinstance(event, DeleteEvent)
    return event


def test_a_delete_is_taken_with_a_receipt_and_goes_to_kafka(reading: Reading) -> None:
    reply = delete(reading, "aqRAiz-8RA", {"X-Request-ID": "r-1"})
    assert reply.status == 202
    assert reply.json == {"Message": "delete request sent on keystem aqRAiz-8RA"}
    identity = reply.headers["x-event-id"]
    assert reply.headers["location"] == f"/api/deletions/{identity}"
    assert reply.headers["x-request-id"] == "r-1"

    event = read_delete(reading, "aqRAiz-8RA")
    assert identity == f"{event.session}.{event.partition}.{event.seq}"
    assert (event.keystem, event.actor) == ("aqRAiz-8RA", "anonymous r-1")

    receipt = reading.get(reply.headers["location"])
    assert receipt.status == 200
    found = receipt.json
    assert found.pop("requestedAt") is not None
    assert found == {
        "eventId": identity,
        "usedKeystem": "aqRAiz-8RA",
        "state": "pending",
        "appliedAt": None,
        "cleared": None,
    }


def test_an_applied_delete_shows_what_it_cleared(reading: Reading) -> None:
    identity = f"{new_session()}.1.7"
    document = {
        "_id": identity,
        "keystem": "k",
        "actor": "admin r-1",
        "requested_at": AT,
        "applied_at": AT + timedelta(seconds=2),
        "partition": 1,
        "offset": Int64(9),
    }
    reading.insert("deletions", {**document, "cleared": {**counted(3, (7,)), "cartons": {"S": {"count": Int64(36)}}}})
    found = reading.get(f"/api/deletions/{identity}").json
    cleared = found.pop("cleared")
    assert found == {
        "eventId": identity,
        "usedKeystem": "k",
        "state": "applied",
        "requestedAt": "2025-03-25T05:47:17.191000Z",
        "appliedAt": "2025-03-25T05:47:19.191000Z",
    }
    assert (cleared["totalPacks"], cleared["totalVolume"], cleared["cartons"]) == (3, 51840, {"S": 36})


def test_a_delete_of_an_unknown_keystem_cleared_nothing(reading: Reading) -> None:
    identity = f"{new_session()}.1.7"
    reading.insert(
        "deletions",
        {"_id": identity, "keystem": "k", "requested_at": AT, "applied_at": AT, "partition": 1, "cleared": {}},
    )
    cleared = reading.get(f"/api/deletions/{identity}").json["cleared"]
    assert (cleared["totalRequests"], cleared["avgLatency"], cleared["boxTypes"]) == (0, None, {})


def test_an_event_that_was_folded_and_is_no_delete_has_no_receipt(reading: Reading) -> None:
    session = new_session()
    reading.insert_positions()
    state = {"_id": f"{TOPIC_ID}:1:{session}", "upto": Int64(3), "ranges": [[Int64(6), Int64(7)]], "log_time": AT}
    reading.insert("sessions", state)
    found = {seq: reading.get(f"/api/deletions/{session}.1.{seq}").status for seq in (1, 3, 4, 5, 6, 7, 8)}
    assert found == {1: 404, 3: 404, 4: 200, 5: 200, 6: 404, 7: 404, 8: 200}


@pytest.mark.parametrize("text", ["x", "a.0.1", "{session}.3.1", "{session}.0.0", "{session}.0"])
def test_what_is_no_event_id_has_no_receipt(reading: Reading, text: str) -> None:
    text = text.format(session=new_session())
    reply = reading.get(f"/api/deletions/{text}")
    assert (reply.status, reply.json) == (404, {"Message": "that is no event id"})


@pytest.mark.parametrize(("keystem", "status"), [("all", 400), ("a.b", 422), ("a" * 65, 422), ("%20", 422)])
def test_what_cannot_be_deleted_is_refused(reading: Reading, keystem: str, status: int) -> None:
    reply = delete(reading, keystem)
    assert reply.status == status
    assert "X-Event-ID".lower() not in reply.headers
    assert isinstance(reply.json["Message"], str)


def test_with_a_token_only_who_shows_it_may_delete(make_workspace: MakeWorkspace, services: Services) -> None:
    workspace = make_workspace(2)
    workspace.create_topic()
    reading = Reading(workspace, services.proxy(workspace, "http://127.0.0.1:1", PROXY__ADMIN_TOKEN="s3cret"))
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic s3cret"},
        {"Authorization": "s3cret"},
    ):
        refused = delete(reading, "k", headers)
        assert refused.status == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert "Message" in refused.json
        assert "x-event-id" not in refused.headers
    assert delete(reading, "k", {"Authorization": "Bearer s3cret", "X-Request-ID": "r-2"}).status == 202
    assert read_delete(reading, "k").actor == "admin r-2"
