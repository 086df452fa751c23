"""The spool's file on a real disk: what was committed comes back, and nothing else is taken for it."""

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import StorageError
from proxy.spool_file import DiskFullError, SpoolFile
from proxy.spool_record import Group, Removal, SpoolRecord

pytestmark = pytest.mark.integration


def record(name: str, occurred_ms: int = 1000, size: int = 0) -> SpoolRecord:
    return SpoolRecord(1, "key", name.encode().ljust(size, b"."), occurred_ms)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


def test_groups_come_back_in_order_after_a_restart(path: Path) -> None:
    file = SpoolFile(path)
    first = [record("a", 2000), record("b", 1500)]
    second = [SpoolRecord(2, "other", b"c", 3000, is_delete=True)]
    file.commit(first, [])
    file.commit(second, [])
    file.close()

    again = SpoolFile(path)
    assert again.read(0, 1 << 20) == [Group(1, first), Group(2, second)]
    assert again.read(1, 1 << 20) == [Group(2, second)]
    assert (again.last_id, again.records, again.oldest_ms, again.empty) == (2, 3, 1500, False)
    again.close()


def test_the_number_of_a_group_is_never_given_twice(path: Path) -> None:
    file = SpoolFile(path)
    file.commit([record("a")], [])
    file.commit([record("b")], [Removal(1)])
    file.commit([], [Removal(2)])
    assert (file.records, file.bytes, file.oldest_ms, file.empty) == (0, 0, None, True)
    file.close()

    again = SpoolFile(path)
    assert again.last_id == 0, "nothing is there to be sent: a sender that waited for group 2 would never be drained"
    again.commit([record("c")], [])
    assert [group.id for group in again.read(0, 1 << 20)] == [3]
    assert again.last_id == 3
    again.close()


def test_a_read_stops_at_its_size_but_gives_at_least_one_group(path: Path) -> None:
    file = SpoolFile(path)
    for name in "abc":
        file.commit([record(name, size=1000)], [])
    assert [group.id for group in file.read(0, 1)] == [1]
    assert [group.id for group in file.read(0, 1500)] == [1, 2]
    assert file.read(3, 1) == []
    file.close()


def test_a_group_is_removed_and_its_old_records_are_kept_aside_together(path: Path) -> None:
    file = SpoolFile(path)
    file.commit([record("a"), record("b")], [])
    file.commit([], [Removal(1, (record("a"),))])
    file.commit([], [Removal(1, (record("a"),))])  # not there any more: nothing is kept twice
    assert (file.records, file.aside, file.empty) == (0, 1, True)
    file.close()

    again = SpoolFile(path)
    assert again.aside == 1
    again.close()


def test_counts_are_found_again_without_a_scan(path: Path) -> None:
    file = SpoolFile(path)
    for size in (3, 1, 2):
        file.commit([record("x")] * size, [])
    file.commit([], [Removal(1)])
    known = (file.records, file.bytes)
    assert known[0] == 3
    file.close()

    again = SpoolFile(path)
    assert (again.records, again.bytes) == known
    again.commit([record("y")], [Removal(2), Removal(3)])
    assert again.records == 1
    again.close()


def test_the_log_stays_small_and_the_file_gives_its_space_back_once_it_is_empty(path: Path) -> None:
    file = SpoolFile(path)
    for _ in range(100):
        file.commit([record("x", size=1 << 20)], [])
    assert path.with_name("spool.db-wal").stat().st_size < 16 << 20
    used = file.usage().used
    assert used > 100 << 20

    file.commit([], [Removal(group) for group in range(1, 101)])
    file.tidy()
    assert path.stat().st_size < 1 << 20
    assert file.usage().used < 1 << 20
    assert file.usage().room > 0
    assert file.last_id == 100
    file.close()


def test_a_little_is_not_given_back_unless_every_byte_counts(path: Path) -> None:
    file = SpoolFile(path)
    file.commit([record("x", size=1 << 20)], [])
    file.commit([], [Removal(1)])
    file.tidy()
    assert file.usage().used > 1 << 20
    file.tidy(shrink=True)
    assert file.usage().used < 1 << 18
    file.tidy(shrink=True)
    file.close()


def test_a_file_that_is_no_spool_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(StorageError, match="not a database"):
        SpoolFile(path)


def test_a_file_of_another_version_is_refused(path: Path) -> None:
    SpoolFile(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(StorageError, match="99"):
        SpoolFile(path)


def test_a_second_opener_is_refused(path: Path) -> None:
    file = SpoolFile(path)
    with pytest.raises(StorageError, match="locked"):
        SpoolFile(path)
    file.close()


def test_a_group_that_cannot_be_read_is_an_error_and_not_skipped(path: Path) -> None:
    file = SpoolFile(path)
    file.commit([record("a")], [])
    file._db.execute("UPDATE groups SET data = x'93'")
    with pytest.raises(StorageError, match="cannot be read"):
        file.read(0, 1)
    file.close()


def _full(file: SpoolFile) -> None:
    (pages,) = file._db.execute("PRAGMA page_count").fetchone()
    file._db.execute(f"PRAGMA max_page_count={pages}")


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_full, DiskFullError),
        (lambda file: file._db.execute("PRAGMA query_only=ON"), StorageError),
        (lambda file: file._db.close(), StorageError),
    ],
    ids=["full", "read-only", "gone"],
)
def test_whatever_the_disk_refuses_is_a_storage_error(
    path: Path, spoil: Callable[[SpoolFile], object], error: type[StorageError]
) -> None:
    file = SpoolFile(path)
    spoil(file)
    with pytest.raises(error, match=r"spool\.db"):
        file.commit([record("a", size=100_000)], [])
    file._db.close()


def test_a_disk_that_cannot_be_asked_is_a_storage_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(folder: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    file = SpoolFile(path)
    monkeypatch.setattr("os.statvfs", failing)
    with pytest.raises(StorageError, match="Input/output error"):
        file.usage()
    file.close()


def test_a_folder_that_is_gone_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        SpoolFile(tmp_path / "missing" / "spool.db")
