"""Many histories one after the other, and what came of them."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field

import structlog

from tests.simulation.mutants import mutated
from tests.simulation.world import World


@dataclass(slots=True)
class Report:
    histories: int = 0
    violations: list[tuple[int, str]] = field(default_factory=list)
    trace: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Report") -> None:
        self.histories += other.histories
        self.violations += other.violations
        self.trace += other.trace


def quiet() -> None:
    """The product has much to say about what is done to it here."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), logger_factory=structlog.ReturnLoggerFactory()
    )


def campaign(first: int, histories: int, mutant: str | None = None, *, at_most: int | None = None) -> Report:
    """Histories of consecutive seeds; ends early after `at_most` violations."""
    report = Report()
    for seed in range(first, first + histories):
        with mutated(mutant) if mutant else nullcontext():
            world = World(seed)
            violation = _outcome(world, expect_anything=mutant is not None)
        report.histories += 1
        report.trace += world.trace
        if violation is not None:
            report.violations.append((seed, violation))
            if at_most is not None and len(report.violations) >= at_most:
                break
    return report


def _outcome(world: World, *, expect_anything: bool) -> str | None:
    """A mutant may also break the code itself; the product may not."""
    try:
        return world.run()
    except Exception as error:
        if not expect_anything:
            raise
        return f"raised {error!r}"
