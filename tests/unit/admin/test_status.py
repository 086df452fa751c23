"""What waits for a person is named, and what is not known is said to be unknown."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from rich.console import Console

from admin.settings import Settings
from admin.status import DocumentsStatus, PartitionStatus, ProxyStatus, Status, TopicStatus, attention, late, unsent
from admin.status_view import show
from common.settings import KafkaSettings

NOW = datetime(2025, 3, 25, 5, 0, tzinfo=UTC)


def partition(number: int, **fields: Any) -> PartitionStatus:
    usual: dict[str, Any] = {
        "partition": number,
        "topic_id": "t1",
        "next_offset": 7,
        "end_offset": 9,
        "lag": 2,
        "complete_until": NOW - timedelta(seconds=1.5),
        "owner": "aggregator-1",
        "generation": 0,
        "stopped": None,
        "stopped_detail": None,
        "stopped_at": None,
    }
    return PartitionStatus(**{**usual, **fields})


TOPIC = TopicStatus("pack-stats", topic_id="t1", end_offsets={0: 9, 1: 9})
HELD = DocumentsStatus(None, (partition(0), partition(1)), 300, 4, 0, 0)


@pytest.mark.parametrize(
    ("topic", "held", "named"),
    [
        (TOPIC, HELD, None),
        (TopicStatus("pack-stats", differences=("retention",)), HELD, "retention"),
        (
            TOPIC,
            DocumentsStatus(None, (partition(0), partition(1, stopped="gap", stopped_detail="lost 3")), 1, 1, 0, 0),
            "partition 1 is stopped: gap (lost 3)",
        ),
        (TOPIC, DocumentsStatus(None, (partition(0),), 1, 1, 0, 0), "1 partitions have no position"),
        (TOPIC, DocumentsStatus(None, (), 1, 1, 0, 0), "python -m admin init"),
        (
            TOPIC,
            DocumentsStatus(None, (partition(0, topic_id="t0"), partition(1, topic_id="t0")), 1, 1, 0, 0),
            "topic pack-stats was removed and made again",
        ),
        (TOPIC, DocumentsStatus(None, HELD.partitions, 1, 1, 3, 0), "3 records are in quarantine"),
        (TopicStatus("pack-stats", problem="away"), DocumentsStatus("away"), None),
    ],
)
def test_what_waits_for_a_person_is_named(topic: TopicStatus, held: DocumentsStatus, named: str | None) -> None:
    lines = attention(Settings(kafka=KafkaSettings(partitions=2)), topic, held)
    assert len(lines) == (0 if named is None else 1)
    assert named is None or named in lines[0]


@pytest.mark.parametrize(
    ("partitions", "named"),
    [
        ([partition(0), partition(1, lag=0, complete_until=None)], None),
        ([partition(0, complete_until=NOW - timedelta(minutes=1), stopped="gap")], None),
        (
            [
                partition(0, complete_until=NOW - timedelta(minutes=1)),
                partition(1, complete_until=NOW - timedelta(minutes=2), owner=None, lag=5),
            ],
            "2 partitions are late, partition 1 most: complete until 2025-03-25 04:58:00 UTC, 5 records behind, owner nobody",
        ),
        (
            [partition(0, complete_until=NOW - timedelta(minutes=1)), partition(1, complete_until=None)],
            "2 partitions are late, partition 1 most: complete until nobody knows when, 2 records behind, owner aggregator-1",
        ),
    ],
)
def test_late_partitions_are_one_line_with_the_worst_of_them(partitions: list[PartitionStatus], named: str) -> None:
    assert list(late(partitions, NOW)) == ([named] if named else [])


SENDING = {"state": "sending", "problem": None}


@pytest.mark.parametrize(
    ("spool", "kafka", "named"),
    [
        ({}, SENDING, None),
        ({"waiting": 3, "oldestSeconds": 29.0}, SENDING, None),
        ({"waiting": 3, "oldestSeconds": 31.0}, SENDING, "3 events wait in the proxy's spool, the oldest for 31 s"),
        ({"waiting": 3, "oldestSeconds": 1.0}, {"state": "unreachable", "problem": "refused"}, "for 1 s: refused"),
        ({"waiting": 0}, {"state": "unreachable", "problem": "refused"}, None),
        ({"refusing": "the spool is full"}, SENDING, "the proxy takes no packs: the spool is full"),
        ({"fill": 0.71}, SENDING, "71% full"),
        ({"orphans": ["slot-001"]}, SENDING, "wait in slot-001: python -m admin spool list"),
        ({"setAside": 2, "slot": "slot-000"}, SENDING, "2 events were too old to be sent"),
    ],
)
def test_what_keeps_the_proxy_from_its_work_is_named(spool: Any, kafka: Any, named: str | None) -> None:
    lines = list(unsent({"spool": spool, "kafka": kafka}))
    assert len(lines) == (0 if named is None else 1)
    assert named is None or named in lines[0]


def test_of_a_proxy_that_says_nothing_nothing_is_said() -> None:
    assert list(unsent({})) == []


def shown(found: Status) -> str:
    out = io.StringIO()
    show(found, Console(file=out, width=200), NOW)
    return out.getvalue()


def test_a_person_sees_lag_freshness_and_the_spool() -> None:
    spool = {
        "slot": "slot-000",
        "fill": 0.1234567,
        "oldestSeconds": None,
        "orphans": ["slot-001", "slot-002"],
        "none": [],
    }
    text = shown(
        Status(TOPIC, HELD, ProxyStatus("http://p", ready={"ready": True, "spool": spool}), 4, ("look [here]",))
    )
    for part in (
        "topic id t1",
        "1.5 s ago",
        "aggregator-1",
        "fill 0.123, oldestSeconds -, orphans slot-001, slot-002, none none",
        "http://p is ready",
        "attention: look [here]",
    ):
        assert part in text


def test_a_stopped_partition_is_shown_with_its_reason() -> None:
    held = DocumentsStatus(None, (partition(0, stopped="gap", stopped_detail="[3 lost]"),), 1, 1, 0, 0)
    assert "stopped: gap ([3 lost])" in shown(Status(TOPIC, held, ProxyStatus("http://p", "silent"), None, ()))


def test_what_is_not_known_is_unknown() -> None:
    found = Status(TopicStatus("t", "refused"), DocumentsStatus("away"), ProxyStatus("http://p", "silent"), None, ())
    text = shown(found)
    assert text.count("unknown") >= 5
    assert "http://p silent" in text
    assert "refused" in text


def test_a_proxy_that_is_not_ready_is_called_so() -> None:
    assert "is not ready" in shown(Status(TOPIC, HELD, ProxyStatus("http://p", ready={"ready": False}), 4, ()))


def test_an_old_or_missing_moment_is_written_out() -> None:
    held = DocumentsStatus(
        None, (partition(0, complete_until=NOW - timedelta(hours=1)), partition(1, complete_until=None)), 1, 1, 0, 0
    )
    text = shown(Status(TOPIC, held, ProxyStatus("http://p", "silent"), None, ()))
    assert "2025-03-25 04:00:00 UTC" in text
    assert "unknown" in text


def test_a_program_gets_all_of_it() -> None:
    found = Status(TOPIC, HELD, ProxyStatus("http://p", "silent"), 4, ())
    plain = json.loads(json.dumps(msgspec.to_builtins(found)))
    assert plain["documents"]["partitions"][0]["next_offset"] == 7
    assert plain["lag"] == 4
