"""Ports that stay the same from run to run, and the name of whoever holds one that is taken."""

import json
import random
import socket
from collections.abc import Container
from pathlib import Path

from common.errors import StartupError

LOOPBACK = "127.0.0.1"
# Below the range that the kernel gives to outgoing connections, so that a port is still free when its server,
# stopped for a while, comes back, and no client can connect to itself there.
_FREE_RANGE = range(20_000, 32_000)
_LISTEN = "0A"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closing connection is no holder
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(taken: Container[int] = ()) -> int:
    """A port on which nobody listens, and that is not in `taken`."""
    for _ in range(1000):
        port = random.choice(_FREE_RANGE)  # noqa: S311  # chance only keeps two searchers apart
        if port not in taken and is_free(port):
            return port
    raise StartupError(f"no free port between {_FREE_RANGE.start} and {_FREE_RANGE.stop} on {LOOPBACK}")


def require(port: int, setting: str) -> int:
    """That port and no other; refused with the name of its holder, because a caller was promised this address."""
    if not is_free(port):
        raise StartupError(f"port {port} is taken by {holder(port)}: stop it, or choose another with {setting}")
    return port


class PortBook:
    """The ports of one state folder, written down so that a restart has the same addresses."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        self._given: set[int] = set()

    def choose(self, name: str, usual: int | None = None) -> int:
        """The port of last time, else the usual one, else any, whichever is free first."""
        for port in (self._kept.get(name), usual):
            if port is not None and port not in self._given and is_free(port):
                return self._keep(name, port)
        return self._keep(name, free_port(self._given | set(self._kept.values())))

    def reserve(self, port: int) -> int:
        """Keep `choose` away from a port that is given elsewhere."""
        self._given.add(port)
        return port

    def _keep(self, name: str, port: int) -> int:
        self._given.add(port)
        self._kept[name] = port
        self._path.write_text(json.dumps(self._kept, indent=1) + "\n")
        return port


def holder(port: int, proc: Path = Path("/proc")) -> str:
    """Who listens there, as far as this user may know: `process 4711 (java -jar x.jar)`."""
    inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listeners(proc / "net" / table, port)}
    for process in proc.glob("[0-9]*") if inodes else ():
        if _holds_one(process, inodes):
            return f"process {process.name} ({_command_line(process)})"
    return "another process"


def _listeners(table: Path, port: int) -> list[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _holds_one(process: Path, inodes: Container[str]) -> bool:
    try:
        return any(_target(descriptor) in inodes for descriptor in (process / "fd").iterdir())
    except OSError:  # ended meanwhile, or another user's
        return False


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:  # closed meanwhile
        return ""


def _command_line(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "ended meanwhile"
    line = " ".join(words).strip()
    return line if len(line) <= 120 else line[:119] + "…"
