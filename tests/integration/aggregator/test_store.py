"""The store on a real MongoDB: what is written together, who is refused, and what a dead member leaves behind."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Timer
from typing import Any

import pytest
from bson import Binary, Int64, encode
from pymongo import MongoClient

import aggregator.erasure
from admin import schema
from aggregator.batches import Flush, Stop
from aggregator.erasure import Erasure
from aggregator.flusher import Flusher, Outcome
from aggregator.pack_stream import PackStream
from aggregator.partition import Partition, Verdict
from aggregator.positions import Ends, Place
from aggregator.records import Record
from aggregator.store import Store, Writing, updates_of
from aggregator.transaction import ConflictError, FencedError, RefusedError, UnavailableError
from common import documents, progress
from common.events import Event, OfferedCarton
from common.events import encode as encode_event
from tests.support.fake_mongo import FakeMongo, ordered
from tests.support.made_events import START, START_MS, box, delete, keystem_in, pack, session_at
from tests.support.members import COUNTED, TOPIC_ID, database, numbers, store_of
from tests.support.servers import Server
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration

SESSION = session_at()
STEM, OTHER = "stem0001", "stem0002"
Position = dict[str, Any]


class Bench:
    """Stores of several members on one real database with its validators, indexes and one position."""

    def __init__(self, workspace: Workspace) -> None:
        self.documents = workspace.documents
        self._uri = workspace.mongo_uri
        self._name = workspace.name
        self._clients: list[MongoClient[dict[str, Any]]] = []
        for wanted in schema.declared():
            schema.apply(self.documents, wanted)
        [position] = database().documents[progress.POSITIONS].values()
        self.documents[progress.POSITIONS].insert_one(position)

    def member(self, owner: str = "a") -> Store:
        client = MongoClient[dict[str, Any]](self._uri, tz_aware=True, serverSelectionTimeoutMS=2000)
        self._clients.append(client)
        return Store(client, self._name, Place("pack-stats", TOPIC_ID, owner))

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def position(self) -> Position:
        found = self.documents[progress.POSITIONS].find_one()
        assert found is not None
        return found

    def numbers(self, collection: str) -> dict[Any, dict[str, int]]:
        """As of the database in memory."""
        as_fake = FakeMongo()
        as_fake.documents[collection] = {
            repr(document["_id"]): document for document in self.documents[collection].find()
        }
        return numbers(as_fake, collection)

    def requests(self) -> int:
        return sum(int(found["requests"]) for found in self.documents[documents.KEYDATA].find())

    def dump(self, *names: str) -> dict[str, list[bytes]]:
        return {name: sorted(encode(ordered(found)) for found in self.documents[name].find()) for name in names}


@pytest.fixture
def bench(workspace: Workspace) -> Iterator[Bench]:
    made = Bench(workspace)
    yield made
    made.close()


def partition_of(store: Store, *, take_over: bool = True) -> Partition:
    claim = store.claim(0)
    assert claim is not None
    if take_over:
        store.take_over(0, claim)
    return Partition(0, claim, PackStream(1))


def folded(partition: Partition, *events: Event | bytes) -> Flush:
    for event in events:
        value = event if isinstance(event, bytes) else encode_event(event)
        record = Record(partition.next_offset, START_MS, 4, b"k", value)
        if partition.offer(record) is Verdict.BARRIER:
            break
    flush = partition.swap()
    assert flush is not None
    return flush


def hourly(keystem: str, hours: int, first_seq: int) -> list[Event]:
    return [
        pack(SESSION, first_seq + number, keystem, occurred_at=START - timedelta(hours=number))
        for number in range(hours)
    ]


def no_ends(_partition: int) -> Ends | None:
    return None


# --- flush -------------------------------------------------------------------------------------------------------------------


def test_a_batch_its_sessions_and_its_position_are_written_together(bench: Bench) -> None:
    store = bench.member()
    now = datetime(2025, 3, 25, 6, tzinfo=UTC)
    flush = folded(partition_of(store), pack(SESSION, 1), b"poison", pack(SESSION, 3))
    store.flush(Writing(flush, Ends(3, now)))
    position = bench.position()
    assert (position["next_offset"], position["leader_epoch"], position["log_time"]) == (3, 4, START)
    assert (position["end_offset"], position["caught_up_at"], position["owner"]) == (3, now, "a")
    assert bench.requests() == 2
    state = bench.documents[progress.SESSIONS].find_one()
    assert state is not None
    assert (state["_id"], state["upto"], state["ranges"]) == (f"{TOPIC_ID}:0:{SESSION}", 1, [[3, 3]])
    held = bench.documents[progress.QUARANTINE].find_one()
    assert held is not None
    assert (held["value"], held["key"], held["offset"], held["cleared"]) == (b"poison", b"k", 1, False)
    claim = store.claim(0)
    assert claim is not None
    assert (claim.next_offset, claim.leader_epoch, claim.log_ms) == (3, 4, START_MS)
    assert set(claim.sessions) == {SESSION}


def test_the_database_in_memory_counts_as_the_real_one_does(bench: Bench) -> None:
    """What the unit tests rest on."""
    offered = [OfferedCarton(name="small", dims=(1.0, 2.0, 3.0))]
    events = [
        *hourly(STEM, 3, 1),
        *hourly(OTHER, 30, 10),
        pack(SESSION, 50, "x", offered=offered, latency_ns=7, box_rows=[box(carton="a.b$c"), box(carton="")]),
        pack(SESSION, 51, "x", outcome="refused", status=422),
        pack(SESSION, 52, "y", outcome="timed_out", status=None, latency_ns=None),
        b"poison",
        delete(SESSION, 60, OTHER),
    ]
    fake = database()
    for store in (bench.member(), store_of(fake)):
        partition, flusher = partition_of(store), Flusher(store, no_ends)
        for event in events:
            value = event if isinstance(event, bytes) else encode_event(event)
            partition.offer(Record(partition.next_offset, START_MS, 4, b"k", value))
            if partition.next_offset % 7 == 0:
                flusher.step(partition)
        while partition.pending or partition.barrier is not None:
            assert flusher.step(partition) is Outcome.WRITTEN
    names = (*COUNTED, progress.SESSIONS, progress.QUARANTINE)
    in_memory = {name: sorted(found.values()) for name, found in fake.dump().items() if name in names}
    assert bench.dump(*names) == in_memory


def test_hostile_names_are_stored_and_come_back(bench: Bench) -> None:
    names = ["a.b$c", "$set", "", "%", "nul\0", "ä" * 64, "0", "_id", "__proto__"]
    store = bench.member()
    rows = [box(carton=name) for name in names]
    types = dict.fromkeys(names, 2)
    store.flush(Writing(folded(partition_of(store), pack(SESSION, 1, box_rows=rows, box_types=types))))
    found = bench.documents[documents.KEYDATA].find_one()
    assert found is not None
    assert {documents.unescape(name) for name in found["cartons"]} == set(names)
    assert {documents.unescape(name): count for name, count in found["box_types"].items()} == types


def test_the_mean_latency_is_that_of_the_whole_document(bench: Bench) -> None:
    store = bench.member()
    partition = partition_of(store)
    for seq, latency_ns in ((1, 100), (2, 200), (3, 301)):
        store.flush(Writing(folded(partition, pack(SESSION, seq, latency_ns=latency_ns))))
    store.flush(Writing(folded(partition, pack(SESSION, 4, OTHER, latency_ns=None))))
    means = {found["_id"]: found["latency_mean"] for found in bench.documents[documents.KEYDATA].find()}
    assert means[OTHER] is None
    assert abs(float(means[STEM].to_decimal()) - 601 / 3) < 1e-9


# --- fences ------------------------------------------------------------------------------------------------------------------


def test_of_two_owners_the_second_is_refused_and_writes_nothing(bench: Bench) -> None:
    one, other = bench.member("a"), bench.member("b")
    flushes = [folded(partition_of(store), pack(SESSION, 1)) for store in (one, other)]
    one.flush(Writing(flushes[0]))
    before = bench.dump(*COUNTED)
    with pytest.raises(FencedError):
        other.flush(Writing(flushes[1]))
    assert bench.dump(*COUNTED) == before


@pytest.mark.parametrize("moved", [None, 0, 1])
def test_batches_of_several_partitions_are_written_all_or_none(bench: Bench, moved: int | None) -> None:
    store, stems = bench.member(), [keystem_in(number, 2) for number in range(2)]
    flushes = []
    second = {**bench.position(), "_id": progress.position_id(TOPIC_ID, 1), "partition": 1}
    bench.documents[progress.POSITIONS].insert_one(second)
    for number, stem in enumerate(stems):
        claim = store.claim(number)
        assert claim is not None
        flushes.append(folded(Partition(number, claim, PackStream(2)), pack(SESSION, 1, stem, partitions=2), b"poison"))
    if moved is not None:
        wanted = {"_id": progress.position_id(TOPIC_ID, moved)}
        bench.documents[progress.POSITIONS].update_one(wanted, {"$set": {"next_offset": Int64(1)}})
        before = bench.dump(*COUNTED)
        with pytest.raises(FencedError):
            store.flush(*map(Writing, flushes))
        assert bench.dump(*COUNTED) == before
    else:
        store.flush(*map(Writing, flushes))
        assert [found["next_offset"] for found in bench.documents[progress.POSITIONS].find()] == [2, 2]
        assert {
            found["_id"]: found["requests"] for found in bench.documents[documents.KEYDATA].find()
        } == dict.fromkeys(stems, 1)
        held = bench.documents[progress.QUARANTINE].find().sort("partition")
        assert [(found["partition"], found["offset"]) for found in held] == [(0, 1), (1, 1)]


def test_a_raised_generation_fences(bench: Bench) -> None:
    store = bench.member()
    flush = folded(partition_of(store), pack(SESSION, 1))
    bench.documents[progress.POSITIONS].update_one({}, {"$inc": {"generation": Int64(1)}})
    with pytest.raises(FencedError):
        store.flush(Writing(flush))
    assert bench.requests() == 0


def test_an_owner_whose_session_is_ended_meanwhile_can_try_again(bench: Bench) -> None:
    """Who takes over one partition ends the session of the member before, which may hold others."""
    store = bench.member()
    flush = folded(partition_of(store), pack(SESSION, 1))

    def interrupted(session: Any) -> None:
        store.advance(session, [Writing(flush)])
        session.client.admin.command("killSessions", [{"id": Binary(store.transactions.lsid, 4)}])
        store.apply(session, updates_of([flush.batch.changes()]))

    with pytest.raises(ConflictError):
        store.transactions.run(interrupted)
    store.flush(Writing(flush))
    assert bench.requests() == 1


def test_an_operation_that_is_interrupted_can_be_tried_again(bench: Bench) -> None:
    store, killer = bench.member(), bench.member("b")
    partition_of(store)
    bench.documents["things"].insert_one({"_id": 1})

    def interrupted(session: Any) -> None:
        # The server works on it for longer than it takes the other client to end the session.
        timer = Timer(0.3, lambda: killer._kill_session(store.transactions.lsid))
        timer.start()
        try:
            store.database["things"].update_one({"$where": "sleep(2500) || true"}, {"$set": {"x": 1}}, session=session)
        finally:
            timer.join()

    with pytest.raises(ConflictError):
        store.transactions.run(interrupted)


# --- a dead member -------------------------------------------------------------------------------------------------------------


def leave_open(store: Store) -> None:
    """Die inside a flush: the position is locked by a transaction that nobody will finish."""
    partition = partition_of(store)
    flush = folded(partition, pack(SESSION, 1))
    session = store.transactions._session
    session.start_transaction()
    store.advance(session, [Writing(flush)])


def test_what_a_dead_member_left_open_is_ended_before_the_first_flush(bench: Bench) -> None:
    leave_open(bench.member("dead"))
    heir = bench.member("heir")
    partition = partition_of(heir)
    assert partition.next_offset == 0
    heir.flush(Writing(folded(partition, pack(SESSION, 1))))
    assert (bench.requests(), bench.position()["owner"]) == (1, "heir")


def test_without_ending_it_the_heir_runs_into_the_lock(bench: Bench) -> None:
    """So that the test before proves something."""
    leave_open(bench.member("dead"))
    heir = bench.member("heir")
    with pytest.raises(ConflictError):
        heir.flush(Writing(folded(partition_of(heir, take_over=False), pack(SESSION, 1))))
    assert bench.requests() == 0


def test_a_position_that_a_stranger_holds_can_be_claimed_without_waiting_for_it(bench: Bench) -> None:
    """The lock is of a session that no position names; it ends when the server's own limit comes."""
    stranger, heir = bench.member("stranger"), bench.member("heir")
    leave_open(stranger)
    claim = heir.claim(0)
    assert claim is not None
    heir.take_over(0, replace(claim, lsid=None))
    assert bench.position()["owner"] == "stranger", "could not be said, and that is all"
    stranger.transactions._session.abort_transaction()
    heir.flush(Writing(folded(Partition(0, claim, PackStream(1)), pack(SESSION, 1))))
    assert bench.requests() == 1


