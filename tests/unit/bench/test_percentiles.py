"""Percentiles are values that were measured, never ones between them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.percentiles import nearest_rank


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.9, 90), (0.99, 99), (1, 100), (0, 1), (0.001, 1), (0.991, 100), (0.07, 7)]
)
def test_of_a_hundred(share: float, expected: float) -> None:
    assert nearest_rank(range(1, 101), share) == expected


def test_of_nothing_is_not_a_number() -> None:
    assert math.isnan(nearest_rank([], 0.5))


@given(st.lists(st.integers(), min_size=1, max_size=200).map(sorted), st.integers(1, 100))
def test_at_least_that_share_does_not_exceed_it_and_less_is_below(ordered: list[int], percent: int) -> None:
    found = nearest_rank(ordered, percent / 100)

    assert 100 * sum(value <= found for value in ordered) >= percent * len(ordered)
    assert 100 * sum(value < found for value in ordered) < percent * len(ordered)
