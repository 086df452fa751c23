"""The commands of the study that concern one stage or one server; kit/README.md tells what each prints."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from study.kit import contract, manifest, stages
from study.kit.programs import EXIT_START, say
from study.kit.settings import DATA, DATABASE, PORT, READERS, StartError
from study.servers import command as servers

_FILE = {"import": "importer.py", "arrive": "importer.py", "serve": "backend.py", "explain": "backend.py"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m study", description="Runs a stage of the study.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("import", "a fresh database from all orders"),
        ("arrive", "some more orders, while the database is being read (--rate, --first, --count)"),
        ("serve", "the reports, until SIGTERM"),
        ("explain", "how the database looks for the answers (--who, --range)"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("stage", help="number or name")
        command.add_argument("--data", help=f"folder of the orders ({DATA})")
        command.add_argument("--database", help=f"path or URL ({DATABASE})")
        command.add_argument("--port", help=f"0 is any free one ({PORT})")
        command.add_argument("--readers", help=f"connections to the database ({READERS})")
    verify = commands.add_parser("verify", help="are the answers of a running backend right?")
    verify.add_argument("url")
    verify.add_argument("--data", type=Path, default=Path(os.environ.get(DATA, "data/S")))
    verify.add_argument("--who", help="only of this named tenant")
    verify.add_argument("--report", help="only this report")
    verify.add_argument("--arrived", action="store_true", help="all arrivals are in: the day after the end, too")
    changed = commands.add_parser("changes", help="how many lines it took")
    changed.add_argument("stage", help="number or name")
    commands.add_parser("stages", help="which there are")
    server = commands.add_parser("server", help="a database server, until SIGTERM")
    server.add_argument("name", choices=servers.NAMES)
    server.add_argument("--state", type=Path, required=True, help="folder of its data, which stay")
    return parser


def _verify(chosen: argparse.Namespace) -> int:
    known = manifest.read(chosen.data)
    cases = [
        case
        for case in known.expected + (known.arrivals.expected if chosen.arrived else [])
        if chosen.who in (None, case.who) and chosen.report in (None, case.report)
    ]
    try:
        found = contract.verify(chosen.url, known, cases)
    except OSError as error:
        raise StartError(f"{chosen.url} does not answer: {error}") from error
    for difference in found:
        print(difference)
    print(f"{len(cases)} answers compared, {len(found)} differences")
    return 1 if found else 0


def _run(chosen: argparse.Namespace, rest: Sequence[str]) -> None:
    given = {DATA: chosen.data, DATABASE: chosen.database, PORT: chosen.port, READERS: chosen.readers}
    os.environ.update({name: value for name, value in given.items() if value is not None})
    stages.run(stages.find(chosen.stage), _FILE[chosen.command], [chosen.command, *rest])


def main() -> int:
    parser = _parser()
    chosen, rest = parser.parse_known_args()
    if rest and chosen.command not in _FILE:
        parser.error(f"unknown: {' '.join(rest)}")
    try:
        match chosen.command:
            case "verify":
                return _verify(chosen)
            case "server":
                return servers.serve(chosen.name, chosen.state)
            case "changes":
                say(stages.changes(stages.find(chosen.stage)))
            case "stages":
                for stage in stages.all_stages():
                    print(f"{stage.name:28} {stage.about.kind:10} {stage.about.title}")
            case _:
                _run(chosen, rest)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_START
    return 0


if __name__ == "__main__":
    sys.exit(main())
