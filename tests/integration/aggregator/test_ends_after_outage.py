"""Where partitions end is known again soon after their leaders changed: lag, freshness and the watchdog live on it."""

import pytest

from aggregator.kafka_log import KafkaLog
from common.kafka import admin_client, describe_topic
from common.settings import KafkaSettings
from tests.support.eventually import eventually
from tests.support.servers import Server
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration


def test_ends_are_known_again_after_the_broker_was_away(workspace: Workspace, kafka: Server) -> None:
    workspace.create_topic()
    settings = KafkaSettings(
        bootstrap_servers=workspace.bootstrap_servers,
        topic=workspace.name,
        group=workspace.name,
        partitions=workspace.partitions,
    )
    admin = admin_client(settings, "test")
    log = KafkaLog(settings, admin, "test", describe_topic(admin, settings.topic, 10).topic_id)

    def is_known() -> bool:
        log.ask_ends([0])
        return 0 in log.answered_ends()

    try:
        eventually(is_known)
        kafka.stop()
        kafka.start()  # every partition has a leader of a new epoch
        # Once is not enough: the client forgets the old leader with its first question, and has to find the new one.
        for _ in range(3):
            eventually(is_known, 20, every_s=0.2)
    finally:
        log.close()
