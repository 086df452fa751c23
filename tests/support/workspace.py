"""A test's own corner of the shared servers: a topic, a group and a database that nobody else uses."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pymongo import MongoClient
from pymongo.database import Database

from common.topic import TOPIC_CONFIG
from tests.support.eventually import eventually

Documents = Database[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Workspace:
    bootstrap_servers: str
    mongo_uri: str
    name: str  # of topic, group and database alike
    partitions: int
    folder: Path
    client: "MongoClient[dict[str, Any]]"
    replication: int = 1

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def documents(self) -> Documents:
        """The database of this workspace."""
        return self.client[self.name]

    def env(self) -> dict[str, str]:
        """Settings that lead any of the processes here."""
        return {
            "KAFKA__BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "KAFKA__TOPIC": self.name,
            "KAFKA__GROUP": self.name,
            "KAFKA__PARTITIONS": str(self.partitions),
            "KAFKA__REPLICATION": str(self.replication),
            "MONGO__URI": self.mongo_uri,
            "MONGO__DATABASE": self.name,
        }

    def create_topic(self) -> None:
        """The topic alone, for tests that need no more of the pipeline than Kafka."""
        admin = self.admin()
        topic = NewTopic(self.name, self.partitions, self.replication, config=dict(TOPIC_CONFIG))
        admin.create_topics([topic])[self.name].result(30)
        eventually(lambda: len(admin.list_topics(self.name, timeout=5).topics[self.name].partitions) == self.partitions)

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})

    def drop(self) -> None:
        """Give everything back; the topic may never have been made."""
        self.client.drop_database(self.name)
        admin = self.admin()  # held until the answer has come: an admin client that nobody holds is destroyed
        try:
            admin.delete_topics([self.name])[self.name].result(30)
        except TimeoutError:
            return  # a broker that was frozen may lose what it passes on to its controller; it ends with the tests anyway
        except KafkaException as error:
            if error.args[0].name() != "UNKNOWN_TOPIC_OR_PART":
                raise


def unique_name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"
