"""`python -m study.bench`: measures the stages of the study, and writes what was measured where it is told."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from study.bench import cases, report, run
from study.bench.results import SIZES, Results, read, read_all, write
from study.kit.programs import EXIT_START
from study.kit.settings import StartError
from study.kit.stages import ROOT, all_stages, find

_EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: everything is stopped and removed
    try:
        return _run(asked, console) if asked.command == "run" else _report(check=asked.check)
    except StartError as error:
        console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        return EXIT_START
    except KeyboardInterrupt:
        console.print("interrupted: nothing is kept")
        return _EXIT_INTERRUPTED


def _run(asked: argparse.Namespace, console: Console) -> int:
    """1 where a stage has no times, or some repeat of it could not be done."""
    stages = [find(number) for number in asked.stages] if asked.stages else all_stages()
    out = asked.out or report.RESULTS / f"{asked.size}.json"
    results = run.run(
        run.Asked(
            size=asked.size,
            data=asked.data or ROOT / "data" / asked.size,
            stages=stages,
            repeats=asked.repeats,
            timeout_s=asked.timeout,
            import_s=asked.import_limit,
            memory_mib=asked.memory,
            who=asked.who,
            cold_s=asked.cold_s or (6 if asked.size in SIZES[:2] else 3600),
            cell_ms=asked.cell_ms,
            order_seed=asked.order_seed,
        ),
        console,
    )
    whole = _with_others(results, read(out)) if asked.add and out.exists() else results
    write(out, whole)
    Console(width=max(Console().width, 160)).print(report.shown(whole), markup=False, highlight=False)
    print(f"{len(results.stages)} stages in {results.took_s / 60:.1f} minutes, kept in {out}")
    return 1 if any(stage.reason for stage in results.stages) else 0


def _report(*, check: bool) -> int:
    every = read_all(report.RESULTS)
    documents = report.generated(every)
    stale = documents.stale()
    if not check:
        documents.write()
        print(f"from results of {', '.join(each.size for each in every) or 'no size'}: {len(stale)} files changed")
        return 0
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not what the results say: `python -m study.bench report`", file=sys.stderr)
    return 1 if stale else 0


def _with_others(results: Results, before: Results) -> Results:
    """Stages that were not run now, as they are in the file; each stage has its own date and commit."""
    if (before.checksum, before.machine.cpu, before.machine.cores) != (
        results.checksum,
        results.machine.cpu,
        results.machine.cores,
    ):
        raise StartError("the file has other orders or another machine: results of both do not belong together")
    stages = {stage.stage: stage for stage in (*before.stages, *results.stages)}
    return msgspec.structs.replace(results, stages=[stages[name] for name in sorted(stages)])


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m study.bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    measuring = commands.add_parser("run", help="measure stages and keep the figures as JSON")
    option = measuring.add_argument
    option("--size", choices=SIZES, default="S", help="which orders (S)")
    option("--data", type=Path, help="folder of the orders, made if it is missing (data/SIZE)")
    option("--stages", type=_names, metavar="01,02,…", help="only these")
    option("--repeats", type=int, default=5, help="of every measurement (5)")
    option("--out", type=Path, help="where the figures go (study/results/SIZE.json)")
    option("--add", action="store_true", help="keep what that file has of other stages")
    option("--who", type=_names, default=cases.NAMED, help="tenants asked about (smallest,median,largest,client)")
    option("--timeout", type=float, default=60, metavar="S", help="of one question (60)")
    option("--import-limit", type=float, default=7200, metavar="S", help="for one import (7200)")
    option("--memory", type=int, default=2048, metavar="MIB", help="that importer and backend may take each (2048)")
    option("--cell-ms", type=float, default=20, metavar="MS", help="how long a case is asked in each repeat (20)")
    option("--cold-s", type=float, metavar="S", help="for the cold questions of a stage in each repeat (XS, S: 6)")
    option("--order-seed", type=int, default=1, help="of the order in which everything is measured (1)")
    told = commands.add_parser("report", help="write the READMEs' tables and the plots from study/results/")
    told.add_argument("--check", action="store_true", help="write nothing; 1 if they are not what the results say")
    return parser


if __name__ == "__main__":
    sys.exit(main())
