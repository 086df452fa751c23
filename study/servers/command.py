"""Runs one database server as a program, so that a reader needs no test and no bench to have one."""

import importlib
import signal
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

from study.kit.programs import say
from study.servers.running import Running

# Each is a module here, with a function `running(folder)`.
NAMES = ("kafka_mongodb", "mongodb", "postgresql")


def serve(name: str, folder: Path) -> int:
    """Says in a line of JSON where it is, and stops it at SIGINT or SIGTERM; its data stay in the folder."""
    # Only the one that is asked for is imported: each needs packages of its own.
    server: AbstractContextManager[Running] = importlib.import_module(f"study.servers.{name}").running(folder)
    # As an exception, so that a server that is still starting is stopped too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    with server as running:
        say({"server": name, "url": running.url, "pids": running.pids})
        while True:
            time.sleep(3600)
