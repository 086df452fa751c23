"""Everything a run knows of one stage: what is chosen for all of them, where its orders are, what was measured so far."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from study.bench.databases import Database
from study.bench.programs import Surroundings
from study.bench.results import Arrived, Failure, Fresh, Imported, Memory, StageResult
from study.bench.samples import ALONE, Tally
from study.kit.manifest import Case, Manifest
from study.kit.stages import Stage

ARRIVING_PER_S = 5.0
READERS = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """What is the same for all stages of a run."""

    known: Manifest
    data: Path
    folder: Path  # for databases and logs
    repeats: int
    timeout_s: float
    import_s: float
    memory_mib: int
    who: tuple[str, ...]
    cold_s: float  # in a repeat, for all cold questions of a stage
    cell_ms: float  # how long one case is asked again and again in a repeat
    rng: random.Random
    step: Callable[[str], None]  # told what is done next


@dataclass(slots=True)
class Lot:
    stage: Stage
    choice: Choice
    database: Database
    began: str
    commit: str
    tally: Tally = field(default_factory=Tally)
    imported: Imported | None = None
    verified: int = 0
    differences: list[str] = field(default_factory=list)
    reason: str | None = None
    plans: dict[str, str] = field(default_factory=dict)
    memory: list[Memory] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    fresh: list[Fresh] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    orders_arrived: int = 0
    # How long a case took when it was asked alone, which decides how often it is asked by many.
    alone_ms: dict[str, float] = field(default_factory=dict)

    def result(self) -> StageResult:
        return StageResult(
            stage=self.stage.name,
            began=self.began,
            commit=self.commit,
            imported=self.imported,
            verified=self.verified,
            differences=self.differences,
            reason=self.reason,
            measured=self.tally.measured(),
            memory=self.memory,
            arrived=self.arrived,
            fresh=self.fresh,
            failures=self.failures,
            plans=self.plans,
        )

    def around(self, url: str) -> Surroundings:
        choice = self.choice
        log = choice.folder / f"{self.stage.name}.log"
        return Surroundings(self.stage, choice.data, url, READERS, choice.memory_mib, log)

    def fail(self, condition: str, case: str, repeat: int, reason: str) -> None:
        self.failures.append(Failure(condition, case, repeat, reason))

    def shuffled(self, condition: str, cases: Sequence[Case]) -> list[Case]:
        """Those that are still asked in this condition, in an order of chance."""
        asked = [case for case in cases if not self.given_up(condition, case)]
        self.choice.rng.shuffle(asked)
        return asked

    def given_up(self, condition: str, case: Case) -> bool:
        """What was not answered once, alone or in this condition, is not asked again: a time-out is told, not repeated."""
        return any(each.case == case.name and each.condition in (ALONE, condition) for each in self.failures)
