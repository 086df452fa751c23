"""Puts many records into a workspace's topic at once, in the order given, as a proxy would."""

from collections.abc import Iterable

from confluent_kafka import KafkaError, Message, Producer

from common.events import Event, encode
from tests.support.workspace import Workspace


def feed(workspace: Workspace, events: Iterable[Event]) -> None:
    feed_values(workspace, ((event.partition, encode(event)) for event in events))


def feed_values(workspace: Workspace, values: Iterable[tuple[int, bytes]]) -> None:
    """Returns once Kafka has them all."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error)

    settings = {"bootstrap.servers": workspace.bootstrap_servers, "enable.idempotence": True, "log_level": 0}
    producer = Producer(settings)
    for partition, value in values:
        producer.produce(workspace.name, value, b"key", partition, on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(30) == 0, "Kafka does not take the records"
    assert not failed, failed
