"""The seed of the day: what a run chooses of the many crash points, the same in all its workers and on request for ever.

CRASH_SEED=2026-01-31 repeats the choice of that day, CRASH_POINTS=all leaves nothing out.
"""

import os
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from common.crash_points import Action, CrashPoint

SEED = "CRASH_SEED"
POINTS = "CRASH_POINTS"
A_DAY = 25

Case = tuple[CrashPoint, Action]
EVERY_CASE: Sequence[Case] = [(point, action) for point in CrashPoint for action in Action]


def pytest_configure() -> None:
    """Once for the whole run: workers inherit the environment, also those that start after midnight."""
    os.environ.setdefault(SEED, datetime.now(UTC).date().isoformat())


def pytest_report_header() -> str:
    cases = cases_of(os.environ)
    return f"crash points: {len(cases)} of {len(EVERY_CASE)} ({SEED}={os.environ[SEED]}; {POINTS}=all for all)"


def cases_of(environ: Mapping[str, str]) -> list[Case]:
    """What this run does: all, or what the seed chooses."""
    if environ.get(POINTS) == "all":
        return list(EVERY_CASE)
    return chosen(environ[SEED], A_DAY)


def chosen(seed: str, count: int) -> list[Case]:
    """So many cases, some of every family and of every action in turn; the same seed gives the same."""
    chance = random.Random(seed)
    families: defaultdict[str, list[Case]] = defaultdict(list)
    for case in chance.sample(EVERY_CASE, len(EVERY_CASE)):
        families[family_of(case[0])].append(case)
    picked: list[Case] = []
    names = chance.sample(sorted(families), len(families))
    actions = chance.sample(list(Action), len(Action))
    while len(picked) < min(count, len(EVERY_CASE)):
        for name in names:
            wanted = actions[len(picked) % len(actions)]
            left = [case for case in families[name] if case not in picked]
            picked += sorted(left, key=lambda case: case[1] is not wanted)[:1]  # stable, so the rest stays random
    return sorted(picked[:count], key=EVERY_CASE.index)


def family_of(point: CrashPoint) -> str:
    return point.label.partition(".")[0]
