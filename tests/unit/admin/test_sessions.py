"""What is told of a session that aggregators remember."""

from datetime import UTC, datetime, timedelta

import pytest

from admin.sessions import SessionStatus, _age, _short
from tests.support.made_events import START, session_at

AT = datetime(2025, 3, 25, tzinfo=UTC)


def test_what_is_missing_lies_below_the_highest_number_that_was_folded() -> None:
    stored = {"upto": 3, "ranges": [[6, 7], [10, 10]], "log_time": AT}
    found = SessionStatus.of(2, session_at(), stored)
    assert (found.partition, found.upto, found.ranges, found.missing) == (2, 3, ((6, 7), (10, 10)), 4)
    assert found.began == START


def test_a_session_without_holes_misses_nothing() -> None:
    found = SessionStatus.of(0, "odd", {"upto": 3, "ranges": [], "log_time": AT})
    assert (found.missing, found.began) == (0, None)


def test_many_ranges_are_shortened() -> None:
    assert _short(((6, 7), (9, 9), (11, 12), (14, 15))) == "6-7, 9, 11-12, … 1 more"
    assert _short(()) == "-"


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(seconds=-1), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=90), "1.5 h"),
        (timedelta(minutes=9), "9.0 min"),
        (timedelta(days=2), "2.0 d"),
    ],
)
def test_an_age_is_told_in_its_own_unit(age: timedelta, shown: str) -> None:
    assert _age(age) == shown
