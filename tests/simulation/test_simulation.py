"""The delivery protocol over thousands of histories: no violation as it is, and one for every rule that is removed."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import structlog

from tests.simulation.campaign import Report, campaign, quiet
from tests.simulation.mutants import MUTANTS, SAFE
from tests.simulation.world import World

SEEDS = 5000  # `python -m tests.simulation --seeds N` runs more
CHUNK = 250
MUTANT_SEEDS = 1500  # at most; most are noticed in the first history

# What a history can meet; a campaign in which one of them never happened was too weak.
FAULTS = {
    "acknowledged after it was given up",
    "aggregator crash",
    "applied, answer lost",
    "commit lost",
    "decided later",
    "decided later: applied",
    "fenced",
    "frozen after the claim was read",
    "frozen before the compare-and-set",
    "frozen inside the transaction",
    "late write",
    "partition lost",
    "partition revoked",
    "producer fatal",
    "producer's queue full",
    "proxy crash",
    "record destroyed in the poll",
    "refused",
    "session killed",
    "stale read",
    "taken, not acknowledged",
    "the last records of all destroyed",
    "together: ConflictError",
    "together: FencedError",
    "together: UnavailableError",
    "together: UnknownOutcomeError",
    "together: written",
    "write conflict",
}


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    before = structlog.get_config()
    quiet()
    yield
    structlog.configure(**before)


@pytest.mark.timeout(900)
def test_no_history_loses_or_doubles_anything() -> None:
    total = Report()
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=quiet) as pool:
        for report in pool.map(campaign, range(0, SEEDS, CHUNK), [CHUNK] * (SEEDS // CHUNK)):
            total.add(report)
    assert total.violations == []
    assert total.histories == SEEDS
    assert FAULTS - total.trace.keys() == set()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_every_rule_that_is_removed_is_missed(mutant: str) -> None:
    assert campaign(0, MUTANT_SEEDS, mutant, at_most=1).violations


@pytest.mark.timeout(900)
@pytest.mark.parametrize("variant", sorted(SAFE))
def test_what_another_rule_makes_harmless_stays_harmless(variant: str) -> None:
    assert campaign(0, 100, variant).violations == []


def test_a_seed_gives_the_same_history_again() -> None:
    one, two = World(7), World(7)
    assert (one.run(), one.schedule, one.trace) == (two.run(), two.schedule, two.trace)
