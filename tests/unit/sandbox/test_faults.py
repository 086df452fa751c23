"""Chance under a seed."""

from statistics import mean, median
from typing import Any

import pytest

from sandbox.directives import Directive
from sandbox.faults import Dice
from sandbox.settings import SandboxSettings


def drawn(count: int = 2000, **settings: Any) -> list[Directive]:
    dice = Dice(SandboxSettings(**settings))
    return [dice.draw() for _ in range(count)]


def test_nothing_happens_unasked() -> None:
    assert set(drawn(50)) == {Directive()}


def test_the_same_seed_draws_the_same() -> None:
    settings: dict[str, Any] = {"error_rate": 0.3, "latency_ms": 5, "latency_distribution": "lognormal"}
    assert drawn(50, seed=7, **settings) == drawn(50, seed=7, **settings)
    assert drawn(50, seed=7, **settings) != drawn(50, seed=8, **settings)


def test_shares_are_kept() -> None:
    fates = drawn(error_rate=0.4, hang_rate=0.1, garbage_rate=0.2, drop_rate=0.05)
    counts = [
        sum(fate.status == 500 for fate in fates),
        sum(fate.conduct == "hang" for fate in fates),
        sum(fate.body == "garbage" for fate in fates),
        sum(fate.conduct == "drop" for fate in fates),
        sum(fate == Directive() for fate in fates),
    ]
    assert sum(counts) == len(fates)
    assert [count / len(fates) for count in counts] == pytest.approx([0.4, 0.1, 0.2, 0.05, 0.25], abs=0.04)


def test_a_share_of_one_is_all() -> None:
    assert {fate.status for fate in drawn(100, error_rate=1)} == {500}


def test_latencies_vary_as_asked() -> None:
    def delays(distribution: str) -> list[float]:
        return [fate.delay_ms for fate in drawn(latency_ms=100, latency_distribution=distribution)]

    assert set(delays("constant")) == {100}
    assert all(50 <= delay <= 150 for delay in delays("uniform"))
    assert mean(delays("uniform")) == pytest.approx(100, rel=0.1)
    assert mean(delays("exponential")) == pytest.approx(100, rel=0.1)
    assert median(delays("lognormal")) == pytest.approx(100, rel=0.1)
    assert max(delays("lognormal")) > 300
