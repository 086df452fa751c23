"""`python -m admin`: the operator's commands. Their settings are the variables the processes are started with."""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from admin import init, quarantine, settings_table, status_view
from admin.settings import Settings
from common.errors import EXIT_DRAINED, PackstatsError
from common.settings import load


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code of common.errors."""
    options = _parser().parse_args(arguments)
    # Tables that go into a file or a pipe are not folded to the width of a terminal nobody looks at.
    console = Console(width=None if sys.stdout.isatty() else 180)
    try:
        _run(options, console)
    except PackstatsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return EXIT_DRAINED


def _run(options: argparse.Namespace, console: Console) -> None:
    match options.command:
        case "init":
            init.run(load(Settings), console, options.wait, new_topic=options.new_topic)
        case "status":
            status_view.run(load(Settings), console, as_json=options.json)
        case "quarantine":
            quarantine.run(load(Settings), console, options.limit, as_json=options.json)
        case "settings":
            settings_table.run(console, markdown=options.markdown)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m admin", description="Operator's commands of packstats.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser("init", help="make topic, collections and positions, or check those there are")
    command.add_argument("--wait", type=float, default=60, metavar="S", help="how long to wait for both (default 60)")
    command.add_argument("--new-topic", action="store_true", help="accept that the topic was removed and made again")

    command = commands.add_parser("status", help="positions, lag, spool, sessions, quarantine")
    command.add_argument("--json", action="store_true", help="for programs")

    command = commands.add_parser("quarantine", help="records that could not be folded")
    command.add_argument("action", choices=["list"])
    command.add_argument("--limit", type=_count, default=100, metavar="N", help="newest N of them (default 100)")
    command.add_argument("--json", action="store_true", help="for programs, with the records' bytes")

    command = commands.add_parser("settings", help="every setting with its default and meaning")
    command.add_argument("--markdown", action="store_true", help="as the table of the README")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


if __name__ == "__main__":
    sys.exit(main())
