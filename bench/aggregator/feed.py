"""A topic full of events, made once and read by every peer of a measurement, from its beginning, in every round."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from confluent_kafka import KafkaError, Message, Producer

from bench.aggregator.fetching import Topic
from bench.aggregator.templates import templates
from bench.aggregator.traffic import Record, Shape, Traffic
from bench.errors import BenchError
from bench.site import Site
from common.events import PackEvent

EVENTS, EVENTS_QUICK = 720_000, 60_000  # an hour at 200 packs/s
EVENTS_OF_MANY = 240_000  # 20 minutes: of many facilities each event costs more
MANY = 10_000  # facilities
TEMPLATES, TEMPLATES_QUICK = 40, 10  # of each carton list
_FLUSH_S = 120


@dataclass(frozen=True, slots=True)
class Feed:
    topic: Topic
    env: dict[str, str]  # of its workspace; its database stays empty
    keystems: int
    events: int
    value_bytes: float  # mean
    sizes: dict[str, float] = field(default_factory=dict)  # of the documents that the product made of it last


@dataclass(slots=True)
class Feeds:
    """The feeds of one site, each made when it is first asked for."""

    site: Site
    _feeds: dict[int, Feed] = field(default_factory=dict)
    _templates: list[list[PackEvent]] = field(default_factory=list)

    @property
    def events(self) -> int:
        return int(self.site.seconds(EVENTS, EVENTS_QUICK))

    def events_of(self, keystems: int) -> int:
        """How many events the feed of so many facilities has."""
        return min(self.events, EVENTS_OF_MANY) if keystems > MANY else self.events

    def templates(self) -> list[list[PackEvent]]:
        if not self._templates:
            self._templates = templates(self.site, int(self.site.seconds(TEMPLATES, TEMPLATES_QUICK)))
        return self._templates

    def of(self, keystems: int) -> Feed:
        """Events of at most the hour before now, of so many keystems."""
        if keystems not in self._feeds:
            self._feeds[keystems] = self._made(keystems)
        return self._feeds[keystems]

    def traffic(self, shape: Shape, start: datetime) -> Traffic:
        return Traffic(shape, self.templates(), start, self.site.seed)

    def _made(self, keystems: int) -> Feed:
        with self.site.workspace() as workspace:
            env = dict(workspace.env)
        topic = Topic(env["KAFKA__BOOTSTRAP_SERVERS"], env["KAFKA__TOPIC"], int(env["KAFKA__PARTITIONS"]))
        shape, events = Shape(keystems, topic.partitions), self.events_of(keystems)
        start = datetime.now(UTC) - timedelta(seconds=events / shape.rate_per_s)
        size = produce(topic, self.traffic(shape, start).records(events))
        return Feed(topic, env, keystems, events, size / events)


def produce(topic: Topic, records: Iterable[Record]) -> int:
    """Put records into a topic in their order; the size of their values. BenchError where Kafka does not take all."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer(
        {
            "bootstrap.servers": topic.bootstrap_servers,
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 50,
            "queue.buffering.max.messages": 200_000,
            "log_level": 0,
        }
    )
    size = 0
    for record in records:
        size += len(record.value)
        while True:
            try:
                producer.produce(topic.name, record.value, record.key, record.partition, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    deadline = time.monotonic() + _FLUSH_S
    while producer.flush(1) and time.monotonic() < deadline:
        continue
    if failed or len(producer):
        raise BenchError(f"Kafka did not take the events: {failed[:1] or 'no answer'}")
    return size
