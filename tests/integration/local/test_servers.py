"""The real servers that all other integration tests stand on."""

import pytest

from common.topic import TOPIC_CONFIG
from tests.support.servers import Server
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


@pytest.mark.parametrize("round_", [1, 2])
def test_killed_servers_are_healed_for_the_next_test(
    workspace: Workspace, kafka: Server, mongo: Server, round_: int
) -> None:
    workspace.create_topic()
    workspace.documents["x"].insert_one({"_id": 1})
    kafka.kill()
    mongo.freeze()
