"""`admin init` on real Kafka and MongoDB: everything made once, nothing ever taken away."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson import Int64
from confluent_kafka.cimpl import NewTopic
from pymongo.errors import WriteError

from common.kafka import describe_topic, differences, expected_config
from common.settings import KafkaSettings
from tests.support.admin import admin
from tests.support.eventually import eventually
from tests.support.stack import MakeWorkspace
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration
NOWHERE = "127.0.0.1:1"


def settings_of(workspace: Workspace) -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers=workspace.bootstrap_servers,
        topic=workspace.name,
        partitions=workspace.partitions,
        replication=1,
    )


def positions_of(workspace: Workspace) -> list[dict[str, Any]]:
    return list(workspace.documents["positions"].find(sort=[("created_at", 1), ("partition", 1)]))


def make_topic(workspace: Workspace, **config: str) -> None:
    changed = {name.replace("_", "."): value for name, value in config.items()}
    topic = NewTopic(
        workspace.name, workspace.partitions, 1, config={**expected_config(settings_of(workspace)), **changed}
    )
    client = workspace.admin()
    client.create_topics([topic])[workspace.name].result(30)
    eventually(lambda: workspace.name in client.list_topics(timeout=5).topics)


def remove_topic(workspace: Workspace) -> None:
    client = workspace.admin()
    client.delete_topics([workspace.name])[workspace.name].result(30)
    eventually(lambda: workspace.name not in client.list_topics(timeout=5).topics)


def test_topic_collections_and_positions_are_made(workspace: Workspace) -> None:
    ended = admin(workspace, "init")
    assert (ended.code, ended.errors) == (0, "")
    assert f"topic {workspace.name}" in ended.out

    client = workspace.admin()
    facts = describe_topic(client, workspace.name, 10)
    assert differences(facts, settings_of(workspace)) == []

    made = positions_of(workspace)
    assert [each["_id"] for each in made] == [f"{facts.topic_id}:{number}" for number in range(workspace.partitions)]
    for each in made:
        assert (each["topic"], each["topic_id"]) == (workspace.name, facts.topic_id)
        assert isinstance(each["next_offset"], Int64)
        assert isinstance(each["generation"], Int64)
        assert (each["next_offset"], each["generation"]) == (0, 0)

    indexes = workspace.documents["keydata"].index_information()
    assert indexes["slowest"]["key"] == [("latency_mean", -1), ("_id", 1)]
    assert workspace.documents["keydata_hours"].index_information()["expiry"]["expireAfterSeconds"] == 400 * 86_400


def test_a_document_that_breaks_the_declaration_is_refused(workspace: Workspace) -> None:
    assert admin(workspace, "init").code == 0
    with pytest.raises(WriteError):
        workspace.documents["keydata"].insert_one({"_id": "k", "partition": 0, "requests": 1.5})
    workspace.documents["keydata"].insert_one({"_id": "k", "partition": 0, "requests": Int64(1)})


def test_a_second_run_changes_nothing_that_aggregators_wrote(workspace: Workspace) -> None:
    assert admin(workspace, "init").code == 0
    positions = workspace.documents["positions"]
    positions.update_many({}, {"$set": {"next_offset": Int64(4711), "generation": Int64(2), "owner": "a"}})
    before = positions_of(workspace)
    ended = admin(workspace, "init")
    assert ended.code == 0
    assert "made" not in ended.out.replace("0 made", "")
    assert positions_of(workspace) == before


def test_two_at_once_make_everything_once(workspace: Workspace) -> None:
    with ThreadPoolExecutor(2) as both:
        ended = list(both.map(lambda _: admin(workspace, "init"), range(2)))
    assert [each.code for each in ended] == [0, 0], [each.errors for each in ended]
    assert len(positions_of(workspace)) == workspace.partitions


def test_a_topic_that_contradicts_the_settings_is_refused_with_each_difference(workspace: Workspace) -> None:
    make_topic(workspace, message_timestamp_type="CreateTime", retention_ms="60000")
    ended = admin(workspace, "init", KAFKA__PARTITIONS="7")
    assert ended.code == 3
    for named in ("KAFKA__PARTITIONS says 7", "message.timestamp.type=CreateTime", "retention.ms=60000"):
        assert named in ended.errors
    assert positions_of(workspace) == []


def test_a_topic_that_was_made_again_needs_a_person_to_accept_it(workspace: Workspace) -> None:
    assert admin(workspace, "init").code == 0
    workspace.documents["positions"].update_one({"partition": 1}, {"$set": {"next_offset": Int64(5)}})
    remove_topic(workspace)
    make_topic(workspace)
    before = positions_of(workspace)

    refused = admin(workspace, "init")
    assert refused.code == 3
    assert "(5 records read)" in refused.errors
    assert "--new-topic" in refused.errors
    assert positions_of(workspace) == before

    assert admin(workspace, "init", "--new-topic").code == 0
    after = positions_of(workspace)
    new = {each["topic_id"] for each in after[workspace.partitions :]}
    # Whoever still holds the old ones is fenced, and told which topic counts now.
    left = {"generation": Int64(1), "succeeded_by": next(iter(new))}
    assert after[: workspace.partitions] == [{**each, **left} for each in before]
    assert len(new) == 1
    assert [each["next_offset"] for each in after[workspace.partitions :]] == [0] * workspace.partitions
    assert admin(workspace, "init").code == 0


def test_positions_of_another_topic_do_not_matter(make_workspace: MakeWorkspace) -> None:
    first, second = make_workspace(2), make_workspace(2)
    assert admin(first, "init").code == 0
    assert admin(second, "init", MONGO__DATABASE=first.name).code == 0
    assert len(positions_of(first)) == 4


def test_a_changed_validator_is_put_right_and_a_changed_index_is_named(workspace: Workspace) -> None:
    assert admin(workspace, "init").code == 0
    documents = workspace.documents
    declared = documents.command("listCollections", filter={"name": "keydata"})["cursor"]["firstBatch"][0]["options"]
    documents.command("collMod", "keydata", validator={})
    documents["keydata"].drop_index("busiest")
    documents["keydata"].create_index([("requests", 1)], name="busiest")
    documents["keydata"].drop_index("slowest")

    ended = admin(workspace, "init")
    assert ended.code == 0
    assert "validator changed, index slowest made" in ended.out
    assert "left as it is: index busiest of keydata" in ended.out
    assert 'db.keydata.dropIndex("busiest")' in ended.out
    found = documents.command("listCollections", filter={"name": "keydata"})["cursor"]["firstBatch"][0]["options"]
    assert found["validator"] == declared["validator"]
    assert documents["keydata"].index_information()["busiest"]["key"] == [("requests", 1)]


def test_kafka_that_stays_away_is_waited_for_and_named(workspace: Workspace) -> None:
    ended = admin(workspace, "init", "--wait", "0.1", KAFKA__BOOTSTRAP_SERVERS=NOWHERE)
    assert ended.code == 3
    assert "Kafka at 127.0.0.1:1: still away after 0.1 s" in ended.errors
    assert "Connection refused" in ended.errors


def test_mongodb_that_stays_away_is_waited_for_and_named(workspace: Workspace) -> None:
    ended = admin(workspace, "init", "--wait", "1", MONGO__URI=f"mongodb://{NOWHERE}")
    assert ended.code == 3
    assert "MongoDB: still away after 1 s" in ended.errors
    assert "Connection refused" in ended.errors


@pytest.mark.parametrize(
    ("name", "value"),
    [("KAFKA__CLIENT", '{"no.such.option":"1"}'), ("MONGO__URI", "mongodb://"), ("KAFKA__PARTITION", "6")],
)
def test_a_wrong_setting_is_refused_by_its_name(workspace: Workspace, name: str, value: str) -> None:
    ended = admin(workspace, "init", **{name: value})
    assert ended.code == 3
    assert ended.errors.startswith(name)
