"""Sends orders to the log; what it has sent is safe there before anybody has counted it."""

from collections import Counter
from datetime import UTC, datetime

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from order_stream import OrderEvent

from common.identity import new_session
from common.kafka import client_options
from common.settings import KafkaSettings
from common.topic import partition_of
from study.kit.orders import Order


class OrderLog:
    """One session of a producer. `ends` is behind the last record that was acknowledged, by partition."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        options = client_options(settings, "study-importer") | {"acks": "all", "enable.idempotence": True}
        self._producer = Producer(options)
        self._session, self._seqs = new_session(), Counter[int]()
        self._failure: KafkaError | None = None
        self.ends: dict[int, int] = {}
        self.sent_bytes = 0

    def send(self, order: Order) -> None:
        """On its way; `flush` says whether it has arrived."""
        partition = partition_of(order.tenant, self._settings.partitions)
        self._seqs[partition] += 1
        event = OrderEvent(self._session, self._seqs[partition], datetime.now(UTC), order)
        key, value = order.tenant.encode(), msgspec.json.encode(event)
        self.sent_bytes += len(key) + len(value)
        self._producer.produce(self._settings.topic, value, key, partition, on_delivery=self._delivered)

    def poll(self) -> None:
        self._producer.poll(0)

    def flush(self) -> None:
        """Until all that was sent is acknowledged. Raises KafkaException where it was not."""
        self._producer.flush()
        if self._failure is not None:
            raise KafkaException(self._failure)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if error is not None:
            self._failure = error
        elif partition is not None and offset is not None:
            self.ends[partition] = max(offset + 1, self.ends.get(partition, 0))
