"""How the programs of the study speak to the one that started them: one line of JSON, and exit codes."""

import sys

import msgspec

EXIT_START = 3


def say(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()
