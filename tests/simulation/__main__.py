"""`python -m tests.simulation [--seeds N] [--from SEED] [--mutant NAME] [--schedule]`: many histories, or one in words."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.simulation.campaign import Report, campaign, quiet
from tests.simulation.mutants import MUTANTS, SAFE, mutated
from tests.simulation.world import World

CHUNK = 100


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="number of histories")
    parser.add_argument("--from", dest="first", type=int, default=0, help="seed of the first")
    parser.add_argument("--mutant", choices=sorted(MUTANTS | SAFE), help="remove this rule, which must be noticed")
    parser.add_argument("--schedule", action="store_true", help="print the steps of the first history")
    asked = parser.parse_args()
    if asked.schedule:
        return _replay(asked.first, asked.mutant)
    starts = range(asked.first, asked.first + asked.seeds, CHUNK)
    total = Report()
    with ProcessPoolExecutor(initializer=quiet) as pool:
        chunks = [(start, min(CHUNK, asked.first + asked.seeds - start), asked.mutant) for start in starts]
        for report in track(pool.map(campaign, *zip(*chunks, strict=True)), "histories", total=len(chunks)):
            total.add(report)
    _show(total)
    return 1 if bool(total.violations) != (asked.mutant in MUTANTS) else 0


def _replay(seed: int, mutant: str | None) -> int:
    quiet()
    world = World(seed)
    if mutant is None:
        violation = world.run()
    else:
        with mutated(mutant):
            violation = world.run()
    print("\n".join(world.schedule))  # what was asked for
    print(violation or "no violation")  # what was asked for
    return 1 if violation else 0


def _show(report: Report) -> None:
    console = Console()
    table = Table("fault", "times", title=f"{report.histories:,} histories, {len(report.violations)} violations")
    for fault, times in report.trace.most_common():
        table.add_row(fault, f"{times:,}")
    console.print(table)
    for seed, violation in report.violations[:10]:
        console.print(f"seed {seed}: {violation}")


if __name__ == "__main__":
    sys.exit(main())
