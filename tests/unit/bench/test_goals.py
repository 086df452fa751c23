"""A goal is reached by the median, and not measured is not reached."""

import pytest

from bench.goals import Goal, Value, across, added, flat, most, plain, ratio
from bench.results import Spread
from tests.unit.bench.made_results import MEASUREMENT, results, sample

OTHER = "proxy-4k-256"
MADE = results(
    sample("packstats", 1, per_s=100, p99_ms=5, errors=0),
    sample("packstats", 2, per_s=110, p99_ms=9, errors=2),
    sample("nginx", 1, per_s=400, p99_ms=4, errors=0),
    sample("nginx", 2, per_s=220, p99_ms=5, errors=0),
    sample("packstats", 1, OTHER, per_s=84, errors=1),
)


@pytest.mark.parametrize(
    ("value", "median"),
    [
        (ratio(MEASUREMENT, "per_s", "packstats", "nginx"), 0.375),
        (added(MEASUREMENT, "p99_ms", "packstats", "nginx"), 2.5),
        (plain(MEASUREMENT, "p99_ms", "packstats"), 7),
        (flat((MEASUREMENT, OTHER), "per_s", "packstats"), 0.8),
        (most((MEASUREMENT, OTHER), "errors", "packstats"), 2),
        (across("per_s", "packstats", OTHER, MEASUREMENT), 0.8),
    ],
)
def test_value(value: Value, median: float) -> None:
    found = value(MADE)
    assert isinstance(found, Spread)
    assert found.median == median


@pytest.mark.parametrize(
    ("bound", "at_least", "verdict"),
    [(7, True, "reached"), (7.1, True, "**not reached**"), (7, False, "reached"), (6.9, False, "**not reached**")],
)
def test_verdict(bound: float, *, at_least: bool, verdict: str) -> None:
    goal = Goal("p99", plain(MEASUREMENT, "p99_ms", "packstats"), bound, at_least, "ms")

    assert goal.row(MADE)[3] == verdict


@pytest.mark.parametrize(
    "value",
    [
        ratio(MEASUREMENT, "per_s", "packstats", "faust"),
        flat((MEASUREMENT, "proxy-4k-1024"), "per_s", "packstats"),
        most((MEASUREMENT, "proxy-4k-1024"), "errors", "packstats"),
        across("per_s", "packstats", "proxy-4k-1024", MEASUREMENT),
    ],
)
def test_what_was_not_measured_is_not_reached(value: Value) -> None:
    assert Goal("x", value, 0, at_least=True).row(MADE)[2:] == ("", "not measured")
