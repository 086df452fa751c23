"""What a ledger is compared with, read where it really is: the events in the log and the counters in the documents."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from bson import Decimal128
from confluent_kafka import Consumer, KafkaError, TopicPartition

from common import documents, progress
from common.events import PackEvent, decode
from tests.support.eventually import eventually
from tests.support.ledger import MAPS, PATHS, Counted, Sums
from tests.support.services import Service
from tests.support.web import get
from tests.support.workspace import Workspace


def events_of(workspace: Workspace) -> list[PackEvent]:
    """The packs in the topic, in the order of their partitions and offsets, re-sent ones as often as they are there."""
    events = (decode(value) for value in values_of(workspace))
    return [event for event in events if isinstance(event, PackEvent)]


def values_of(workspace: Workspace) -> Iterator[bytes]:
    """The value of every record that is in the topic now."""
    consumer = _consumer(workspace)
    try:
        ends = dict(_ends(consumer, workspace))
        consumer.assign([TopicPartition(workspace.name, number, 0) for number, end in ends.items() if end])
        left = {number for number, end in ends.items() if end}
        while left:
            message = consumer.poll(10)
            assert message is not None, f"the topic gives no more, {left} are not at their ends"
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                continue
            yield message.value() or b""
            number, offset = message.partition(), message.offset()
            assert number is not None
            assert offset is not None
            if offset + 1 >= ends[number]:
                left.discard(number)
    finally:
        consumer.close()


def ends_of(workspace: Workspace) -> dict[int, int]:
    """Where the log of each partition ends."""
    consumer = _consumer(workspace)
    try:
        return dict(_ends(consumer, workspace))
    finally:
        consumer.close()


def _consumer(workspace: Workspace) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": workspace.bootstrap_servers,
            "group.id": f"{workspace.name}-evidence",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "log_level": 0,
        }
    )


def _ends(consumer: Consumer, workspace: Workspace) -> Iterator[tuple[int, int]]:
    for number in range(workspace.partitions):
        bounds = consumer.get_watermark_offsets(TopicPartition(workspace.name, number), timeout=20)
        assert bounds is not None
        yield number, bounds[1]


def positions_of(workspace: Workspace) -> dict[int, int]:
    found = workspace.documents[progress.POSITIONS].find({}, {"partition": 1, "next_offset": 1})
    return {int(position["partition"]): int(position["next_offset"]) for position in found}


def wait_settled(workspace: Workspace, proxies: Iterable[Service], deadline_s: float = 60) -> None:
    """Until the spools are empty and everything in the topic is in the documents."""
    for proxy in proxies:
        eventually(lambda proxy=proxy: _is_drained(proxy), deadline_s, every_s=0.2)  # type: ignore[misc]  # bound now

    def folded() -> bool:
        positions, ends = positions_of(workspace), ends_of(workspace)
        behind = [
            f"{number} at {positions.get(number)} of {end}"
            for number, end in ends.items()
            if positions.get(number) != end
        ]
        if behind or positions.keys() != ends.keys():
            raise AssertionError(f"partitions are behind: {', '.join(behind)}")  # a comparison would print pages of it
        return True

    eventually(folded, deadline_s, every_s=0.2)


def _is_drained(proxy: Service) -> bool:
    spool = get(f"{proxy.url}/readyz").json["spool"]
    assert (spool["waiting"], spool["orphans"]) == (0, []), spool
    return True


def counted_in(workspace: Workspace) -> Counted:
    """The counters of the workspace's documents."""
    database = workspace.documents
    totals = [sums_of(document) for document in database[documents.TOTALS].find()]
    everything_hours: defaultdict[datetime, Sums] = defaultdict(Counter)
    for document in database[documents.TOTALS_HOURS].find():
        everything_hours[document["_id"]["h"]].update(sums_of(document))
    everything: Sums = Counter()
    for part in totals:
        everything.update(part)
    return Counted(
        keystems={document["_id"]: sums_of(document) for document in database[documents.KEYDATA].find()},
        hours={
            (document["_id"]["k"], document["_id"]["h"]): sums_of(document)
            for document in database[documents.KEYDATA_HOURS].find()
        },
        everything=everything,
        everything_hours=everything_hours,
    )


def sums_of(document: Mapping[str, Any]) -> Sums:
    """The counters of one document by their paths."""
    sums: Sums = Counter({path: _whole(_at(document, path)) for path in PATHS})
    for name in MAPS:
        for key, value in document.get(name, {}).items():
            sums[f"{name}.{documents.unescape(key)}"] = _whole(value)
    return sums


def _at(document: Mapping[str, Any], path: str) -> Any:
    found: Any = document
    for name in path.split("."):
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found


def _whole(value: Any) -> int:
    if isinstance(value, Decimal128):
        return int(value.to_decimal())
    return int(value) if isinstance(value, int) else 0


def api_disagreements(proxy: Service, counted: Counted) -> list[str]:
    """Where the API says something else than the documents: per keystem, in its hours, and in all."""
    found = []
    for keystem, sums in counted.keystems.items():
        one = get(f"{proxy.url}/api/keydata/{keystem}").json
        hours = get(f"{proxy.url}/api/keydata/{keystem}/hours").json["hours"]
        found += _disagreements(keystem, sums, one)
        found += _disagreements(f"{keystem}, hours", sums, _hours_added(hours))
    everything = get(f"{proxy.url}/api/keydata/all").json
    found += _disagreements("all", counted.everything, everything)
    hours = get(f"{proxy.url}/api/keydata/all/hours").json["hours"]
    found += _disagreements("all, hours", counted.everything, _hours_added(hours))
    return found


_SHOWN = {"requests": "totalRequests", "packs": "totalPacks", "items": "totalItems"}


def _hours_added(hours: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: sum(hour[name] for hour in hours) for name in _SHOWN.values()}


def _disagreements(what: str, sums: Sums, shown: Mapping[str, Any]) -> list[str]:
    return [
        f"{what}: the API says {name} {shown.get(name)}, the documents {sums[path]}"
        for path, name in _SHOWN.items()
        if shown.get(name) != sums[path]
    ]
