"""Runs the programs of a stage as its user does, and gets the line of JSON each of them says."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from study.bench.memory import MemoryWatch
from study.kit.settings import DATA, DATABASE, PORT, READERS
from study.kit.stages import ROOT, Stage

_STOP_WITHIN_S = 10
# A backend imports its libraries and connects; on a busy machine that takes a while.
START_WITHIN_S = 120
_TOLD = 400


class ProgramError(Exception):
    """A program did not do what it is there for; the text says why."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all programs of a stage are told, and how much they may take."""

    stage: Stage
    data: Path
    database: str
    readers: int
    memory_mib: int
    log: Path

    def environ(self) -> dict[str, str]:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        given = {DATA: str(self.data), DATABASE: self.database, PORT: "0", READERS: str(self.readers)}
        return {**os.environ, **given, "PYTHONUNBUFFERED": "1", "PYTHONPATH": path}


class Program:
    """`python -m study COMMAND STAGE …`, running; or a program of the stage's own, if there is a file of that name."""

    def __init__(self, around: Surroundings, command: str, *words: str) -> None:
        self._what, self._log = f"{command} {around.stage.number}", around.log
        own = around.stage.folder / f"{command}.py"
        program = [str(own)] if own.exists() else ["-m", "study", command, around.stage.number]
        with around.log.open("wb") as log:
            self._popen = subprocess.Popen(  # noqa: S603  # this program, with a stage of ours
                [sys.executable, *program, *words],
                cwd=ROOT,
                env=around.environ(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def ended(self) -> bool:
        return self._popen.poll() is not None

    def said(self, within_s: float) -> dict[str, Any]:
        """Its line, for which this waits."""
        assert self._popen.stdout
        line = read_line(self._popen.stdout, within_s)
        if line is None:
            raise ProgramError(f"{self._what}: not done within {within_s:g} s")
        if not line:
            code = self._popen.wait(_STOP_WITHIN_S)
            raise ProgramError(f"{self._what}: ended with {code}: {self.last_words()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def last_words(self) -> str:
        """The end of what it wrote on stderr."""
        return " | ".join(self._log.read_text(errors="replace").strip().splitlines()[-3:])[-_TOLD:]

    def stop(self) -> None:
        if not self.ended():
            self._popen.terminate()
        try:
            self._popen.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:  # in the middle of a long query
            self._popen.kill()
            self._popen.wait()
        if self._popen.stdout:
            self._popen.stdout.close()


def run(around: Surroundings, command: str, within_s: float) -> tuple[dict[str, Any], float]:
    """What a program says when it is done, and its peak of memory in MiB."""
    program = Program(around, command)
    watch = MemoryWatch([program.pid], around.memory_mib)
    try:
        with watch:
            said = program.said(within_s)
    except ProgramError as error:
        raise (_too_much(around, command) if watch.exceeded else error) from error
    finally:
        program.stop()
    return said, watch.peak_mib


@dataclass(frozen=True, slots=True)
class Backend:
    url: str
    watch: MemoryWatch
    program: Program

    def why_gone(self) -> str | None:
        """None while it runs."""
        if self.watch.exceeded:
            return f"out of memory: the backend took more than its {self.watch.limit_mib} MiB"
        return f"the backend ended: {self.program.last_words()}" if self.program.ended() else None


@contextmanager
def backend(around: Surroundings) -> Iterator[Backend]:
    """A fresh process, watched."""
    program = Program(around, "serve")
    try:
        with MemoryWatch([program.pid], around.memory_mib) as watch:
            yield Backend(program.said(START_WITHIN_S)["url"], watch, program)
    finally:
        program.stop()


def read_line(stream: IO[bytes], within_s: float) -> bytes | None:
    """Empty at the end of the stream, None if there is no line in time. `stream` must not be read otherwise."""
    deadline, line = time.monotonic() + within_s, b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        part = os.read(stream.fileno(), 1)
        if not part:
            return b""
        line += part
    return line


def _too_much(around: Surroundings, command: str) -> ProgramError:
    return ProgramError(
        f"{command} {around.stage.number}: out of memory: it took more than its {around.memory_mib} MiB"
    )
