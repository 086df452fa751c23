"""One part as a real process with one log file, tied to the process that started it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_TETHER = Path(__file__).parent / "tether.py"
_LOG_LIMIT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """What to run, how to see that it is ready, and how long it may take to start and to stop."""

    name: str
    command: tuple[str, ...]
    address: str | None
    is_ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    one_shot: bool = False
    together: bool = False  # may start with the part before it, instead of after that is ready
    ready_within_s: float = 120
    stop_within_s: float = 20


class PartProcess:
    """A started part. Start it in a thread that lives as long as it does: its parent-death signal is the thread's."""

    def __init__(self, part: Part, log: Path) -> None:
        self.part = part
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        tether = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid())]
        with log.open("ab") as output:
            # A session of its own, so that Ctrl-C reaches the supervisor alone, which then stops the parts in order.
            self._popen = subprocess.Popen(
                [*tether, *part.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **part.env},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def exit_code(self) -> int | None:
        """None while it runs; a death by signal N is −N."""
        return self._popen.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it still runs."""
        self._popen.send_signal(number)

    def kill(self) -> int:
        """End it at once, whatever it does; blocks until it is gone."""
        self._popen.kill()
        return self._popen.wait()

    def stop(self, *, hurry: Callable[[], bool] = lambda: False) -> int:
        """Ask it to end, and kill it when its time is over or `hurry` says so; blocks until it is gone."""
        self._popen.terminate()
        deadline = time.monotonic() + self.part.stop_within_s
        while time.monotonic() < deadline and not hurry():
            try:
                return self._popen.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        return self.kill()


def tail(log: Path, count: int) -> str:
    """The last lines of a log, without reading more of it than they are likely to take; nothing where there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - count * 500))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-count:])