def test_a_partition_that_was_given_up_names_nobody(bench: Bench) -> None:
    store = bench.member()
    partition_of(store)
    assert bench.position()["lsid"] == Binary(store.transactions.lsid, 4)
    store.give_up(0)
    assert not {"owner", "lsid"} & set(bench.position())


# --- refusals ----------------------------------------------------------------------------------------------------------------


def test_a_document_that_fails_validation_stops_the_partition(bench: Bench) -> None:
    store = bench.member()
    partition, flusher = partition_of(store), Flusher(store, no_ends)
    bench.documents.command("collMod", documents.KEYDATA, validator={"_id": {"$ne": STEM}})
    partition.offer(Record(0, START_MS, 4, b"k", encode_event(pack(SESSION, 1))))
    assert flusher.step(partition) is Outcome.STOPPED
    assert partition.stop is not None
    assert "validation" in partition.stop.detail
    assert (bench.position()["next_offset"], bench.requests()) == (0, 0)


@pytest.mark.parametrize("problem", ["more than 8 bytes", "larger than a document may be", "a path with a hole"])
def test_what_the_database_can_never_take_is_refused(bench: Bench, problem: str) -> None:
    store = bench.member()
    updates: dict[str, dict[str, Any]] = {
        "more than 8 bytes": {"$inc": {"n": 1 << 70}},
        "larger than a document may be": {"$set": {"x": "x" * 17_000_000}},
        "a path with a hole": {"$inc": {"box_types.": 1}},
    }
    bench.documents["things"].insert_one({"_id": 1})
    with pytest.raises(RefusedError):
        store.transactions.run(
            lambda session: store.database["things"].update_one({"_id": 1}, updates[problem], session=session)
        )
    store.flush(Writing(folded(partition_of(store), pack(SESSION, 1))))


