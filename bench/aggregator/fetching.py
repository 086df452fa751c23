"""How every peer fetches from Kafka: as the product does, so that what is compared is what comes after."""

from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

AT_MOST = 5_000
POLL_S = 0.2

# As in aggregator/kafka_log.py; a test compares the two.
SETTINGS: dict[str, str | int | float | bool] = {
    "check.crcs": True,
    "fetch.wait.max.ms": 250,
    "queued.max.messages.kbytes": 16_384,
    "fetch.queue.backoff.ms": 10,
}


@dataclass(frozen=True, slots=True)
class Topic:
    bootstrap_servers: str
    name: str
    partitions: int


def batches(topic: Topic, count: int) -> Iterator[list[Message]]:
    """The first `count` records and the rest of the last batch, as they come, from the beginning of every partition."""
    consumer = Consumer(
        {
            **SETTINGS,
            "bootstrap.servers": topic.bootstrap_servers,
            "group.id": "bench",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
        }
    )
    try:
        consumer.assign([TopicPartition(topic.name, number, 0) for number in range(topic.partitions)])
        seen = 0
        while seen < count:
            found = consumer.consume(AT_MOST, POLL_S)
            for message in found:
                if (error := message.error()) is not None:
                    raise KafkaException(error)
            seen += len(found)
            yield found
    finally:
        consumer.close()
