"""Admission counts places for the largest event, so that what was admitted always fits."""

import pytest

from common.events import MAX_EVENT_BYTES
from proxy.admission import Admission, Growth, SpoolFullError

PLENTY = 1 << 40


def test_places_are_given_until_the_limit_and_again_when_one_is_given_back() -> None:
    admission = Admission(3 * MAX_EVENT_BYTES)
    admission.measured(0, PLENTY)
    for _ in range(3):
        admission.take()

    with pytest.raises(SpoolFullError, match="the spool is full") as refused:
        admission.take()
    assert refused.value.retry_after_s > 0
    admission.give_back(1)
    admission.take()
    assert admission.refusing == "the spool is full"


def test_what_is_in_the_spool_leaves_less_room() -> None:
    admission = Admission(3 * MAX_EVENT_BYTES)
    admission.measured(2 * MAX_EVENT_BYTES, PLENTY)
    admission.take()
    with pytest.raises(SpoolFullError):
        admission.take()


def test_a_disk_that_is_nearly_full_refuses_whatever_the_limit() -> None:
    admission = Admission(PLENTY, disk_margin_bytes=1000)
    admission.measured(0, 1000 + 2 * MAX_EVENT_BYTES)
    admission.take()
    admission.take()
    with pytest.raises(SpoolFullError, match="disk"):
        admission.take()
    admission.measured(0, PLENTY)
    assert admission.refusing is None


def test_a_closed_spool_refuses_with_its_reason() -> None:
    admission = Admission(PLENTY)
    assert admission.refusing is None
    admission.closed = "because"
    with pytest.raises(SpoolFullError, match="because"):
        admission.take()


def test_each_crossing_of_seventy_percent_is_told_once() -> None:
    admission = Admission(100)
    sizes = [69, 70, 90, 66, 75, 64, 71, 72]
    told = [size for size in sizes if admission.measured(size, PLENTY)]
    assert told == [70, 71]
    assert admission.fill == 0.72


def test_growth_is_the_rate_of_the_last_minute() -> None:
    growth = Growth()
    for second in range(10):
        growth.measured(100 * second, float(second))
    assert growth.per_s == 100
    for second in range(10, 80):
        growth.measured(900, float(second))
    assert growth.per_s == 0


def test_growth_needs_two_moments() -> None:
    growth = Growth()
    growth.measured(100, 5.0)
    growth.measured(900, 5.5)
    assert growth.per_s == 0
    growth.measured(100, 7.0)
    assert growth.per_s == 0
    growth.measured(50, 7.5)
    growth.measured(0, 9.0)
    assert growth.per_s == -25
