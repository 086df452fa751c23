"""Sends orders to the log, where they are safe; that they are counted is somebody else's work, which an import waits for."""

import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from subprocess import Popen

import beside
import place
from bson import Int64
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from order_log import OrderLog
from place import STAGE, Place
from pymongo import IndexModel
from pymongo.errors import PyMongoError

from common import progress
from common.kafka import TopicMissingError, admin_client, describe_topic, expected_config
from common.mongo import sync_client
from common.settings import KafkaSettings
from study.kit import importing
from study.kit.orders import Order
from study.kit.settings import Settings, StartError

KAFKA_S = 30.0
# With nothing counted for so long, nobody counts.
PATIENCE_S = 30.0
LOOK_S = 0.02

# Of all tenants in a period. It holds all that the league table needs, so that the documents are not visited, which are
# large. All other questions name their documents.
IN_PERIOD = IndexModel(["period", "tenant", "orders", "units"], name="in_period")


class StreamImporter:
    def __init__(self, where: Place) -> None:
        self._place, self._open = where, ExitStack()
        self._client = self._open.enter_context(sync_client(where.mongo, "study-importer"))
        self._database = self._client[where.mongo.database]
        self._folding: Popen[bytes] | None = None
        self._log: OrderLog | None = None
        try:
            self._client.admin.command("ping")
        except PyMongoError as error:
            self._open.close()
            raise StartError(f"MongoDB does not answer: {error}") from error

    def prepare(self) -> None:
        """A topic of its own for each import: one that is made again under the same name may not be gone yet."""
        name = self._place.mongo.database
        log = self._place.log(f"{name}-{uuid.uuid4().hex[:8]}")
        admin = admin_client(log, "study-importer-admin")
        for position in self._database[progress.POSITIONS].find({"partition": 0}):
            _remove_topic(admin, position["topic"])
        self._client.drop_database(self._database)
        topic_id = _make_topic(admin, log)
        # Whatever a transaction writes to is there before: to make it inside would be in the way of others.
        for collection in ("hours", "periods", progress.SESSIONS, progress.QUARANTINE):
            self._database.create_collection(collection)
        self._database["periods"].create_indexes([IN_PERIOD])
        self._database[progress.POSITIONS].insert_many(
            [
                {
                    "_id": progress.position_id(topic_id, number),
                    "topic": log.topic,
                    "topic_id": topic_id,
                    "partition": number,
                    "next_offset": Int64(0),
                    "generation": Int64(0),
                    "created_at": datetime.now(UTC),
                }
                for number in range(log.partitions)
            ]
        )
        self._folding = self._open.enter_context(beside.folding())

    def add(self, orders: Sequence[Order]) -> None:
        """Acknowledged by the log when it returns, and soon counted."""
        if self._log is None:
            self._log = OrderLog(self._place.log(place.topic_of(self._database)))
        for order in orders:
            self._log.send(order)
        self._log.flush()

    def finish(self) -> None:
        if not self._is_counted():
            raise StartError("what was sent is not counted: the program that counts does not get on")

    def size(self) -> int:
        """The documents, and the log, as far as its records say: it is kept for two weeks."""
        self._client.admin.command("fsync")  # what is in memory alone has no size yet
        return int(self._database.command("dbStats")["totalSize"]) + (self._log.sent_bytes if self._log else 0)

    def close(self) -> None:
        """Waits until all it has sent is counted, if somebody counts."""
        try:
            if not self._is_counted():
                sys.stderr.write("sent, but not counted yet: is there a backend?\n")
        finally:
            self._open.close()

    def _is_counted(self) -> bool:
        seen, since = -1, time.monotonic()
        while missing := self._missing():
            if missing != seen:
                seen, since = missing, time.monotonic()
            gone = self._folding is not None and self._folding.poll() is not None
            if gone or time.monotonic() - since > PATIENCE_S:
                return False
            time.sleep(LOOK_S)
        return True

    def _missing(self) -> int:
        """How many records were acknowledged here that no document has yet."""
        if self._log is None or not self._log.ends:
            return 0
        found = self._database[progress.POSITIONS].find()
        counted = {position["partition"]: int(position["next_offset"]) for position in found}
        return sum(max(0, end - counted.get(number, 0)) for number, end in self._log.ends.items())


def _make_topic(admin: AdminClient, log: KafkaSettings) -> str:
    """Returns its id."""
    topic = NewTopic(log.topic, log.partitions, log.replication, config=expected_config(log))
    try:
        admin.create_topics([topic])[log.topic].result(KAFKA_S)
        return _id_of(admin, log.topic)
    except (KafkaException, TopicMissingError) as error:
        raise StartError(f"Kafka does not make the topic: {error}") from error


def _id_of(admin: AdminClient, topic: str) -> str:
    """Of a topic that was made just now: the broker that is asked may not have heard of it."""
    deadline = time.monotonic() + KAFKA_S
    while True:
        try:
            return describe_topic(admin, topic, KAFKA_S).topic_id
        except TopicMissingError:
            if time.monotonic() > deadline:
                raise
        time.sleep(LOOK_S)


def _remove_topic(admin: AdminClient, name: str) -> None:
    try:
        admin.delete_topics([name])[name].result(KAFKA_S)
    except KafkaException as error:
        sys.stderr.write(f"topic {name} of the import before is not removed: {error}\n")


def open_importer(settings: Settings) -> StreamImporter:
    return StreamImporter(place.of(settings))


if __name__ == "__main__":
    sys.exit(importing.main(STAGE, open_importer))
