"""The spool on disk: groups of records in one SQLite file, each commit durable when `commit` returns.

- WAL with synchronous=FULL: a commit is one fsync of the log. The log is copied into the file by explicit
  checkpoints, because SQLite's automatic ones swallow their errors, and an fsync that failed must never be tried again.
- One connection, exclusive: no shared memory file, and nobody can hold up a checkpoint.
- AUTOINCREMENT: the number of a group is never given twice, also after its row is gone.
- Any error of SQLite or of the system is a StorageError: what is really there is read by the next start.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from common.crash_points import CrashPoint, reach
from common.errors import StorageError
from proxy import spool_record
from proxy.spool_record import Group, Removal, SpoolRecord

_VERSION = 1
_PAGE_BYTES = 8192
_CHECKPOINT_BYTES = 4 * 1024 * 1024
_WAL_KEPT_BYTES = 16 * 1024 * 1024
_SHRINK_FREE_BYTES = 64 * 1024 * 1024
_SHRINK_USED_BYTES = 1024 * 1024

_SCHEMA = """
CREATE TABLE groups(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    records INTEGER NOT NULL, bytes INTEGER NOT NULL, first_ms INTEGER NOT NULL,
    records_ever INTEGER NOT NULL, bytes_ever INTEGER NOT NULL,
    data BLOB NOT NULL);
