"""What `from` and `to` mean, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.keydata import rfc_3339, window

NOW = datetime(2025, 3, 25, 5, 47, 17, tzinfo=UTC)
SIX = datetime(2025, 3, 25, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-25T06:00:00Z",
        "2025-03-25t06:00:00z",
        "2025-03-25 06:00:00Z",
        "2025-03-25T06:00:00.000Z",
        "2025-03-25T06:00:00.000000000Z",
        "2025-03-25T06:00:00+00:00",
        "2025-03-25T07:30:00+01:30",
        "2025-03-25T07:30:00 01:30",  # a plus that nobody escaped
        "2025-03-25T01:00:00-05:00",
    ],
)
def test_a_time_with_an_offset_is_its_utc_moment(text: str) -> None:
    assert rfc_3339(text) == SIX
    assert rfc_3339(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2025-03-25",
        "2025-03-25T06:00:00",  # no offset: whose six o'clock?
        "2025-03-25T06:00Z",
        "20250325T060000Z",
        "2025-W13-2T06:00:00Z",
        "1742882400",
        "2025-02-30T06:00:00Z",
        "2025-03-25T25:00:00Z",
        "2025-03-25T06:00:60Z",
        "2025-03-25T06:00:00+24:00",
        "0001-01-01T00:00:00+01:00",
        "2025-03-25T06:00:00Z ",
        "٢٠٢٥-03-25T06:00:00Z",
        1742882400,
        None,
    ],
)
def test_what_is_no_time_with_an_offset_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|no such time"):
        rfc_3339(text)


@settings(deadline=None)
@given(st.integers(-(10**9), 4 * 10**9), st.integers(-1439, 1439))
def test_what_python_writes_is_read_back(second: int, offset: int) -> None:
    moment = datetime.fromtimestamp(second, timezone(timedelta(minutes=offset)))
    assert rfc_3339(moment.isoformat()) == moment


def test_without_bounds_the_window_is_the_last_day_from_the_full_hour() -> None:
    assert window(None, None, NOW) == (datetime(2025, 3, 24, 5, tzinfo=UTC), NOW)


def test_one_bound_is_completed_by_the_other() -> None:
    assert window(None, SIX, NOW) == (SIX - timedelta(days=1), SIX)
    assert window(SIX - timedelta(hours=3), None, NOW) == (SIX - timedelta(hours=3), NOW)


def test_an_empty_or_inverted_window_is_refused() -> None:
    for from_, to in ((SIX, SIX), (SIX, SIX - timedelta(seconds=1)), (SIX, None)):
        with pytest.raises(ValueError, match="is not before"):
            window(from_, to, NOW)


def test_the_first_day_of_the_calendar_has_none_before_it() -> None:
    with pytest.raises(ValueError, match="to: there is no day before"):
        window(None, datetime(1, 1, 1, tzinfo=UTC), NOW)
