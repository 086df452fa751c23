"""The spool without Kafka: durable before anybody is told, one slot per process, and every way to fail."""

import asyncio
import errno
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.errors import EXIT_STORAGE, SettingsError, StartupError, StorageError
from common.identity import new_session, started_ms
from common.settings import KafkaSettings
from proxy.admission import Admission, SpoolFullError
from proxy.outbox import Outbox
from proxy.reserve import Reserve
from proxy.slots import free_slots, take_slot, try_slot
from proxy.spool import SESSION_LIVES_MS, Spool, SpoolRecord
from proxy.spool_file import DiskFullError, SpoolFile
from proxy.spool_record import Removal
from proxy.spool_writer import MOST_RECORDS, SpoolWriter
from tests.support.eventually import eventually, eventually_async

pytestmark = pytest.mark.integration

REPO = Path(__file__).parents[3]
NOWHERE = "127.0.0.1:1"
KAFKA_AWAY = KafkaSettings(bootstrap_servers=NOWHERE)
RESERVE = 1 << 20


def record(name: str = "x", size: int = 0) -> SpoolRecord:
    return SpoolRecord(1, "key", name.encode().ljust(size, b"."), 1000)


def values(path: Path) -> list[bytes]:
    """What is in a spool, read as the next start would."""
    file = SpoolFile(path)
    found = [one.value for group in file.read(0, 1 << 40) for one in group.records]
    file.close()
    return found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no Kafka here to wait for."""
    monkeypatch.setattr("proxy.kafka_link._ASK_FOR_S", 0.1)


# --- the writer, turn by turn ----------------------------------------------------------------------------------------


class Writing:
    """A writer without its thread, with a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        self.died: list[int] = []
        self.released: list[list[str]] = []
        self.file = SpoolFile(folder / "spool.db")
        self.admission = Admission(1 << 30)
        self.reserve = Reserve(folder / "reserve", RESERVE)
        self.reserve.take()
        self.writer: SpoolWriter[str] = SpoolWriter(
            self.file,
            self.admission,
            self.reserve,
            self.released.append,
            clock=lambda: self.now,
            die=self.died.append,
        )
        self.writer.turn()  # the first one keeps house

    def groups(self) -> list[int]:
        return [len(group.records) for group in self.file.read(0, 1 << 30)]


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Writing]:
    made = Writing(tmp_path)
    yield made
    made.file._db.close()


def test_what_is_queued_becomes_one_group_at_once_up_to_its_limit(writing: Writing) -> None:
    for number in range(MOST_RECORDS + 44):
        writing.writer.append([(record(str(number)), str(number))])

    writing.writer.turn()
    assert writing.groups() == [MOST_RECORDS]
    assert writing.released == [[str(number) for number in range(MOST_RECORDS)]]
    writing.writer.turn()
    assert writing.groups() == [MOST_RECORDS, 44]
    assert len(writing.released[1]) == 44
    assert writing.writer.last_id == 2
    assert writing.writer.records == MOST_RECORDS + 44


def test_removals_ride_with_the_next_group(writing: Writing) -> None:
    writing.writer.append([(record("a"), "a")])
    writing.writer.turn()
    writing.writer.remove([Removal(1)])
    writing.writer.append([(record("b"), "b")])
    writing.writer.turn()
    assert [group.id for group in writing.file.read(0, 1)] == [2]


def test_removals_alone_wait_a_moment_for_company(writing: Writing) -> None:
    writing.writer.append([(record("a"), "a")])
    writing.writer.turn()
    writing.writer.remove([Removal(1)])
    writing.writer.append([(record("b"), "b")])
    writing.writer.turn()
    writing.writer.remove([Removal(2)])
    writing.writer.turn()
    assert writing.groups() == [1]
    writing.now += 0.25
    writing.writer.turn()
    assert writing.groups() == []
    assert writing.writer.oldest_ms is None
    assert writing.released == [["a"], ["b"]]


