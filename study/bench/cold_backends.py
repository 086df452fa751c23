"""Backends for the cold measurements: fresh ones every time, from a process that has their libraries imported."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from study.bench.programs import START_WITHIN_S, ProgramError, Surroundings, read_line
from study.kit.stages import ROOT, Stage

_STOP_WITHIN_S = 10


class ColdBackends:
    """Of one stage. launcher.py is the other end."""

    def __init__(self, stage: Stage) -> None:
        self._popen = subprocess.Popen(  # noqa: S603  # this program, with a stage of ours
            [sys.executable, "-m", "study.bench.launcher", stage.number],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._popen.stdin
        assert self._popen.stdout
        self._popen.stdin.close()
        self._popen.wait()
        self._popen.stdout.close()

    @contextmanager
    def backend(self, around: Surroundings) -> Iterator[str]:
        """The URL of one."""
        assert self._popen.stdin
        self._popen.stdin.write(json.dumps(around.environ()).encode() + b"\n")
        self._popen.stdin.flush()
        said: dict[str, object] = {}
        try:
            # In whichever order the launcher and its fork come to speak.
            while not {"pid", "url"} <= said.keys():
                said |= self._line()
            yield str(said["url"])
        finally:
            if isinstance(pid := said.get("pid"), int):
                _end(pid)

    def _line(self) -> dict[str, object]:
        assert self._popen.stdout
        line = read_line(self._popen.stdout, START_WITHIN_S)
        if not line:
            raise ProgramError("the backend did not start")
        found: dict[str, object] = json.loads(line)
        return found


def _end(pid: int) -> None:
    """It is the launcher's child, so all there is to see is whether the number is still in use."""
    deadline, sent = time.monotonic() + _STOP_WITHIN_S, signal.SIGTERM
    with suppress(ProcessLookupError):
        os.kill(pid, sent)
        while True:
            time.sleep(0.01)
            os.kill(pid, signal.SIGKILL if time.monotonic() > deadline else 0)
