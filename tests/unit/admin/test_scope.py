"""How much of the documents the topic still holds everything of."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from admin.scope import Scope, begins_of, scope_of, unexplained
from admin.topic_log import Bounds
from common import documents

NOW = datetime(2025, 3, 25, 12, 30, tzinfo=UTC)
FIRST = datetime(2025, 3, 20, 4, 0, 0, 1000, tzinfo=UTC)


def test_a_log_from_its_beginning_says_everything_but_what_has_expired() -> None:
    scope = scope_of({}, Bounds(0, 9), FIRST, NOW)
    assert scope == Scope(True, datetime(2024, 2, 20, 13, tzinfo=UTC))
    assert scope.covers(documents.TOTALS, None)
    assert not scope.covers(documents.KEYDATA_HOURS, NOW - timedelta(days=400))


@pytest.mark.parametrize(
    ("gaps", "since"),
    [
        ([], datetime(2025, 3, 20, 6, tzinfo=UTC)),
        ([{"log_time": FIRST + timedelta(hours=3)}], datetime(2025, 3, 20, 9, tzinfo=UTC)),
        ([{"log_time": FIRST - timedelta(hours=3)}, {"log_time": None}], datetime(2025, 3, 20, 6, tzinfo=UTC)),
    ],
)
def test_of_a_log_that_has_lost_its_beginning_the_hours_are_whole_that_none_of_it_can_belong_to(
    gaps: list[dict[str, Any]], since: datetime
) -> None:
    scope = scope_of({"accepted_gaps": gaps}, Bounds(4, 9), FIRST, NOW)
    assert scope == Scope(False, since)
    assert scope.covers(documents.KEYDATA_HOURS, since)
    assert not scope.covers(documents.KEYDATA_HOURS, since - timedelta(hours=1))
    assert not scope.covers(documents.KEYDATA, None)
    assert scope.first_day == datetime(2025, 3, 21, tzinfo=UTC)


def test_an_hour_that_begins_exactly_one_hour_after_the_first_record_is_whole() -> None:
    scope = scope_of({}, Bounds(4, 9), FIRST.replace(microsecond=0), NOW)
    assert scope is not None
    assert scope.since == datetime(2025, 3, 20, 5, tzinfo=UTC)


def test_after_an_accepted_gap_a_log_from_its_beginning_does_not_say_everything() -> None:
    scope = scope_of({"accepted_gaps": [{"log_time": FIRST}]}, Bounds(0, 9), FIRST, NOW)
    assert scope == Scope(False, datetime(2025, 3, 20, 6, tzinfo=UTC))


def test_an_empty_log_that_was_not_always_empty_says_nothing() -> None:
    assert scope_of({}, Bounds(4, 4), None, NOW) is None
    assert scope_of({}, Bounds(0, 0), None, NOW) is not None


def test_only_hours_and_days_begin_somewhere() -> None:
    assert begins_of((documents.KEYDATA_HOURS, (("k", "a"), ("h", FIRST)))) == FIRST
    assert begins_of((documents.CARTON_LISTS, (("k", "a"), ("hash", "b")))) is None
    assert begins_of((documents.KEYDATA, "a")) is None


def test_a_hole_is_explained_by_a_gap_that_holds_it_alone() -> None:
    gaps = [{"from": 5, "to": 8}]
    assert unexplained([(5, 8), (6, 7)], gaps) == []
    assert unexplained([(4, 8), (9, 10)], gaps) == [(4, 8), (9, 10)]