CREATE TABLE aside(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    set_aside_ms INTEGER NOT NULL, records INTEGER NOT NULL, data BLOB NOT NULL);
"""
_INSERT = """
INSERT INTO groups(records, bytes, first_ms, records_ever, bytes_ever, data) VALUES (?, ?, ?, ?, ?, ?)
"""


class DiskFullError(StorageError):
    """There is no room on the disk, or the file may not grow."""


class Usage(msgspec.Struct, frozen=True):
    """What a spool takes and what its disk has left, in bytes."""

    used: int  # pages that hold something, and the log
    room: int  # the disk's free space and the file's own free pages


class SpoolFile:
    """One spool, for one thread at a time. After a StorageError it is not to be used again."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises StorageError, or DiskFullError where only space is missing."""
        self.path = path
        self._folder = str(path.parent)
        self._wal = Path(f"{path}-wal")
        self._unchecked_bytes = 0  # about how much was written to the log since the last checkpoint
        with _storage(path):
            self._db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            with _storage(path):
                self._prepare()
        except StorageError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        for pragma in (
            f"page_size={_PAGE_BYTES}",
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=FULL",
            "wal_autocheckpoint=0",
            "temp_store=MEMORY",  # a container's file system may be read-only but for the spool
        ):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("BEGIN IMMEDIATE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={_VERSION}")
        elif version != _VERSION:
            raise StorageError(f"{self.path} has version {version}: it was written by another version of packstats")
        self._db.execute("COMMIT")
        self._count()

    def _count(self) -> None:
        """What is there. Found from the two ends, because a scan of a large spool would take minutes.

        Groups that were removed between the two ends count until the spool is empty.
        """
        ends = "SELECT id, records, bytes, first_ms, records_ever, bytes_ever FROM groups ORDER BY id"
        first = self._db.execute(f"{ends} LIMIT 1").fetchone()
        last = self._db.execute(f"{ends} DESC LIMIT 1").fetchone()
        self.last_id: int = last[0] if last else 0  # the last that is there: an empty spool has nothing to send
        self.oldest_ms: int | None = first[3] if first else None
        self._records_ever: int = last[4] if last else 0
        self._bytes_ever: int = last[5] if last else 0
        self.records: int = self._records_ever - first[4] + first[1] if first else 0
        self.bytes: int = self._bytes_ever - first[5] + first[2] if first else 0
        self.aside: int = self._db.execute("SELECT coalesce(sum(records), 0) FROM aside").fetchone()[0]

    @property
    def empty(self) -> bool:
        """Whether there is nothing left to send."""
        return self.oldest_ms is None

    def commit(self, records: list[SpoolRecord], removals: Sequence[Removal]) -> None:
        """Append the records as one group and remove others, in one transaction that is durable on return."""
        with _storage(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            if records:
                self._append(records)
                reach(CrashPoint.SPOOL_APPENDED)
            for removal in removals:
                self._remove(removal)
                reach(CrashPoint.SPOOL_REMOVED)
            self._db.execute("COMMIT")
            if removals or self.empty:
                self._read_oldest()
            if self._unchecked_bytes >= _CHECKPOINT_BYTES:
                self._checkpoint("PASSIVE")

    def read(self, after: int, max_bytes: int) -> list[Group]:
        """The groups after that one, in order: at least one if there is one, and no more once `max_bytes` are reached."""
        groups: list[Group] = []
        size = 0
        with _storage(self.path):
            rows = self._db.execute("SELECT id, data FROM groups WHERE id > ? ORDER BY id", (after,))
            for number, data in rows:
                groups.append(Group(number, spool_record.decode(data)))
                size += len(data)
                if size >= max_bytes:
                    break
            rows.close()  # an open cursor would stop checkpoints
        return groups

    def usage(self) -> Usage:
        with _storage(self.path):
            (pages,) = self._db.execute("PRAGMA page_count").fetchone()
            (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
            disk = os.statvfs(self._folder)
            return Usage(
                used=(pages - free) * _PAGE_BYTES + self._wal_bytes(),
                room=disk.f_bavail * disk.f_frsize + free * _PAGE_BYTES,
            )

    def tidy(self, *, shrink: bool = False) -> None:
        """Give disk space back, for an idle moment: a log that has grown, and free pages once hardly anything is left.

        With `shrink` every free page is given back.
        """
        with _storage(self.path):
            (pages,) = self._db.execute("PRAGMA page_count").fetchone()
            (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
            small = (pages - free) * _PAGE_BYTES <= _SHRINK_USED_BYTES
            if small and free * _PAGE_BYTES >= (1 if shrink else _SHRINK_FREE_BYTES):
                self._db.execute("VACUUM")
                self._checkpoint("TRUNCATE")
            elif self._wal_bytes() > (0 if shrink else _WAL_KEPT_BYTES):
                self._checkpoint("TRUNCATE")

    def close(self) -> None:
        with _storage(self.path), closing(self._db):
            self._checkpoint("TRUNCATE")

    def _append(self, records: list[SpoolRecord]) -> None:
        data = spool_record.encode(records)
        first_ms = min(record.occurred_ms for record in records)
        self.records += len(records)
        self.bytes += len(data)
        self._records_ever += len(records)
        self._bytes_ever += len(data)
        row = (len(records), len(data), first_ms, self._records_ever, self._bytes_ever, data)
        self.last_id = self._db.execute(_INSERT, row).lastrowid or self.last_id
        self._unchecked_bytes += len(data) + 4 * _PAGE_BYTES

    def _remove(self, removal: Removal) -> None:
        cursor = self._db.execute("DELETE FROM groups WHERE id = ? RETURNING records, bytes", (removal.group,))
        for records, size in cursor.fetchall():
            self.records -= records
            self.bytes -= size
            if removal.aside:
                row = (time.time_ns() // 1_000_000, len(removal.aside), spool_record.encode(list(removal.aside)))
                self._db.execute("INSERT INTO aside(set_aside_ms, records, data) VALUES (?, ?, ?)", row)
                self.aside += len(removal.aside)
        self._unchecked_bytes += 2 * _PAGE_BYTES

    def _read_oldest(self) -> None:
        row = self._db.execute("SELECT first_ms FROM groups ORDER BY id LIMIT 1").fetchone()
        if row:
            self.oldest_ms = row[0]
        else:
            self.oldest_ms, self.records, self.bytes = None, 0, 0

    def _checkpoint(self, mode: str) -> None:
        self._db.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        self._unchecked_bytes = 0

    def _wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0


@contextmanager
def _storage(path: Path) -> Iterator[None]:
    """Every way in which a disk or file can fail, as a StorageError that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        kind = DiskFullError if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL else StorageError
        raise kind(f"{path}: {error} ({getattr(error, 'sqlite_errorname', type(error).__name__)})") from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}") from error
    except msgspec.MsgspecError as error:
        raise StorageError(f"{path}: a group cannot be read: {error}") from error