def test_an_absent_database_is_told_from_a_refusal(bench: Bench, mongo: Server) -> None:
    store = bench.member()
    partition = partition_of(store)
    flush = folded(partition, pack(SESSION, 1))
    mongo.stop()
    with pytest.raises(UnavailableError):
        store.ping()
    with pytest.raises(UnavailableError):
        store.flush(Writing(flush))
    mongo.start()
    store.flush(Writing(flush))
    assert bench.requests() == 1


def test_a_stop_is_written_down_and_taken_back_by_the_next_owner(bench: Bench) -> None:
    store = bench.member()
    partition = partition_of(store)
    store.mark_stopped(0, Stop("newer schema", "offset 1"))
    store.flush(Writing(folded(partition, pack(SESSION, 1)), stop=Stop("newer schema", "offset 1")))
    assert bench.position()["stopped"]["reason"] == "newer schema"
    partition_of(bench.member("b"))
    assert "stopped" not in bench.position()
    store.mark_stopped(0, Stop("late", "a member that was replaced"))
    assert "stopped" not in bench.position()


def test_idle_positions_are_renewed(bench: Bench) -> None:
    store, now = bench.member(), datetime(2025, 3, 25, 6, tzinfo=UTC)
    partition = partition_of(store)
    store.renew([partition], {0: Ends(0, now)})
    assert (bench.position()["end_offset"], bench.position()["caught_up_at"]) == (0, now)
    store.renew([partition], {0: Ends(5, now + timedelta(seconds=5))})
    assert (bench.position()["end_offset"], bench.position()["caught_up_at"]) == (5, now)


