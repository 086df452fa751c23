"""Starts a server of the project's local stack and waits until it serves."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.process import Part, PartProcess, tail
from study.kit.settings import StartError


@contextmanager
def started(part: Part, log: Path) -> Iterator[PartProcess]:
    """Stopped at the end, whatever happens; killed if that takes too long. Raises StartError where it does not start."""
    process = PartProcess(part, log)
    try:
        _wait_until_ready(process)
        yield process
    finally:
        process.stop()


def _wait_until_ready(process: PartProcess) -> None:
    part = process.part
    deadline = time.monotonic() + part.ready_within_s
    while not part.is_ready():
        ended = process.exit_code() is not None
        if ended or time.monotonic() > deadline:
            how = "ended" if ended else "was not ready in time"
            raise StartError(f"{part.name} {how}; the end of its log:\n{tail(process.log, 20)}")
        time.sleep(0.1)
