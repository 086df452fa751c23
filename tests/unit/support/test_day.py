"""The day's choice of crash points: the same for the same seed, another the next day, nothing left out for long."""

from datetime import date, timedelta

import pytest

from common.crash_points import Action, CrashPoint
from tests.fault.crash_scenarios import SCENARIOS
from tests.support.day import A_DAY, EVERY_CASE, POINTS, SEED, cases_of, chosen, family_of

DAYS = [(date(2026, 1, 1) + timedelta(days=number)).isoformat() for number in range(120)]


@pytest.mark.parametrize("seed", DAYS[:10])
def test_a_day_has_every_action_and_a_point_of_every_family(seed: str) -> None:
    cases = chosen(seed, A_DAY)
    assert len(set(cases)) == A_DAY
    assert {family_of(point) for point, _ in cases} == {family_of(point) for point in CrashPoint}
    per_action = [sum(1 for _, action in cases if action is each) for each in Action]
    assert min(per_action) >= A_DAY // 3 - 3


def test_the_same_seed_chooses_the_same_and_another_day_something_else() -> None:
    assert chosen(DAYS[0], A_DAY) == chosen(DAYS[0], A_DAY)
    assert chosen(DAYS[0], A_DAY) != chosen(DAYS[1], A_DAY)


def test_within_a_few_months_everything_has_had_its_day() -> None:
    assert {case for seed in DAYS for case in chosen(seed, A_DAY)} == set(EVERY_CASE)


def test_all_are_chosen_on_request() -> None:
    assert cases_of({SEED: DAYS[0], POINTS: "all"}) == EVERY_CASE
    assert len(EVERY_CASE) == 3 * len(CrashPoint)
    assert set(chosen(DAYS[0], 1000)) == set(EVERY_CASE)


def test_every_point_has_a_scenario() -> None:
    assert set(SCENARIOS) == set(CrashPoint)
