"""`python -m admin`: the operator's commands. Their settings are the variables the processes are started with."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

import structlog
from rich.console import Console

from admin import (
    accept_gap,
    init,
    quarantine,
    quarantine_show,
    retry,
    sessions,
    settings_table,
    spools,
    status_view,
    verify,
)
from admin.gaps import Wanted
from admin.settings import Settings
from common.errors import EXIT_DRAINED, PackstatsError
from common.settings import load

Options = argparse.Namespace
Add = Callable[..., argparse.ArgumentParser]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code of common.errors."""
    options = _parser().parse_args(arguments)
    # Tables that go into a file or a pipe are not folded to the width of a terminal nobody looks at.
    console = Console(width=None if sys.stdout.isatty() else 180)
    # The modules of the product say what goes wrong on the way; a command says how it ended.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        options.run(options, console)
    except PackstatsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return EXIT_DRAINED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m admin", description="Operator's commands of packstats.")
    add = parser.add_subparsers(dest="command", required=True, metavar="COMMAND").add_parser
    _add_init(add)
    _add_status(add)
    _add_sessions(add)
    _add_verify(add)
    _add_accept_gap(add)
    _add_quarantine(add)
    _add_spool(add)
    _add_settings(add)
    return parser


def _add_init(add: Add) -> None:
    command = add("init", help="make topic, collections and positions, or check those there are")
    command.add_argument("--wait", type=float, default=60, metavar="S", help="how long to wait for both (default 60)")
    command.add_argument("--new-topic", action="store_true", help="accept that the topic was removed and made again")

    def run(options: Options, console: Console) -> None:
        init.run(load(Settings), console, options.wait, new_topic=options.new_topic)

    command.set_defaults(run=run)


def _add_status(add: Add) -> None:
    command = add("status", help="positions, lag, spool, sessions, quarantine")
    _json(command)
    command.set_defaults(run=lambda options, console: status_view.run(load(Settings), console, as_json=options.json))


def _add_sessions(add: Add) -> None:
    command = add("sessions", help="runs of proxies that aggregators remember, and what was folded of each")
    command.add_argument("--partition", type=_number, metavar="N", help="of this partition alone")
    command.add_argument("--limit", type=_count, default=100, metavar="N", help="latest N of them (default 100)")
    _json(command)

    def run(options: Options, console: Console) -> None:
        sessions.run(load(Settings), console, options.partition, options.limit, as_json=options.json)

    command.set_defaults(run=run)


def _add_verify(add: Add) -> None:
    command = add("verify", help="recompute from the topic and compare; ends with 1 where something differs")
    command.add_argument("--partition", type=_number, metavar="N", help="this partition alone")
    _json(command)

    def run(options: Options, console: Console) -> None:
        verify.run(load(Settings), console, options.partition, as_json=options.json)

    command.set_defaults(run=run)


def _add_accept_gap(add: Add) -> None:
    command = add("accept-gap", help="accept that records of a stopped partition are gone, and go on behind them")
    command.add_argument("partition", type=_number, metavar="PARTITION")
    command.add_argument(
        "--to",
        type=_place,
        default="start",
        metavar="OFFSET|start|end",
        help="where to go on; start: the first record that is left (default)",
    )
    command.add_argument("--yes", action="store_true", help="accept what is shown without asking")

    def run(options: Options, console: Console) -> None:
        accept_gap.run(load(Settings), console, options.partition, options.to, confirmed=options.yes)

    command.set_defaults(run=run)


def _add_quarantine(add: Add) -> None:
    command = add("quarantine", help="records that could not be folded: list, show, retry, discard")
    action = command.add_subparsers(dest="action", required=True, metavar="ACTION").add_parser

    listing = action("list", help="what is there, newest first")
    listing.add_argument("--limit", type=_count, default=100, metavar="N", help="newest N of them (default 100)")
    _json(listing, "for programs, with the records' bytes")
    listing.set_defaults(
        run=lambda options, console: quarantine.run(load(Settings), console, options.limit, as_json=options.json)
    )
    showing = action("show", help="one record: why, decoded or as bytes, and whether it can be retried")
    _id(showing)
    showing.add_argument("--bytes", type=_count, default=4096, metavar="N", help="of the value at most (default 4096)")
    _json(showing)
    showing.set_defaults(
        run=lambda options, console: quarantine_show.run(
            load(Settings), console, options.id, options.bytes, as_json=options.json
        )
    )
    retrying = action("retry", help="put a record into the topic once more, so that it is counted once")
    _id(retrying, "?")
    retrying.add_argument(
        "--reason", metavar="R", help="all that wait for this reason, as the list has it before a colon"
    )
    _json(retrying)

    def run(options: Options, console: Console) -> None:
        if (options.id is None) == (options.reason is None):
            retrying.error("give either an ID or --reason")
        retry.run(load(Settings), console, options.id, options.reason, as_json=options.json)

    retrying.set_defaults(run=run)
    discarding = action("discard", help="note that a record will never be counted; its bytes are kept")
    _id(discarding)
    discarding.set_defaults(run=lambda options, console: retry.discard(load(Settings), console, options.id))


def _add_spool(add: Add) -> None:
    command = add("spool", help="what is left under PROXY__SPOOL_DIR on this machine: list, drain")
    action = command.add_subparsers(dest="action", required=True, metavar="ACTION").add_parser
    listing = action("list", help="slots, who holds them, and what free ones hold")
    _json(listing)
    listing.set_defaults(run=lambda options, console: spools.show(load(Settings), console, as_json=options.json))
    draining = action("drain", help="send what free slots hold, without a proxy")
    draining.add_argument("slot", nargs="?", metavar="SLOT", help="this one alone, like slot-000")
    draining.set_defaults(run=lambda options, console: spools.drain(load(Settings), console, options.slot))


def _add_settings(add: Add) -> None:
    command = add("settings", help="every setting with its default and meaning")
    command.add_argument("--markdown", action="store_true", help="as the table of the README")
    command.set_defaults(run=lambda options, console: settings_table.run(console, markdown=options.markdown))


def _json(command: argparse.ArgumentParser, meaning: str = "for programs") -> None:
    command.add_argument("--json", action="store_true", help=meaning)


def _id(command: argparse.ArgumentParser, nargs: str | None = None) -> None:
    command.add_argument("id", nargs=nargs, metavar="ID", help="as the list has it: PARTITION:OFFSET, or the whole id")


def _number(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def _place(text: str) -> Wanted:
    return "start" if text == "start" else "end" if text == "end" else _number(text)


if __name__ == "__main__":
    sys.exit(main())
