"""Slots: folders under PROXY__SPOOL_DIR, each of which belongs to one process at a time, so that two never share a spool.

`slot-NNN/lock` is locked (flock) for the life of a process; the kernel lets go of it however the process ends. So a
slot that can be locked belongs to nobody, and what it holds may be sent by anybody who locks it first.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from common.errors import StartupError

SPOOL_FILE = "spool.db"
_PREFIX = "slot-"
_MOST = 1000


class Slot:
    """A slot that this process holds until `release`."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock = lock

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def spool_path(self) -> Path:
        return self.folder / SPOOL_FILE

    @property
    def reserve_path(self) -> Path:
        return self.folder / "reserve"

    def clear(self) -> None:
        """Remove spool and reserve, to be called only when nothing in them is needed; the slot itself stays."""
        for name in (f"{SPOOL_FILE}-wal", f"{SPOOL_FILE}-shm", SPOOL_FILE, self.reserve_path.name):
            (self.folder / name).unlink(missing_ok=True)
        _sync_folder(self.folder)

    def release(self) -> None:
        os.close(self._lock)


def take_slot(parent: Path) -> Slot:
    """Lock the first free slot, making one where all are held. Raises StartupError that says what to do."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(_MOST):
            slot = try_slot(parent / f"{_PREFIX}{number:03}")
            if slot is not None:
                return slot
    except OSError as error:
        raise StartupError(
            f"PROXY__SPOOL_DIR={parent}: {error.strerror or error}; it has to be a folder on a local disk "
            f"in which user {os.getuid()} may write"
        ) from error
    raise StartupError(f"PROXY__SPOOL_DIR={parent}: all {_MOST} slots are held by running processes")


def try_slot(folder: Path) -> Slot | None:
    """Lock this slot, made if need be; None where another process (or this one) holds it."""
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        os.close(lock)
        raise
    return Slot(folder, lock)


def free_slots(parent: Path) -> Iterator[Slot]:
    """Every existing slot that nobody holds and that has a spool file, locked; the caller releases each."""
    for folder in sorted(parent.glob(f"{_PREFIX}[0-9]*")):
        if not (folder / SPOOL_FILE).exists():
            continue
        slot = try_slot(folder)
        if slot is not None:
            yield slot


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a file that was synced can still be lost with its name."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
