"""`python -m bench`: measures packstats beside what one would use instead, and keeps and shows the figures."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import compare, machine, profile, report, tables
from bench.catalogue import measurements
from bench.errors import BenchError
from bench.keeping import Kept
from bench.measurement import Measurement
from bench.results import Results
from bench.runner import Runner
from bench.site import PEERS, REPO, Site
from common.errors import EXIT_CRASH, PackstatsError

_RESULTS = REPO / "bench" / "results"
_EXIT_INTERRUPTED = 130
_ROUNDS, _QUICK_ROUNDS = 5, 1


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _arguments(arguments)
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: everything is stopped and removed
    try:
        work: Callable[[argparse.Namespace, Console], int] = asked.work
        return work(asked, console)
    except PackstatsError as error:
        console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        return error.exit_code
    except KeyboardInterrupt:
        console.print("interrupted: what is measured whole is kept")
        return _EXIT_INTERRUPTED


def _run(asked: argparse.Namespace, console: Console) -> int:
    began = datetime.now(UTC)
    out = asked.out or REPO / ".local" / "bench" / f"{began:%Y%m%dT%H%M%SZ}.json"
    with _folder() as folder, Site(Path(folder), quick=asked.quick, seed=asked.seed, console=console) as site:
        runner = Runner(console, asked.rounds or (_QUICK_ROUNDS if asked.quick else _ROUNDS))
        nothing = Results(
            began=f"{began:%Y-%m-%dT%H:%M:%SZ}",
            commit=machine.commit(REPO),
            quick=asked.quick,
            rounds=runner.rounds,
            seed=asked.seed,
            machine=machine.machine(site.folder),
            versions=machine.versions(PEERS, REPO / ".cache"),
            titles={},
            samples=[],
        )
        kept = Kept.again(out, nothing) if asked.go_on else Kept(out, nothing)
        chosen = _chosen(measurements(site), asked.only)
        taken = runner.run([each for each in chosen if kept.lacks(each)], kept.add)
    _shown().print(*tables.rich_tables(kept.results), f"kept in {out}", sep="\n")
    return EXIT_CRASH if taken.failed or not kept.results.samples else 0


def _compare(asked: argparse.Namespace, console: Console) -> int:
    with _folder() as folder, Site(Path(folder), quick=asked.quick, seed=asked.seed, console=console) as site:
        base = compare.checkout(REPO, asked.base, site.folder / "base")
        chosen = compare.of_the_product(_chosen(measurements(site), asked.only))
        taken = Runner(console, asked.rounds or _ROUNDS).run([compare.Both(each, site, base) for each in chosen])
    _shown().print(*compare.show(taken, asked.base), sep="\n")
    return EXIT_CRASH if taken.failed or not taken.samples else 0


def _profile(asked: argparse.Namespace, console: Console) -> int:
    with _folder() as folder, Site(Path(folder), quick=asked.quick, console=console) as site:
        profile.draw(site, asked.service, asked.out)
    print(f"drawn in {asked.out}")
    return 0


def _report(asked: argparse.Namespace, _console: Console) -> int:
    return report.main(asked.results, check=asked.check)


def _shown() -> Console:
    """A table that is cut says nothing."""
    return Console(width=max(Console().width, 160))


def _list(_asked: argparse.Namespace, _console: Console) -> int:
    with _folder() as folder, Site(Path(folder)) as site:
        for each in measurements(site):
            print(f"{each.name:<24} {', '.join(each.peers)}")
    return 0


def _chosen(all_of_them: list[Measurement], only: list[str]) -> list[Measurement]:
    """Those asked for; a name that ends in * stands for all that begin so."""
    if not only:
        return all_of_them
    known = [each.name for each in all_of_them]
    for name in only:
        if not any(_matches(each, name) for each in known):
            raise BenchError(f"there is no measurement {name}: {', '.join(known)}")
    return [each for each in all_of_them if any(_matches(each.name, name) for name in only)]


def _matches(name: str, asked: str) -> bool:
    return name.startswith(asked[:-1]) if asked.endswith("*") else name == asked


def _folder() -> "tempfile.TemporaryDirectory[str]":
    """On the disk of the checkout, not in a file system that may live in memory: spools are to cost what they cost."""
    parent = REPO / ".local"
    parent.mkdir(exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="bench-", dir=parent, ignore_cleanup_errors=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    measuring = argparse.ArgumentParser(add_help=False)
    measuring.add_argument("--quick", action="store_true", help="short and one round: to see that it works")
    measuring.add_argument(
        "--only", type=lambda text: text.split(","), default=[], metavar="NAME,…", help="these; NAME*"
    )
    measuring.add_argument("--rounds", type=int, default=None, help=f"of every measurement ({_ROUNDS}; quick: 1)")
    measuring.add_argument("--seed", type=int, default=1, help="of what is drawn at random (1)")
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    run = commands.add_parser("run", parents=[measuring], help="measure, show, keep as JSON")
    run.add_argument("--out", type=Path, default=None, help="where the JSON goes (.local/bench/DATE.json)")
    run.add_argument("--go-on", action="store_true", help="with --out: measure what a run that was interrupted lacks")
    run.set_defaults(work=_run)
    both = commands.add_parser(
        "compare", parents=[measuring], help="another commit of the product and this tree, in turn"
    )
    both.add_argument("--base", required=True, metavar="COMMIT", help="the other commit")
    both.set_defaults(work=_compare)
    told = commands.add_parser(
        "report", help="write docs/performance.md and its plots from the newest of bench/results/"
    )
    told.add_argument("--results", type=Path, default=None, help="this file instead")
    told.add_argument("--check", action="store_true", help="write nothing; 1 if they are not what the results say")
    told.set_defaults(work=_report)
    drawn = commands.add_parser("profile", help="a flame graph of a service under load")
    drawn.add_argument("service", choices=profile.SERVICES)
    drawn.add_argument("--quick", action="store_true", help="for a few seconds")
    drawn.add_argument("--out", type=Path, required=True, help="the SVG")
    drawn.set_defaults(work=_profile)
    listed = commands.add_parser("list", help="names and peers of all measurements")
    listed.set_defaults(work=_list)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
