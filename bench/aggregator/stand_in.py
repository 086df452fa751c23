"""Peers that stop half-way, each as a process: `python -m bench.aggregator.stand_in consume|fold SERVERS TOPIC PARTITIONS COUNT`.

`consume` throws records away as they come: what Kafka's client can do. `fold` reads and folds them with the product's own
decoder and counters and throws those away: what an aggregator could do if its documents cost nothing. Neither keeps a
position or knows a duplicate. Prints when the first records were there, and when the last were done with.
"""

import json
import sys
import time
from collections.abc import Callable

from confluent_kafka import Message

from aggregator.kafka_log import record_of
from aggregator.pack_stream import PackStream
from aggregator.partition import MAX_CHANGE_BYTES, MAX_RECORDS, WEIGH_EVERY
from aggregator.records import Batch, Foldable
from bench.aggregator.fetching import Topic, batches


class Folding:
    """A batch for each partition, begun anew when it is as large as the product lets one grow."""

    def __init__(self, partitions: int) -> None:
        self._stream = PackStream(partitions)
        self._batches: dict[int, tuple[Batch, int]] = {}

    def take(self, messages: list[Message]) -> None:
        for message in messages:
            record, partition = record_of(message), message.partition() or 0
            batch, size = self._batches.get(partition) or (self._stream.new_batch(partition), 0)
            reading = self._stream.read(record, partition)
            if not isinstance(reading, Foldable):
                raise TypeError(f"offset {record.offset} of partition {partition}: {reading}")
            batch.add(reading, record.log_ms)
            if size + 1 >= MAX_RECORDS or (size % WEIGH_EVERY == 0 and batch.size_bytes() >= MAX_CHANGE_BYTES):
                batch, size = self._stream.new_batch(partition), -1
            self._batches[partition] = batch, size + 1


def measured(topic: Topic, count: int, take: Callable[[list[Message]], None]) -> dict[str, float]:
    began, events = time.time(), 0
    for messages in batches(topic, count):
        if not events:
            began = time.time()
        take(messages)
        events += len(messages)
    return {"began": began, "ended": time.time(), "events": events}


def main() -> None:
    what, servers, name, partitions, count = sys.argv[1:]
    topic = Topic(servers, name, int(partitions))
    take = Folding(topic.partitions).take if what == "fold" else lambda _messages: None
    print(json.dumps(measured(topic, int(count), take)))  # the answer of this process


if __name__ == "__main__":
    main()
