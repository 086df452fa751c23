"""`admin status` and `admin quarantine list` on real Kafka and MongoDB."""

import base64
from datetime import UTC, datetime

import pytest
from bson import Int64
from confluent_kafka import Producer

from tests.support.admin import admin
from tests.support.services import Services
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration
NOWHERE = "127.0.0.1:1"
AT = datetime(2025, 3, 25, 5, 47, tzinfo=UTC)


@pytest.fixture
def initialized(workspace: Workspace) -> Workspace:
    assert admin(workspace, "init").code == 0
    return workspace


def produce(workspace: Workspace, partition: int, count: int) -> None:
    producer = Producer({"bootstrap.servers": workspace.bootstrap_servers})
    for _ in range(count):
        producer.produce(workspace.name, b"{}", b"k", partition=partition)
    assert producer.flush(30) == 0


def test_lag_is_what_kafka_has_and_the_position_has_not(initialized: Workspace) -> None:
    produce(initialized, 2, 5)
    initialized.documents["positions"].update_one({"partition": 2}, {"$set": {"next_offset": Int64(3), "log_time": AT}})
    status = admin(initialized, "status", "--json").json
    found = status["documents"]["partitions"][2]
    assert (found["next_offset"], found["end_offset"], found["lag"]) == (3, 5, 2)
    assert found["complete_until"].startswith("2025-03-25")
    assert status["lag"] == 2
    assert status["topic"]["differences"] == []


def test_a_stopped_partition_and_quarantine_ask_for_attention(initialized: Workspace) -> None:
    stopped = {"reason": "schema", "detail": "schema 2 is newer", "at": AT}
    initialized.documents["positions"].update_one({"partition": 1}, {"$set": {"stopped": stopped}})
    initialized.documents["quarantine"].insert_many(
        [
            {
                "_id": f"t:0:{offset}",
                "topic": initialized.name,
                "partition": 0,
                "offset": Int64(offset),
                "log_time": AT.replace(minute=offset),
                "reason": "not an event: [odd]",
                "key": b"k",
                "value": b"\xff\x00",
                "session": None,
                "seq": Int64(4) if offset == 1 else None,
                "keystem": "k",
                "cleared": offset == 2,
            }
            for offset in range(3)
        ]
    )
    status = admin(initialized, "status", "--json")
    assert status.code == 0
    assert status.json["attention"] == [
        "partition 1 is stopped: schema (schema 2 is newer)",
        "2 records are in quarantine: python -m admin quarantine list",
    ]
    table = admin(initialized, "status").out
    assert "stopped: schema (schema 2 is newer)" in table
    assert "2, and 1 cleared by a delete" in table

    listed = admin(initialized, "quarantine", "list", "--limit", "2", "--json").json
    assert listed["total"] == 3
    assert [each["offset"] for each in listed["records"]] == [2, 1]
    assert base64.b64decode(listed["records"][0]["value_base64"]) == b"\xff\x00"
    assert (listed["records"][0]["cleared"], listed["records"][1]["seq"]) == (True, 4)
    table = admin(initialized, "quarantine", "list").out
    assert "3 of 3 records" in table
    assert "not an event: [odd]" in table


def test_before_init_the_status_says_so(workspace: Workspace) -> None:
    status = admin(workspace, "status", "--json")
    assert status.code == 0
    assert "does not exist" in status.json["topic"]["problem"]
    assert status.json["lag"] is None
    assert "run python -m admin init" in status.json["attention"][0]


def test_with_kafka_away_the_rest_is_shown(initialized: Workspace) -> None:
    initialized.documents["positions"].update_one({"partition": 0}, {"$set": {"end_offset": Int64(9)}})
    status = admin(initialized, "status", "--json", KAFKA__BOOTSTRAP_SERVERS=NOWHERE)
    assert status.code == 0
    assert "Connection refused" in status.json["topic"]["problem"]
    partitions = status.json["documents"]["partitions"]
    assert [each["lag"] for each in partitions[:2]] == [9, None]
    assert [line.partition(":")[0] for line in status.json["attention"]] == ["1 partitions are late, partition 0 most"]


def test_with_mongodb_away_it_ends_with_its_reason_after_showing_the_rest(initialized: Workspace) -> None:
    status = admin(initialized, "status", "--json", MONGO__URI=f"mongodb://{NOWHERE}")
    assert status.code == 3
    assert "Connection refused" in status.errors
    assert status.json["topic"]["topic_id"]
    ended = admin(initialized, "quarantine", "list", MONGO__URI=f"mongodb://{NOWHERE}")
    assert (ended.code, "Connection refused" in ended.errors) == (3, True)


def test_the_spool_is_asked_of_the_proxy(initialized: Workspace, services: Services) -> None:
    proxy = services.proxy(initialized, f"http://{NOWHERE}")
    port = proxy.env["PROXY__PORT"]
    status = admin(initialized, "status", "--json", PROXY__PORT=port).json
    assert status["proxy"]["problem"] is None
    assert status["proxy"]["ready"]["spool"]["slot"] == "slot-000"
    assert "slot-000" in admin(initialized, "status", PROXY__PORT=port).out
    silent = admin(initialized, "status", "--json", PROXY__PORT="0").json
    assert "PROXY__PORT is 0" in silent["proxy"]["problem"]
