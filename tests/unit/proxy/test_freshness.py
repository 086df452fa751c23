"""Positions → up to when an answer is complete, and how many events it lacks."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bson.int64 import Int64

from proxy.freshness import freshness, newest, position

AT = datetime(2025, 3, 25, 5, 0, tzinfo=UTC)


def document(partition: int = 0, **fields: Any) -> dict[str, Any]:
    made = {"partition": partition, "topic_id": "t", "created_at": AT, "next_offset": Int64(10)}
    return {**made, **fields}


def test_a_partition_that_caught_up_is_complete_up_to_then() -> None:
    found = position(document(log_time=AT, caught_up_at=AT + timedelta(seconds=9), end_offset=Int64(10)))
    assert freshness([found], 1).as_of == AT + timedelta(seconds=9)
    assert freshness([found], 1).lag_events == 0


def test_a_partition_that_lags_is_complete_up_to_its_last_folded_record() -> None:
    found = position(document(log_time=AT + timedelta(seconds=9), caught_up_at=AT, end_offset=Int64(17)))
    assert freshness([found], 1).as_of == AT + timedelta(seconds=9)
    assert freshness([found], 1).lag_events == 7


def test_an_answer_from_all_partitions_is_as_old_as_the_oldest() -> None:
    found = [position(document(number, log_time=AT + timedelta(hours=number), end_offset=12)) for number in range(3)]
    assert freshness(found, 3).as_of == AT
    assert freshness(found, 3).lag_events == 6


def test_an_end_that_was_asked_before_the_position_moved_is_no_negative_lag() -> None:
    assert freshness([position(document(end_offset=Int64(3)))], 1).lag_events == 0


def test_what_is_unknown_of_one_partition_is_unknown_of_the_answer() -> None:
    known, unknown = position(document(0, log_time=AT, end_offset=10)), position(document(1))
    assert (freshness([known, unknown], 2).as_of, freshness([known, unknown], 2).lag_events) == (None, None)
    assert (freshness([known], 2).as_of, freshness([known], 2).lag_events) == (None, None)
    assert freshness([], 1).as_of is None


def test_the_position_made_last_counts_where_a_topic_was_made_again() -> None:
    old = position(document(topic_id="old", created_at=AT - timedelta(days=1)))
    new = position(document(topic_id="new"))
    assert newest([new, old]) == newest([old, new]) == {0: new}
