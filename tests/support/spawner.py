"""Starts programs of this project by forking a process that has their libraries imported already.

Importing them takes most of a second of processor time, and a test run starts some hundred programs. What is forked has
imported nothing of the program itself: that is loaded and run anew each time, as `python -m` does it.
"""

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from local import tether

REPO = Path(__file__).parents[2]

_LIBRARIES = [
    "aiohttp",
    "confluent_kafka.admin",
    "fastapi.applications",
    "httptools",
    "msgspec",
    "prometheus_client",
    "pydantic_settings",
    "pymongo.asynchronous.mongo_client",
    "rich.table",
    "structlog",
    "uvicorn",
]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_LIBRARIES)


class Spawned:
    """A started program: `python -m MODULE ARGUMENTS…` with this environment and nothing else, writing to these files."""

    def __init__(
        self, module: str, *arguments: str, env: Mapping[str, str], folder: Path, out: Path, errors: Path | None = None
    ) -> None:
        means = (module, arguments, dict(env), folder, out, errors)
        self._process = _context.Process(target=_become, args=means, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; a death by signal N is −N."""
        return self._process.exitcode

    def wait(self, seconds: float) -> int | None:
        """Its exit code, None if it has not ended by then."""
        self._process.join(seconds)
        return self.exit_code()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it still runs."""
        if self.exit_code() is None:
            os.kill(self.pid, number)

    def kill(self) -> int:
        """End it at once, whatever it does; blocks until it is gone."""
        self.send(signal.SIGKILL)
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode


def _become(
    module: str, arguments: tuple[str, ...], env: Mapping[str, str], folder: Path, out: Path, errors: Path | None
) -> None:
    tether.tie(os.getppid())
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    _point(0, Path(os.devnull), os.O_RDONLY)
    _point(1, out, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if errors is None:
        os.dup2(1, 2)
    else:
        _point(2, errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.argv = [module, *arguments]
    sys.path.insert(0, str(folder))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _point(descriptor: int, path: Path, flags: int) -> None:
    opened = os.open(path, flags, 0o644)
    os.dup2(opened, descriptor)
    os.close(opened)
