"""Aggregators in memory: the real loop, partitions and store between a topic and a database that a test breaks by hand."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from bson import Int64

from aggregator.consumer import Consumer
from aggregator.pack_stream import PackStream
from aggregator.positions import Place
from aggregator.records import Record
from aggregator.store import Store
from common import documents, progress
from common.events import Event, encode
from tests.support.fake_log import FakeLog
from tests.support.fake_mongo import FakeMongo
from tests.support.made_events import START_MS

TOPIC_ID = "topic-id"
COUNTED = (
    documents.KEYDATA,
    documents.KEYDATA_HOURS,
    documents.CARTON_DAYS,
    documents.CARTON_LISTS,
    documents.TOTALS,
    documents.TOTALS_HOURS,
)


def database(partitions: int = 1) -> FakeMongo:
    """A database with the positions that `admin init` makes."""
    mongo = FakeMongo()
    for number in range(partitions):
        mongo.documents.setdefault(progress.POSITIONS, {})[f"{TOPIC_ID}:{number}"] = {
            "_id": f"{TOPIC_ID}:{number}",
            "topic": "pack-stats",
            "topic_id": TOPIC_ID,
            "partition": number,
            "next_offset": Int64(0),
            "generation": Int64(0),
            "created_at": datetime(2025, 1, 1, tzinfo=UTC),
        }
    return mongo


def store_of(mongo: FakeMongo, owner: str = "a") -> Store:
    return Store(mongo.client, "packstats", Place("pack-stats", TOPIC_ID, owner))


class Member:
    """One aggregator. Members of one group share the database and the records of the log."""

    def __init__(
        self,
        mongo: FakeMongo,
        records: dict[int, list[Record]],
        partitions: int = 1,
        interval_s: float = 0.0,
        name: str = "a",
    ) -> None:
        self.mongo = mongo
        self.log = FakeLog(records)
        self.store = store_of(mongo, name)
        self.consumer = Consumer(self.log, self.store, PackStream(partitions), partitions, interval_s)
        self.log.subscribe(self.consumer.holdings)

    def turn(self, times: int = 1) -> "Member":
        for _ in range(times):
            self.consumer.turn()
        return self

    def write(self, events: Iterable[Event], log_ms: int = START_MS, leader_epoch: int | None = 0) -> None:
        for event in events:
            self.log.append(event.partition, encode(event), log_ms=log_ms, leader_epoch=leader_epoch)

    def position(self, partition: int = 0) -> dict[str, Any]:
        return self.mongo.documents[progress.POSITIONS][f"{TOPIC_ID}:{partition}"]


def counted(mongo: FakeMongo) -> dict[str, dict[Any, bytes]]:
    """What the members have counted, to the last bit."""
    dump = mongo.dump()
    return {name: dump[name] for name in COUNTED if name in dump}


def numbers(mongo: FakeMongo, collection: str) -> dict[Any, dict[str, int]]:
    """The counters of each document by their paths, without those that are 0."""
    found = mongo.documents.get(collection, {})
    return {key: _flat(document) for key, document in found.items() if _flat(document)}


def _flat(document: dict[str, Any], prefix: str = "") -> dict[str, int]:
    flat: dict[str, int] = {}
    for name, value in document.items():
        path = f"{prefix}{name}"
        if path in {"_id", "partition", documents.LATENCY_MAX, documents.LATENCY_MEAN}:
            continue
        if isinstance(value, dict):
            flat |= _flat(value, f"{path}.")
        elif isinstance(value, int) and value:
            flat[path] = int(value)
        elif hasattr(value, "to_decimal") and int(value.to_decimal()):
            flat[path] = int(value.to_decimal())
    return flat


def added_up(all_numbers: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in all_numbers:
        for path, value in one.items():
            total[path] = total.get(path, 0) + value
    return {path: value for path, value in total.items() if value}
