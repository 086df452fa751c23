"""What can happen to a topic behind everybody's back: its beginning expires, or it is removed and made again."""

from confluent_kafka import TopicPartition

from tests.support.eventually import eventually
from tests.support.workspace import Workspace


def expire(workspace: Workspace, partition: int, before: int) -> None:
    """The records before that offset are gone, as when retention passed."""
    client = workspace.admin()
    place = TopicPartition(workspace.name, partition, before)
    client.delete_records([place])[place].result(30)


def make_anew(workspace: Workspace) -> None:
    """The topic of the same name is another one now, and empty."""
    client = workspace.admin()
    client.delete_topics([workspace.name])[workspace.name].result(30)
    eventually(lambda: workspace.name not in client.list_topics(timeout=5).topics)
    workspace.create_topic()
