"""When a held partition is to be written."""

from dataclasses import replace
from typing import Any

import pytest

import aggregator.held
from aggregator.batches import Claim, Stop
from aggregator.held import Held, grouped
from aggregator.pack_stream import PackStream
from aggregator.partition import Partition
from aggregator.records import Record
from common.events import encode
from tests.support.made_events import START_MS, delete, pack, session_at

SESSION = session_at()
CLAIM = Claim(next_offset=0, generation=0, leader_epoch=None, log_ms=0, sessions={})


def held(*events: Any, max_records: int = 50_000) -> Held:
    one = Held.since(Partition(0, replace(CLAIM, sessions={}), PackStream(1), max_records), 100.0)
    for offset, event in enumerate(events):
        one.partition.offer(Record(offset, START_MS, 0, b"k", encode(event)))
    return one


def is_due(one: Held, now: float, *, waiting: bool = False) -> bool:
    return one.is_due(now, 1.0, waiting=waiting)


def test_what_was_folded_is_due_after_the_interval() -> None:
    one = held(pack(SESSION, 1))
    assert [is_due(one, now) for now in (100.0, 100.9, 101.0)] == [False, False, True]


def test_the_first_record_after_a_quiet_time_does_not_wait() -> None:
    one = held()
    assert not is_due(one, 150.0)
    one.partition.offer(Record(0, START_MS, 0, b"k", encode(pack(SESSION, 1))))
    assert is_due(one, 150.1)


def test_nothing_folded_is_never_due() -> None:
    assert not is_due(held(), 1e9)


def test_a_batch_that_waits_or_is_large_is_due_at_once() -> None:
    assert is_due(held(), 100.0, waiting=True)
    assert is_due(held(pack(SESSION, 1), max_records=1), 100.0)


def test_a_delete_is_due_at_once() -> None:
    assert is_due(held(delete(SESSION, 1)), 100.0)
    assert is_due(held(pack(SESSION, 1), delete(SESSION, 2)), 100.0)


@pytest.mark.parametrize(("events", "due"), [([pack(SESSION, 1)], True), ([], False)])
def test_a_delete_on_a_stopped_partition_waits_but_what_came_before_it_is_written(events: list[Any], due: bool) -> None:
    one = held(*events, delete(SESSION, 2))
    one.partition.stop = Stop("x", "y")
    assert is_due(one, 100.0) == due


def test_a_plain_batch_joins_others_and_whatever_else_does_not() -> None:
    assert held(pack(SESSION, 1)).joins(waiting=False)
    assert not held(pack(SESSION, 1)).joins(waiting=True)
    assert not held(pack(SESSION, 1), max_records=1).joins(waiting=False)
    assert not held(pack(SESSION, 1), delete(SESSION, 2)).joins(waiting=False)
    one = held(pack(SESSION, 1))
    one.partition.stop = Stop("x", "y")
    assert not one.joins(waiting=False)


def test_groups_are_bounded_and_keep_the_order() -> None:
    many = [held(*(pack(SESSION, seq) for seq in range(1, records + 1))) for records in (2, 2, 1, 9, 1, 3, 0)]
    groups = grouped(many, 4)
    assert [[one.partition.pending for one in group] for group in groups] == [[2, 2], [1], [9], [1, 3, 0]]
    assert [one for group in groups for one in group] == many
    assert [len(group) for group in grouped(many[:6], 0)] == [1] * 6
    assert grouped([], 4) == []


def test_groups_are_bounded_by_what_they_change_too(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = held(pack(SESSION, 1)).partition.weigh()
    assert weight > 0
    monkeypatch.setattr(aggregator.held, "MAX_CHANGE_BYTES", 2 * weight)
    assert [len(group) for group in grouped([held(pack(SESSION, 1)) for _ in range(5)], 1_000)] == [2, 2, 1]
