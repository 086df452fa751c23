"""`admin verify` on real Kafka and MongoDB: agrees with what aggregators wrote, and finds what somebody altered."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from bson import Int64
from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry  # type: ignore[attr-defined]  # as in common.kafka
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from common import documents, progress
from common.events import OfferedCarton, encode
from common.identity import new_session
from common.kafka import expected_config
from common.settings import KafkaSettings
from tests.support.admin import Ended, admin
from tests.support.eventually import eventually
from tests.support.evidence import ends_of, positions_of
from tests.support.feed import feed, feed_values
from tests.support.made_events import delete, keystem_in, pack
from tests.support.retention import expire
from tests.support.services import Services
from tests.support.stack import MakeWorkspace
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=1000)
TIME_TYPE = "message.timestamp.type"


def settle(workspace: Workspace) -> None:
    eventually(lambda: positions_of(workspace) == ends_of(workspace), 60)


def named(ended: Ended) -> list[tuple[int, str, str]]:
    return [
        (result["partition"], each["collection"], each["field"])
        for result in ended.json
        for each in result["differences"]
    ]


def busy(workspace: Workspace, length: int = 300) -> None:
    """Packs with duplicates, deletes and things that are no events, over the last two days."""
    random, session, seqs, values = Random(5), new_session(), [0, 0], list[tuple[int, bytes]]()
    for _ in range(length):
        partition = random.randrange(2)
        seqs[partition] += 1
        keystem = keystem_in(partition, 2, random.randrange(3))
        at = NOW - timedelta(minutes=random.randrange(3000))
        make = delete if random.random() < 0.02 else pack
        event = make(session, seqs[partition], keystem, partitions=2, occurred_at=at)
        value = b"no event" if random.random() < 0.02 else encode(event)
        values += [(partition, value)] * random.choice([1, 1, 1, 2])
    feed_values(workspace, values)


def test_the_documents_agree_with_the_topic_until_somebody_alters_one(
    make_workspace: MakeWorkspace, services: Services
) -> None:
    workspace = make_workspace(2)
    assert admin(workspace, "init").code == 0
    services.aggregator(workspace, AGGREGATOR__FLUSH_INTERVAL_S="0.1")
    busy(workspace)
    settle(workspace)
    agreed = admin(workspace, "verify", "--json")
    assert (agreed.code, agreed.errors) == (0, "")
    assert [each["compared"] for each in agreed.json] == ["everything", "everything"]
    assert all(each["records"] == each["position"] > 0 and each["documents"] > 10 for each in agreed.json)
    assert "everything" in admin(workspace, "verify").out

    database = workspace.documents
    altered = database[documents.KEYDATA].find_one_and_update({"partition": 0}, {"$inc": {"items": Int64(1)}})
    assert altered is not None
    found = admin(workspace, "verify", "--json")
    assert (found.code, named(found)) == (1, [(0, "keydata", "items")])
    assert "partitions [0]: the documents are not what the topic adds up to" in found.errors
    table = admin(workspace, "verify", "--partition", "0")
    assert table.code == 1
    assert f"keydata {altered['_id']} items: documents have {altered['items'] + 1}" in table.out
    assert admin(workspace, "verify", "--partition", "1").code == 0

    database[documents.TOTALS_HOURS].delete_one({"_id.p": 1, "requests": {"$gt": 0}})
    database[progress.QUARANTINE].delete_one({"partition": 1})
    found = admin(workspace, "verify", "--partition", "1", "--json")
    assert (found.code, {each[1] for each in named(found)}) == (1, {"totals_hours", "quarantine"})


def test_carton_list_of_a_keystem_that_was_deleted_is_seen(make_workspace: MakeWorkspace, services: Services) -> None:
    workspace = make_workspace(1)
    assert admin(workspace, "init").code == 0
    services.aggregator(workspace, AGGREGATOR__FLUSH_INTERVAL_S="0.1")
    session, offered = new_session(), [OfferedCarton(name="small")]
    first = pack(session, 1, occurred_at=NOW, offered_hash="f" * 32, offered=offered, offered_from="request")
    feed(workspace, [first, delete(session, 2, occurred_at=NOW)])
    settle(workspace)
    assert workspace.documents[documents.CARTON_LISTS].count_documents({}) == 1
    assert workspace.documents[documents.KEYDATA].count_documents({}) == 0
    agreed = admin(workspace, "verify", "--json")
    assert (named(agreed), agreed.code, agreed.errors) == ([], 0, "")


def test_once_the_topic_has_lost_its_beginning_the_hours_it_holds_whole_are_compared(
    make_workspace: MakeWorkspace, services: Services
) -> None:
    workspace = make_workspace(1)
    _make_aged_topic(workspace)
    assert admin(workspace, "init").code == 0
    services.aggregator(workspace, AGGREGATOR__FLUSH_INTERVAL_S="0.1")
    settle(workspace)
    feed(workspace, [pack(new_session(), 1, keystem_in(0, 1), occurred_at=NOW)])
    settle(workspace)
    assert admin(workspace, "verify").code == 0
    expire(workspace, 0, 30)
    agreed = admin(workspace, "verify", "--json")
    assert (agreed.code, agreed.errors) == (0, "")
    [result] = agreed.json
    assert (result["log_start"], result["records"]) == (30, 19)
    # The first record that is left was taken 18 hours ago: the hour 17 hours ago had begun before an hour had passed.
    since = documents.hour_of(NOW - timedelta(hours=17)) + timedelta(hours=1)
    assert result["compared"] == f"hours since {since:%Y-%m-%dT%H}:00Z"
    assert result["documents"] >= 30

    hours = workspace.documents[documents.KEYDATA_HOURS]
    [oldest, *_, newest] = hours.find(sort=[("hour", 1)])
    hours.update_one({"_id": oldest["_id"]}, {"$inc": {"requests": Int64(1)}})
    workspace.documents[documents.KEYDATA].update_one({}, {"$inc": {"requests": Int64(1)}})
    assert admin(workspace, "verify").code == 0, "the topic no longer says what those were"
    hours.update_one({"_id": newest["_id"]}, {"$inc": {"requests": Int64(1)}})
    found = admin(workspace, "verify", "--json")
    assert (found.code, named(found)) == (1, [(0, "keydata_hours", "requests")])


def _make_aged_topic(workspace: Workspace) -> None:
    """A topic whose records were taken by Kafka over the last 48 hours, one an hour, the pack an hour before."""
    kafka = KafkaSettings(topic=workspace.name, partitions=1, replication=1)
    client, config = workspace.admin(), {**expected_config(kafka), TIME_TYPE: "CreateTime"}
    client.create_topics([NewTopic(workspace.name, 1, 1, config=config)])[workspace.name].result(30)
    eventually(lambda: workspace.name in client.list_topics(timeout=5).topics)
    session, producer = new_session(), Producer({"bootstrap.servers": workspace.bootstrap_servers, "log_level": 0})
    for seq in range(1, 49):
        taken = NOW - timedelta(hours=49 - seq)
        event = pack(session, seq, keystem_in(0, 1), occurred_at=taken - timedelta(minutes=5))
        producer.produce(workspace.name, encode(event), partition=0, timestamp=int(taken.timestamp() * 1000))
    assert producer.flush(30) == 0
    change = ConfigEntry(TIME_TYPE, "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, workspace.name, incremental_configs=[change])
    client.incremental_alter_configs([resource])[resource].result(30)


def test_what_cannot_be_compared_is_not_called_right(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(1)
    assert admin(workspace, "init").code == 0
    assert admin(workspace, "verify").code == 0, "nothing was counted of nothing"
    feed(workspace, [pack(new_session(), seq, keystem_in(0, 1), occurred_at=NOW) for seq in range(1, 4)])
    position = workspace.documents[progress.POSITIONS]
    position.update_one({}, {"$set": {"next_offset": Int64(5)}})
    ended = admin(workspace, "verify")
    assert (ended.code, "the log ends at 3, before the position" in ended.errors) == (3, True)
    expire(workspace, 0, 2)
    position.update_one({}, {"$set": {"next_offset": Int64(1)}})
    ended = admin(workspace, "verify")
    assert (ended.code, "before the log's start 2" in ended.errors) == (3, True)
    position.update_one({}, {"$set": {"next_offset": Int64(3)}})
    ended = admin(workspace, "verify")
    assert (ended.code, "the topic holds no hour whole yet" in ended.errors) == (3, True)
    ended = admin(workspace, "verify", KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert (ended.code, ended.errors.startswith("Kafka: ")) == (3, True)
    position.delete_many({})
    ended = admin(workspace, "verify")
    assert (ended.code, "run python -m admin init" in ended.errors) == (3, True)
