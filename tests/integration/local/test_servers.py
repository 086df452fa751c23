"""The real servers that all other integration tests stand on."""

import re
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

import local.kafka
import local.kafka_archive
from common.topic import TOPIC_CONFIG
from local.kafka import Kafka
from tests.support.servers import CACHE, Server
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration


def test_database_takes_transactions(workspace: Workspace) -> None:
    with workspace.client.start_session() as session, session.start_transaction():
        workspace.documents["x"].insert_one({"_id": 1}, session=session)
    assert workspace.documents["x"].count_documents({}) == 1


def test_topic_exists_as_declared(workspace: Workspace) -> None:
    workspace.create_topic()
    topic = workspace.admin().list_topics(workspace.name, timeout=10).topics[workspace.name]
    assert len(topic.partitions) == workspace.partitions
    assert TOPIC_CONFIG["message.timestamp.type"] == "LogAppendTime"


def test_broker_finds_its_classes_in_the_archive(tmp_path: Path) -> None:
    jars = local.kafka.prepare(CACHE, Console(quiet=True))
    local.kafka_archive.prepare(jars, Console(quiet=True))
    java, *options, main, _ = Kafka(tmp_path, jars, 9092, 9093).command()
    loads = subprocess.run(
        [java, *options, "-Xlog:class+load", main], check=False, capture_output=True, text=True
    ).stdout
    assert re.search(r" kafka\.\S+ source: shared objects file", loads)
    assert not re.search(r" kafka\.\S+ source: (jar|file):", loads)


@pytest.mark.parametrize("round_", [1, 2])
def test_killed_servers_are_healed_for_the_next_test(
    workspace: Workspace, kafka: Server, mongo: Server, round_: int
) -> None:
    workspace.create_topic()
    workspace.documents["x"].insert_one({"_id": 1})
    kafka.kill()
    mongo.freeze()
