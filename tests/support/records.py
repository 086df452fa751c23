"""Records that a test puts into the topic itself: events that no proxy made, and things that are no events."""

from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from common.events import SCHEMA, PackEvent, encode
from common.identity import new_session
from common.topic import partition_of
from tests.support.workspace import Workspace


def pack_event(workspace: Workspace, keystem: str, **changes: Any) -> PackEvent:
    """A pack of that keystem as a proxy would report it, from a session of its own."""
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "session": new_session(),
        "partition": partition_of(keystem, workspace.partitions),
        "seq": 1,
        "keystem": keystem,
        "keystem_from": "answer",
        "occurred_at": datetime.now(UTC),
        "latency_ns": 5_000_000,
        "outcome": "packed",
        "status": 200,
        "items": 3,
        "boxes": 1,
    }
    return PackEvent(**fields | changes)


def produce(workspace: Workspace, partition: int, value: bytes | None, key: bytes | None = None) -> int:
    """Put one record into a partition; its offset, once Kafka has it."""
    delivered: list[tuple[KafkaError | None, Message]] = []
    producer = Producer({"bootstrap.servers": workspace.bootstrap_servers, "acks": "all", "log_level": 0})
    producer.produce(
        workspace.name, value, key, partition, on_delivery=lambda error, message: delivered.append((error, message))
    )
    assert producer.flush(20) == 0, "Kafka does not take the record"
    error, message = delivered[0]
    assert error is None, error
    offset = message.offset()
    assert offset is not None
    return offset


def produce_event(workspace: Workspace, event: PackEvent) -> int:
    return produce(workspace, event.partition, encode(event), event.keystem.encode())
