"""A log that may take a record without saying so, and producers and fetches that lose what they carry."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message

from aggregator.records import Record
from proxy.kafka_link import KafkaProducer
from tests.support.fake_log import FakeLog

PARTITIONS = 2  # enough for several to be written together, and for one of them to go
REFUSED = KafkaError(KafkaError._TRANSPORT)
Report = Callable[[Any, Any], None]


@dataclass(slots=True)
class Broker:
    """Partitions by number, and what is still on its way to them from producers that were given up."""

    chance: Random
    trace: Counter[str]
    log_ms: int
    records: dict[int, list[Record]] = field(default_factory=dict)
    late: list[tuple[int, bytes]] = field(default_factory=list)

    def append(self, partition: int, value: bytes) -> None:
        log = self.records.setdefault(partition, [])
        log.append(Record(len(log), self.log_ms, 0, b"k", value))

    def land_late(self) -> None:
        """A record arrives that its producer no longer waits for."""
        if self.late:
            self.trace["late write"] += 1
            self.append(*self.late.pop(self.chance.randrange(len(self.late))))

    def length(self, partition: int) -> int:
        return len(self.records.get(partition, []))


class Producer:
    """Each record is acknowledged, taken without a word, refused, or left on its way."""

    def __init__(self, broker: Broker, calm: Callable[[], bool]) -> None:
        self._broker = broker
        self._calm = calm
        self._on_way: list[tuple[int, bytes, Report]] = []

    def produce(self, topic: str, *, value: bytes, key: bytes, partition: int, on_delivery: Report) -> None:
        del topic, key
        if not self._calm() and self._broker.chance.random() < 0.03:
            self._broker.trace["producer's queue full"] += 1
            raise BufferError
        self._on_way.append((partition, value, on_delivery))

    def poll(self, timeout: float) -> int:
        del timeout
        chance = self._broker.chance
        if not self._calm() and chance.random() < 0.02:
            self._broker.trace["producer fatal"] += 1
            raise KafkaException(REFUSED)
        on_way, self._on_way = self._on_way, []
        for partition, value, report in on_way:
            fate = 0.0 if self._calm() else chance.random()
            if fate < 0.7:
                self._broker.append(partition, value)
                report(None, None)
            elif fate < 0.8:
                self._broker.trace["taken, not acknowledged"] += 1
                self._broker.append(partition, value)
                report(REFUSED, None)
            elif fate < 0.9:
                self._broker.trace["refused"] += 1
                report(REFUSED, None)
            else:
                self._on_way.append((partition, value, report))
        return 0

    def purge(self) -> None:
        """Given up: what is on its way may still arrive, at any time, and a report may still come."""
        on_way, self._on_way = self._on_way, []
        for partition, value, report in on_way:
            fate = self._broker.chance.random()
            if fate < 0.4:
                self._broker.late.append((partition, value))
            elif fate < 0.7:
                self._broker.trace["acknowledged after it was given up"] += 1
                self._broker.append(partition, value)
                report(None, None)
            else:
                report(REFUSED, None)

    def list_topics(self, topic: str, timeout: float) -> object:
        return {}


class Link:
    """A proxy's way to the broker."""

    topic = "pack-stats"

    def __init__(self, broker: Broker, calm: Callable[[], bool]) -> None:
        self._broker = broker
        self._calm = calm

    def connect(self, on_error: object) -> Producer:
        del on_error
        return Producer(self._broker, self._calm)

    def problems(self) -> list[str]:
        if not self._calm() and self._broker.chance.random() < 0.1:
            raise KafkaException(REFUSED)
        return []

    def dispose(self, producer: KafkaProducer) -> None:
        producer.purge()


class Fetches(FakeLog):
    """A member's fetches: a few records at a time, and now and then one is destroyed on its way."""

    def __init__(self, broker: Broker, calm: Callable[[], bool]) -> None:
        super().__init__(broker.records)
        self._broker = broker
        self._calm = calm

    @property
    def is_telling(self) -> bool:
        """Whether the owner will be told of an assignment in the next poll."""
        return bool(self._told)

    def consume(self, at_most: int, timeout_s: float) -> list[Message]:
        chance = self._broker.chance
        if not self._calm() and self.fetches and chance.random() < 0.06:
            self._broker.trace["record destroyed in the poll"] += 1
            self.lose(chance.choice(list(self.fetches)), chance.randrange(1, 3))
        return super().consume(min(at_most, chance.randrange(1, 9)), timeout_s)
