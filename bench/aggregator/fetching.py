"""How every peer fetches from Kafka: as the product does, so that what is compared is what comes after."""

from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from aggregator.kafka_log import FETCHING
from aggregator.partition import HEADROOM

POLL_S = 0.2
SETTINGS: dict[str, str | int | float | bool] = {**FETCHING}


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
            found = consumer.consume(HEADROOM, POLL_S)
            for message in found:
                if (error := message.error()) is not None:
                    raise KafkaException(error)
            seen += len(found)
            yield found
    finally:
        consumer.close()
