"""Documents as aggregators leave them, and the proxy that reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Decimal128, Int64

from common.documents import latency_bucket
from common.progress import position_id
from tests.support import web
from tests.support.services import Service
from tests.support.web import Reply
from tests.support.workspace import Workspace

HOUR = datetime(2025, 3, 25, 5, tzinfo=UTC)
AT = HOUR + timedelta(minutes=47, seconds=17, milliseconds=191)
TOPIC_ID = "current"


@dataclass(frozen=True, slots=True)
class Reading:
    workspace: Workspace
    proxy: Service

    def get(self, path: str) -> Reply:
        return web.get(self.proxy.url + path)

    def clear(self) -> None:
        documents = self.workspace.documents
        for name in documents.list_collection_names():
            documents[name].delete_many({})

    def insert(self, collection: str, *found: dict[str, Any]) -> None:
        self.workspace.documents[collection].insert_many(found)

    def insert_positions(self, **fields: Any) -> None:
        """One for each partition, as of an aggregator that has caught up."""
        self.insert("positions", *(position(self.workspace, n, **fields) for n in range(self.workspace.partitions)))


def position(workspace: Workspace, partition: int, topic_id: str = TOPIC_ID, **fields: Any) -> dict[str, Any]:
    made = {
        "_id": position_id(topic_id, partition),
        "topic": workspace.name,
        "topic_id": topic_id,
        "partition": partition,
        "next_offset": Int64(10),
        "generation": Int64(0),
        "created_at": HOUR,
        "end_offset": Int64(10),
        "caught_up_at": AT,
        "log_time": HOUR,
    }
    return {**made, **fields}


def counted(
    packs: int = 1, latencies: Sequence[int] = (), keystem: str = "k", at: datetime = AT, volume: int = 17280
) -> dict[str, Any]:
    """The counters of so many packs of the documented kind: 23 items in 12 boxes of one kind."""
    return {
        "requests": Int64(packs),
        "packs": Int64(packs),
        "outcomes": {"packed": Int64(packs)},
        "statuses": {"200": Int64(packs)},
        "cache": {"off": Int64(packs)},
        "items": Int64(23 * packs),
        "items_n": Int64(packs),
        "boxes": Int64(12 * packs),
        "volume": Decimal128(str(volume * 1_000_000 * packs)),
        "utilization": {"n": Int64(packs), "sum": Decimal128(str(369_965 * packs))},
        "box_types": {"0": Int64(12 * packs)},
        "first_seen": at,
        "last_seen": at,
        "latency": _latency(latencies, keystem, at),
    }


def facility(keystem: str, partition: int = 0, **fields: Any) -> dict[str, Any]:
    """A document of keydata, with its order key as the database computes it."""
    found = {"_id": keystem, "partition": partition, **counted(keystem=keystem, **fields)}
    latency = found["latency"]
    mean = Decimal128(latency["sum"].to_decimal() / latency["n"]) if latency["n"] else None
    return {**found, "latency_mean": mean, "cartons": {"Small%2E1": {"count": Int64(12)}}}


def _latency(latencies: Sequence[int], keystem: str, at: datetime) -> dict[str, Any]:
    buckets: dict[str, Int64] = {}
    for ns in latencies:
        index = str(latency_bucket(ns))
        buckets[index] = Int64(buckets.get(index, 0) + 1)
    summed = {"n": Int64(len(latencies)), "sum": Decimal128(str(sum(latencies))), "buckets": buckets}
    if latencies:
        summed["max"] = {"ns": Int64(max(latencies)), "at": at, "keystem": keystem, "event_id": "s.0.1"}
    return summed