def test_closing_commits_what_is_queued(writing: Writing, tmp_path: Path) -> None:
    writing.writer.append([(record("a"), "a")])
    writing.writer.turn()
    writing.writer.remove([Removal(1)])
    writing.writer.append([(record("b"), "b")])
    writing.writer.append([(record("c"), "c")])
    writing.writer.close()
    writing.writer.run()
    assert writing.released == [["a"], ["b", "c"]]
    assert values(tmp_path / "spool.db") == [b"b", b"c"]
    assert writing.died == []


def test_a_failed_write_ends_the_process_and_tells_nobody_that_it_succeeded(writing: Writing) -> None:
    writing.file._db.execute("PRAGMA query_only=ON")
    writing.writer.append([(record("a"), "a")])
    writing.writer.run()
    assert writing.died == [EXIT_STORAGE]
    assert writing.released == []


def test_a_read_that_nobody_answers_finds_nothing(writing: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.spool_writer._READ_WITHIN_S", 0.01)
    assert writing.writer.read(0, 1) == []


def test_packs_are_taken_again_when_the_spool_is_drained_and_the_reserve_is_back(writing: Writing) -> None:
    writing.reserve.release()
    writing.admission.closed = "the disk was full"
    writing.writer.append([(record("a", size=1 << 20), "a")])
    writing.writer.turn()
    writing.now += 2
    writing.writer.turn()
    with pytest.raises(SpoolFullError, match="the disk was full"):
        writing.admission.take()

    writing.writer.remove([Removal(1)])
    writing.writer.turn()
    writing.now += 2
    writing.writer.turn()
    writing.now += 2
    writing.writer.turn()
    assert writing.admission.refusing is None
    assert writing.reserve.held
    assert writing.file.usage().used < 1 << 18  # the file gave its free pages back first


# --- slots -----------------------------------------------------------------------------------------------------------


def test_a_slot_belongs_to_one_holder_and_a_released_one_is_taken_first(tmp_path: Path) -> None:
    first, second = take_slot(tmp_path / "spool"), take_slot(tmp_path / "spool")
    assert [first.name, second.name] == ["slot-000", "slot-001"]
    assert try_slot(first.folder) is None

    first.release()
    third = take_slot(tmp_path / "spool")
    assert third.name == "slot-000"
    second.release()
    third.release()


def test_only_slots_that_nobody_holds_and_that_have_a_file_are_offered(tmp_path: Path) -> None:
    held, free, bare = (take_slot(tmp_path) for _ in range(3))
    for slot in (held, free):
        slot.spool_path.touch()
    free.release()
    bare.release()
    offered = list(free_slots(tmp_path))
    assert [slot.name for slot in offered] == ["slot-001"]
    for slot in (held, *offered):
        slot.release()


def test_a_cleared_slot_takes_no_room(tmp_path: Path) -> None:
    slot = take_slot(tmp_path)
    assert Reserve(slot.reserve_path, RESERVE).take()
    SpoolFile(slot.spool_path).close()
    slot.clear()
    assert [path.name for path in slot.folder.iterdir()] == ["lock"]
    slot.release()


@pytest.mark.parametrize("place", ["a file", "a file/below"])
def test_a_parent_that_cannot_be_used_is_refused_with_what_to_do(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(StartupError, match=r"PROXY__SPOOL_DIR=.*a file.*has to be a folder"):
        take_slot(tmp_path / place)


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(StartupError, match="No locks available"):
        take_slot(tmp_path)


def test_a_parent_whose_slots_are_all_held_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.slots._MOST", 1)
    slot = take_slot(tmp_path)
    with pytest.raises(StartupError, match="all 1 slots are held"):
        take_slot(tmp_path)
    slot.release()


def test_a_reserve_takes_its_room_for_real_and_gives_it_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", RESERVE)
    assert reserve.take()
    assert reserve.take()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= RESERVE
    reserve.release()
    assert not reserve.held
    assert not (tmp_path / "reserve").exists()


def test_a_reserve_without_room_is_not_held(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", 1 << 60)
    assert not reserve.take()
    assert not (tmp_path / "reserve").exists()


def test_a_reserve_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="reserve"):
        Reserve(tmp_path / "missing" / "reserve", RESERVE).take()


# --- as the event loop sees it ---------------------------------------------------------------------------------------


def open_outbox(folder: Path, *, max_bytes: int = 1 << 30) -> Outbox:
    return Outbox.open(folder, max_bytes, KAFKA_AWAY, reserve_bytes=RESERVE)


async def append(spool: Spool, name: str, size: int = 0) -> None:
    spool.admit()
    await asyncio.shield(spool.append(record(name, size)))


async def test_events_outlive_a_stop_without_kafka(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    await asyncio.gather(*(append(outbox.spool, f"{number:03}") for number in range(300)))
    status = outbox.status()
    assert (status.slot, status.waiting, status.accepting, status.refusing) == ("slot-000", 300, True, None)
    assert status.oldest_s is not None
    assert 0 < status.fill < 1
    await outbox.stop(0)

    assert sorted(values(tmp_path / "slot-000" / "spool.db")) == [f"{number:03}".encode() for number in range(300)]
    again = open_outbox(tmp_path)
    assert (again.status().slot, again.status().waiting) == ("slot-000", 300)
    assert again.spool.session != outbox.spool.session
    await again.stop(0)


async def test_a_caller_that_leaves_changes_nothing(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    caller = asyncio.ensure_future(append(outbox.spool, "left"))
    await asyncio.sleep(0)
    caller.cancel()
    await append(outbox.spool, "stayed")
    assert caller.cancelled()
    await outbox.stop(0)
    assert values(tmp_path / "slot-000" / "spool.db") == [b"left", b"stayed"]


async def test_what_was_appended_is_durable_when_it_is_closed(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.spool.admit()
    future = outbox.spool.append(record("a"))
    await outbox.stop(0)
    assert future.done()
    with pytest.raises(RuntimeError, match="closed"):
        outbox.spool.append(record("b"))
    assert values(tmp_path / "slot-000" / "spool.db") == [b"a"]


async def test_sequence_numbers_count_up_in_each_partition(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    spool = outbox.spool
    assert [spool.next_seq(partition) for partition in (3, 3, 5, 3)] == [1, 2, 1, 3]
    await outbox.stop(0)


async def test_a_session_that_has_lived_long_is_replaced_before_the_next_event(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    spool = outbox.spool
    young = spool.session
    spool.next_seq(3)
    spool.admit()
    assert spool.session == young

    started = started_ms(young)
    assert started is not None
    spool.session = old = new_session((started - SESSION_LIVES_MS - 1000) * 1_000_000)
    spool.admit()
    assert spool.session not in {old, young}
    assert spool.next_seq(3) == 1
    spool.release()
    spool.release()
    await outbox.stop(0)


async def test_a_full_spool_refuses_and_takes_again_what_was_released(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, max_bytes=512 << 10)
    spool = outbox.spool
    admitted = 0
    while outbox.status().accepting:
        spool.admit()
        admitted += 1
    assert 10 < admitted <= 32
    with pytest.raises(SpoolFullError, match="the spool is full"):
        spool.admit()
    assert outbox.status().refusing == "the spool is full"
    assert not outbox.status().accepting

    spool.release()
    spool.admit()
    for number in range(admitted):
        await spool.append(record(str(number), 16_000))
    with pytest.raises(SpoolFullError):
        spool.admit()
    await outbox.stop(0)
    assert len(values(tmp_path / "slot-000" / "spool.db")) == admitted


async def test_a_thread_that_dies_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = open_outbox(tmp_path)
    watching = asyncio.ensure_future(outbox.watch())
    await append(outbox.spool, "a")
    assert not watching.done()

    def bug() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(outbox._sender, "turn", bug)
    with pytest.raises(ZeroDivisionError):
        await watching
    await outbox.stop(0)


async def test_a_stop_after_the_death_of_the_writer_does_not_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = open_outbox(tmp_path)
    await append(outbox.spool, "a")

    def bug() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(outbox._writer, "_commit", bug)
    outbox.spool.admit()
    never = outbox.spool.append(record("b"))
    with pytest.raises(ZeroDivisionError):
        await outbox.watch()
    await outbox.stop(0)
    assert not never.done()


async def test_a_thread_that_ends_is_noticed(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox._adoption.stop()
    with pytest.raises(RuntimeError, match="ended"):
        await outbox.watch()
    await outbox.stop(0)


async def test_a_stop_is_not_taken_for_a_death(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    watching = asyncio.ensure_future(outbox.watch())
    await append(outbox.spool, "a")
    await outbox.stop(0)
    await asyncio.sleep(0)
    assert not watching.done()
    watching.cancel()


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ({"acks": "1"}, "acks"),
        ({"request.required.acks": "1", "retries": "0", "ssl.ca.location": "x"}, "request.required.acks, retries"),
        ({"bootstrap.servers": "elsewhere:9092"}, "bootstrap.servers"),
        ({"nonsense": "1"}, "nonsense"),
        ({"security.protocol": "none"}, "security.protocol"),
    ],
)
async def test_a_client_option_that_is_unsafe_or_unknown_is_refused_by_name(
    tmp_path: Path, client: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=f"KAFKA__CLIENT.*{said}"):
        Outbox.open(tmp_path / "spool", 1 << 30, KafkaSettings(client=client))
    assert not (tmp_path / "spool").exists()


async def test_a_spool_that_cannot_be_read_is_a_storage_error_and_its_slot_is_let_go(tmp_path: Path) -> None:
    slot = take_slot(tmp_path)
    slot.spool_path.write_bytes(b"no database" * 1000)
    slot.release()
    with pytest.raises(StorageError, match="not a database"):
        open_outbox(tmp_path)
    slot = take_slot(tmp_path)
    assert slot.name == "slot-000"
    slot.release()


async def test_on_a_full_disk_the_reserve_is_given_up_and_no_packs_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = open_outbox(tmp_path)
    await append(outbox.spool, "a")
    await outbox.stop(0)
    assert (tmp_path / "slot-000" / "reserve").exists()

    monkeypatch.setattr("proxy.outbox.DISK_MARGIN_BYTES", 1 << 60)
    again = open_outbox(tmp_path)
    assert not (tmp_path / "slot-000" / "reserve").exists()
    with pytest.raises(SpoolFullError, match="disk was full"):
        again.spool.admit()
    await again.stop(0)


class FullDisk:
    """Opens spools as long as it has been told so often that the disk is full."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def __call__(self, path: Path) -> SpoolFile:
        self.refusals -= 1
        if self.refusals >= 0:
            raise DiskFullError(f"{path}: full")
        return SpoolFile(path)


async def test_a_spool_that_cannot_be_opened_for_want_of_room_gets_the_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = open_outbox(tmp_path)
    await append(outbox.spool, "a")
    await outbox.stop(0)

    monkeypatch.setattr("proxy.outbox.SpoolFile", FullDisk(1))
    outbox = open_outbox(tmp_path)
    assert "disk was full" in str(outbox.status().refusing)
    outbox._writer.remove([Removal(1)])

    async def accepts() -> bool:
        return outbox.status().accepting

    await eventually_async(accepts)
    await outbox.stop(0)


async def test_a_disk_without_room_for_anything_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.outbox.SpoolFile", FullDisk(2))
    with pytest.raises(StartupError, match="free some space"):
        open_outbox(tmp_path)


# --- processes -------------------------------------------------------------------------------------------------------


class Child:
    """A process with a spool. What it says are JSON lines, its logs among them."""

    def __init__(self, folder: Path, *command: str, file_limit: int = resource.RLIM_INFINITY) -> None:
        program = [sys.executable, "-m", "tests.integration.proxy.spool_process"]
        program += [str(folder), NOWHERE, str(file_limit), *command]
        self.process = subprocess.Popen(program, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said: list[dict[str, Any]] = []

    def hear(self, key: str) -> dict[str, Any]:
        """The next line with this key."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))
            if key in self.said[-1]:
                return self.said[-1]
        raise AssertionError(f"ended with {self.process.wait()} after {self.said[-5:]}")

    def kill(self) -> None:
        self.process.kill()
        self.close()

    def close(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.said += [json.loads(line) for line in self.process.stdout]
        self.process.stdout.close()
        return self.process.wait(30)


Start = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Child] = []

    def begin(*command: str, file_limit: int = resource.RLIM_INFINITY) -> Child:
        started.append(Child(tmp_path / "spool", *command, file_limit=file_limit))
        return started[-1]

    yield begin
    for child in started:
        if child.process.returncode is None:
            child.kill()


def durable(child: Child) -> int:
    """How many events the child was told are durable."""
    return sum("durable" in said for said in child.said)


def test_kill_9_after_a_commit_loses_nothing(start: Start, tmp_path: Path) -> None:
    child = start("append", "1000000", "1500")
    for _ in range(50):
        child.hear("durable")
    child.kill()

    found = [int(value.rstrip(b".")) for value in values(tmp_path / "spool" / "slot-000" / "spool.db")]
    assert durable(child) >= 50
    assert found == list(range(len(found)))
    assert len(found) - durable(child) in {0, 1}  # one more may be durable of which nobody was told


def test_two_processes_on_one_parent_have_a_slot_each(start: Start) -> None:
    first = start("hold")
    assert first.hear("opened")["opened"] == "slot-000"
    second = start("hold")
    assert second.hear("opened")["opened"] == "slot-001"
    first.kill()
    third = start("hold")
    assert third.hear("opened")["opened"] == "slot-000"
    assert [second.close(), third.close()] == [0, 0]


def test_a_file_that_may_not_grow_ends_the_process_and_nothing_acknowledged_is_lost(
    start: Start, tmp_path: Path
) -> None:
    # Large enough for the reserve's absence to be the only thing that is wrong at the start.
    child = start("append", "1000000", "10000", file_limit=200 << 20)
    child.hear("opened")
    child.hear("durable")
    resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE, (2 << 20, resource.RLIM_INFINITY))
    assert child.close() == EXIT_STORAGE
    assert [said["level"] for said in child.said if said.get("event") == "spool_failed"] == ["critical"]

    found = values(tmp_path / "spool" / "slot-000" / "spool.db")
    assert durable(child) > 10
    assert len(found) - durable(child) in {0, 1}


def test_no_packs_are_taken_until_there_is_room_for_the_reserve(start: Start) -> None:
    child = start("reserve", str(8 << 20), file_limit=4 << 20)
    assert "disk was full" in child.hear("refusing")["refusing"]
    resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert child.hear("refusing")["refusing"] is None
    assert child.close() == 0


def test_a_terminated_process_lets_go_of_its_slot(start: Start, tmp_path: Path) -> None:
    child = start("hold")
    child.hear("opened")
    child.process.send_signal(signal.SIGTERM)
    child.close()
    slot = eventually(lambda: try_slot(tmp_path / "spool" / "slot-000"))
    assert slot is not None
    slot.release()


async def test_orphans_are_named_while_kafka_is_away_and_empty_slots_are_cleared(tmp_path: Path) -> None:
    slots = [take_slot(tmp_path) for _ in range(3)]
    for slot, records in zip(slots, ([], [record("a")], []), strict=True):
        file = SpoolFile(slot.spool_path)
        if records:
            file.commit(records, [])
        file.close()
        slot.release()

    outbox = open_outbox(tmp_path)

    async def is_named() -> bool:
        return outbox.status().orphans == ("slot-001",)

    await eventually_async(is_named)
    assert [path.name for path in (tmp_path / "slot-002").iterdir()] == ["lock"]
    await outbox.stop(0)
    assert values(tmp_path / "slot-001" / "spool.db") == [b"a"]


async def test_an_orphan_that_cannot_be_read_is_named_and_disturbs_nobody(tmp_path: Path) -> None:
    own, broken = take_slot(tmp_path), take_slot(tmp_path)
    broken.spool_path.write_bytes(b"no database" * 1000)
    own.release()
    broken.release()

    outbox = open_outbox(tmp_path)

    async def is_named() -> bool:
        return outbox.status().orphans == ("slot-001",)

    await eventually_async(is_named)
    await append(outbox.spool, "a")
    await outbox.stop(0)
