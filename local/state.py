"""The state folder: one user at a time, and a file in it that says where everything is."""

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.errors import StartupError

_LEFTOVERS_S = 3.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What others may know about a part; one that somebody else runs has no process and no log here."""

    name: str
    state: str
    address: str | None
    pid: int | None = None
    log: str | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The content of endpoints.json."""

    state: str  # starting, ready, stopped
    supervisor_pid: int
    parts: tuple[Endpoint, ...]

    def address(self, name: str) -> str:
        """The address of that part."""
        for part in self.parts:
            if part.name == name and part.address is not None:
                return part.address
        raise StartupError(f"the local stack has no {name}")

    def to_json(self) -> str:
        parts = {part.name: {key: value for key, value in asdict(part).items() if key != "name"} for part in self.parts}
        return json.dumps({"state": self.state, "supervisor_pid": self.supervisor_pid, "parts": parts}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Endpoints":
        """The inverse of `to_json`."""
        content: dict[str, Any] = json.loads(text)
        parts: Iterable[tuple[str, dict[str, Any]]] = content["parts"].items()
        return cls(
            content["state"], content["supervisor_pid"], tuple(Endpoint(name=name, **part) for name, part in parts)
        )


class StateDir:
    """Where one local stack keeps everything."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def ports(self) -> Path:
        return self.path / "ports.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other stack out of this folder; the kernel lets go when this process ends, however it ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as lock:
            if not _locked(lock.fileno()):
                lock.seek(0)
                raise StartupError(
                    f"{self.path} is in use by process {lock.read().strip() or 'unknown'}: stop it (Ctrl-C where it "
                    "runs), or start another stack beside it with LOCAL__STATE_DIR"
                )
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            self._await_leftovers()
            yield

    def is_held(self) -> bool:
        """Whether a stack runs in this folder now."""
        if not self._lock.exists():
            return False
        with self._lock.open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def write(self, endpoints: Endpoints) -> None:
        """Replace endpoints.json whole, so that a reader never sees half of it."""
        new = self._endpoints.with_suffix(".new")
        new.write_text(endpoints.to_json())
        new.replace(self._endpoints)

    def read(self) -> Endpoints | None:
        """What the running stack wrote last; None if none runs."""
        if not self.is_held() or not self._endpoints.exists():
            return None
        endpoints = Endpoints.from_json(self._endpoints.read_text())
        # A stack that was killed could not say that it is gone; the next one has not written yet.
        return endpoints if str(endpoints.supervisor_pid) == self._lock.read_text().strip() else None

    def _await_leftovers(self) -> None:
        """Give the parts of a supervisor that was killed a moment to be gone, so that their ports are free again.

        They are killed with it (see tether.py); a number that another program has by now costs only this moment.
        """
        last = Endpoints.from_json(self._endpoints.read_text()) if self._endpoints.exists() else None
        pids = [part.pid for part in last.parts if part.pid is not None] if last else []
        deadline = time.monotonic() + _LEFTOVERS_S
        while any(map(_exists, pids)) and time.monotonic() < deadline:
            time.sleep(0.05)

    @property
    def _lock(self) -> Path:
        return self.path / "lock"

    @property
    def _endpoints(self) -> Path:
        return self.path / "endpoints.json"


def _locked(descriptor: int) -> bool:
    """Take the lock, and do not take somebody who just looks (`is_held`) for its holder."""
    deadline = time.monotonic() + _LOOK_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:  # gone, or another user's by now
        return False
    return True