# --- deletes -----------------------------------------------------------------------------------------------------------------


def test_a_delete_in_slices_is_finished_by_the_next_owner_to_the_last_digit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregator.erasure, "SLICE_DOCUMENTS", 7)
    others = [*hourly(OTHER, 30, 200)]
    first = bench.member("first")
    partition = partition_of(first)
    first.flush(Writing(folded(partition, *others)))
    alone = {name: bench.numbers(name) for name in COUNTED}
    extremes = bench.documents[documents.TOTALS].find_one({}, {"latency.max": 1, "first_seen": 1, "last_seen": 1})
    first.flush(Writing(folded(partition, *hourly(STEM, 50, 1), delete(SESSION, 100, STEM))))
    for _ in range(3):
        assert not Erasure(first, partition).step()
    assert bench.position()["step"] == 3

    second = bench.member("second")
    partition = partition_of(second)
    assert partition.next_offset == 80, "the position stands at the delete"
    partition.offer(Record(80, START_MS, 4, b"k", encode_event(delete(SESSION, 100, STEM))))
    steps = 1
    while not Erasure(second, partition).step():
        steps += 1
    assert steps == 5 + 1 + 1, "5 slices of hours were left, one of days, and the lifetime document"
    with pytest.raises(FencedError):
        Erasure(first, partition).step()
    for name in COUNTED:
        assert bench.numbers(name) == alone[name]
    assert bench.position()["next_offset"] == 81
    assert "step" not in bench.position()
    after = bench.documents[documents.TOTALS].find_one({}, {"latency.max": 1, "first_seen": 1, "last_seen": 1})
    assert after == extremes
    receipt = bench.documents[progress.DELETIONS].find_one({"_id": f"{SESSION}.0.100"})
    assert receipt is not None
    assert (receipt["keystem"], receipt["offset"], receipt["cleared"]["requests"]) == (STEM, 80, 50)


