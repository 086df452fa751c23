"""The aggregator as a user of Quix Streams would write it: totals per keystem in its state, its sink to MongoDB.

`python quix_app.py stock|compacting '{"broker": …, "topic": …, "group": …, "mongo_host": …, "mongo_port": …, "database": …,
"state_dir": …, "events": …, "fetching": {…}}'`, with Quix Streams installed; knows nothing of packstats. `stock` is
Quix's own MongoDB sink, which writes each state; `compacting` writes the newest state of each keystem once a commit.

It leaves out hours, days, cartons, percentiles, the total of all, deletes, quarantine and the sequence numbers seen: a
record that is read again, or sent again by a proxy, is counted again (at least once is what its documentation promises).
"""

import json
import sys
import time
from typing import Any

from pymongo import MongoClient, ReplaceOne
from quixstreams import Application, State
from quixstreams.sinks import BatchingSink, SinkBatch
from quixstreams.sinks.community.mongodb import MongoDBSink

COMMIT_EVERY_S = 1.0  # as the product flushes
COLLECTION = "keydata"


class Stopwatch:
    began = 0.0
    ended = 0.0
    events = 0


class StockSink(MongoDBSink):  # type: ignore[misc]  # types are in the peers' environment
    """Quix's own, with a look at the clock."""

    def flush(self) -> None:
        super().flush()
        Stopwatch.ended = time.time()


class CompactingSink(BatchingSink):  # type: ignore[misc]  # likewise
    """Writes only what is newest of each keystem: states are whole, so those before it are of no use."""

    def __init__(self, uri: str, database: str) -> None:
        super().__init__()
        self._uri, self._database = uri, database

    def setup(self) -> None:
        self._collection = MongoClient[dict[str, Any]](self._uri)[self._database][COLLECTION]

    def write(self, batch: SinkBatch) -> None:
        newest = {item.key: item.value for item in batch}
        updates = [ReplaceOne({"_id": key}, value, upsert=True) for key, value in newest.items()]
        self._collection.bulk_write(updates, ordered=False)

    def flush(self) -> None:
        super().flush()
        Stopwatch.ended = time.time()


def counted(event: dict[str, Any], state: State) -> dict[str, Any]:
    """The totals of the event's keystem with it: about what the first reading API shows."""
    if not Stopwatch.events:
        Stopwatch.began = time.time()
    Stopwatch.events += 1
    totals = state.get("totals") or {
        "requests": 0,
        "packs": 0,
        "errors": 0,
        "cache_hits": 0,
        "items": 0,
        "volume": 0.0,
        "utilization": 0.0,
        "statuses": {},
        "box_types": {},
        "latency_n": 0,
        "latency": 0,
        "latency_max": 0,
        "latency_max_at": None,
    }
    totals["requests"] += 1
    status = str(event.get("status", 0))
    totals["statuses"][status] = totals["statuses"].get(status, 0) + 1
    if event.get("cache") == "hit":
        totals["cache_hits"] += 1
    elif (latency := event.get("latency_ns")) is not None:
        totals["latency_n"] += 1
        totals["latency"] += latency
        if latency > totals["latency_max"]:
            totals["latency_max"], totals["latency_max_at"] = latency, event["occurred_at"]
    if event["outcome"] == "packed":
        count_pack(totals, event)
    else:
        totals["errors"] += 1
    state.set("totals", totals)
    return totals


def count_pack(totals: dict[str, Any], event: dict[str, Any]) -> None:
    totals["packs"] += 1
    totals["items"] += event.get("items") or 0
    totals["volume"] += event.get("volume") or 0
    totals["utilization"] += event.get("utilization") or 0
    for name, boxes in (event.get("box_types") or {}).items():
        totals["box_types"][name] = totals["box_types"].get(name, 0) + boxes


def sink(kind: str, options: dict[str, Any]) -> BatchingSink:
    host, port, database = options["mongo_host"], options["mongo_port"], options["database"]
    if kind == "stock":
        return StockSink(host, database, COLLECTION, port=port, directConnection=True)
    return CompactingSink(f"mongodb://{host}:{port}/?directConnection=true", database)


def main() -> None:
    kind, options = sys.argv[1], json.loads(sys.argv[2])
    application = Application(
        options["broker"],
        consumer_group=options["group"],
        auto_offset_reset="earliest",
        commit_interval=COMMIT_EVERY_S,
        consumer_extra_config=options["fetching"],
        state_dir=options["state_dir"],
        loglevel="WARNING",
    )
    topic = application.topic(options["topic"], key_deserializer="string", value_deserializer="json")
    application.dataframe(topic).apply(counted, stateful=True).sink(sink(kind, options))
    application.run(count=options["events"])
    print(
        json.dumps({"began": Stopwatch.began, "ended": Stopwatch.ended, "events": Stopwatch.events})
    )  # the answer of this process


if __name__ == "__main__":
    main()
