"""Follows the topic past all links while it is written, so that it is known at any moment which events are in the log."""

import threading

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from common.events import decode_identity, event_id
from tests.support.workspace import Workspace


class Tail:
    """`seen` may be read from any thread; it only grows."""

    def __init__(self, bootstrap_servers: str, workspace: Workspace) -> None:
        self.seen: set[str] = set()
        self.records = 0  # those that were sent again are counted again
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": f"{workspace.name}-tail",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        self._consumer.assign([TopicPartition(workspace.name, number, 0) for number in range(workspace.partitions)])
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                found = self._consumer.consume(500, 0.2)
            except KafkaException:
                continue  # a broker that is broken on purpose
            for message in found:
                self._take(message)

    def _take(self, message: Message) -> None:
        if message.error() is not None:
            return
        self.records += 1
        identity = decode_identity(message.value() or b"")
        if identity is not None:
            self.seen.add(event_id(identity.session, identity.partition, identity.seq))