def test_a_slice_that_dies_in_the_middle_is_as_if_it_had_never_begun(bench: Bench) -> None:
    dead = bench.member("dead")
    partition = partition_of(dead)
    dead.flush(Writing(folded(partition, *hourly(STEM, 9, 1), delete(SESSION, 100, STEM))))
    before = bench.dump(*COUNTED)
    session = dead.transactions._session
    session.start_transaction()
    Erasure(dead, partition)._slice(session)
    assert bench.dump(*COUNTED) == before

    heir = bench.member("heir")
    partition = partition_of(heir)
    partition.offer(Record(9, START_MS, 4, b"k", encode_event(delete(SESSION, 100, STEM))))
    while not Erasure(heir, partition).step():
        pass
    assert all(bench.numbers(name) == {} for name in COUNTED)


def test_two_owners_of_a_delete_subtract_once(bench: Bench) -> None:
    stores = [bench.member("a"), bench.member("b")]
    partition = partition_of(stores[0])
    stores[0].flush(Writing(folded(partition, *hourly(OTHER, 2, 200), *hourly(STEM, 5, 1))))
    partitions = [partition_of(store) for store in stores]
    for one in partitions:
        one.offer(Record(7, START_MS, 4, b"k", encode_event(delete(SESSION, 100, STEM))))
    flushers = [Flusher(store, no_ends) for store in stores]
    outcomes = [flushers[turn % 2].step(partitions[turn % 2]) for turn in range(8)]
    assert Outcome.LOST in outcomes
    [total] = bench.numbers(documents.TOTALS).values()
    assert (total["requests"], bench.requests()) == (2, 2)
