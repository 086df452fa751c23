"""`python -m local`: the whole pipeline on this machine, as real processes, until Ctrl-C."""

import argparse
import sys

from rich.console import Console

from common.errors import PackstatsError
from common.settings import load
from local import demo, doctor, services, stack, status, welcome
from local.demo import EXIT_INTERRUPTED
from local.load import Load
from local.ports import PortBook
from local.run import Foreground
from local.settings import LocalSettings
from local.state import Endpoints, StateDir

_COMMANDS = {
    "run": "Kafka, MongoDB, sandbox, proxy and aggregators, until Ctrl-C (the default)",
    "infra": "Kafka and MongoDB alone, until Ctrl-C",
    "demo": "run (or use what runs), send packs from many facilities, compare sent with counted",
    "status": "what runs, where, and where its logs are",
    "prepare": "fetch Kafka and MongoDB now",
    "doctor": "what this machine has and lacks",
}


def main() -> int:
    options = _arguments()
    # Progress and errors go beside the data where the data are for a program.
    console = Console(stderr=options.json, soft_wrap=True)
    try:
        settings = load(LocalSettings)
        state = StateDir(settings.local.state_dir)
        match options.command:
            case "status":
                return status.show(state, Console(soft_wrap=options.json), as_json=options.json)
            case "doctor":
                return doctor.show(settings, Console(), as_json=options.json)
            case "prepare":
                stack.prepare(settings, console)
            case "demo":
                load_ = Load(options.facilities, options.seconds, options.rate)
                return demo.run(settings, state, load_, console, as_json=options.json)
            case command:
                _run(settings, state, console, everything=command == "run", as_json=options.json)
    except PackstatsError as error:
        console.print(str(error), style="red", highlight=False, markup=False)
        return error.exit_code
    except KeyboardInterrupt:  # while something was fetched, or read
        return EXIT_INTERRUPTED
    return 0


def _run(settings: LocalSettings, state: StateDir, console: Console, *, everything: bool, as_json: bool) -> None:
    with state.held():
        compose = services.everything if everything else stack.infrastructure
        parts = compose(settings, state, PortBook(state.ports), console)

        def tell(endpoints: Endpoints) -> None:
            if everything and not as_json:
                console.out(welcome.text(endpoints), highlight=False)

        Foreground(state, parts, Console(soft_wrap=True), as_json=as_json).run(tell)


def _arguments() -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer as JSON, a line each")
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__, parents=[common])
    parser.set_defaults(command="run", json=False)
    commands = parser.add_subparsers(metavar="command")
    for name, meaning in _COMMANDS.items():
        command = commands.add_parser(name, help=meaning, description=meaning, parents=[common])
        command.set_defaults(command=name)
        if name == "demo":
            command.add_argument("--facilities", type=int, default=300, help="number of facilities (300)")
            command.add_argument("--seconds", type=float, default=20, help="how long they send (20)")
            command.add_argument("--rate", type=float, default=200, help="packs per second, all together (200)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
