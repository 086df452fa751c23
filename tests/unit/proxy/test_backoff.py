"""The back-off grows, has an upper bound, is never the same twice, and is over with a success."""

import pytest

from proxy.backoff import Backoff


def pauses(failures: int, chance: float) -> list[float]:
    waited: list[float] = []
    backoff = Backoff(waited.append, lambda: chance)
    for _ in range(failures):
        backoff.failed()
        backoff.wait()
    return waited


def test_it_doubles_up_to_five_seconds() -> None:
    assert pauses(8, 0.0) == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


def test_the_jitter_takes_away_up_to_half() -> None:
    assert pauses(3, 1.0) == pytest.approx([0.05, 0.1, 0.2])


def test_it_stays_bounded_however_long_the_outage() -> None:
    assert pauses(10_000, 0.0)[-1] == 5.0


def test_a_success_ends_it() -> None:
    waited: list[float] = []
    backoff = Backoff(waited.append)
    backoff.wait()
    backoff.failed()
    backoff.failed()
    backoff.succeeded()
    backoff.wait()
    assert waited == []
