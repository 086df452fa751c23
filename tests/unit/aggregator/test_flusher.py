"""What follows from each attempt to write."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pymongo.errors import AutoReconnect, NetworkTimeout, OperationFailure

import aggregator.transaction
from aggregator.batches import Stop
from aggregator.flusher import GROUP_GROWTH, GROUP_RECORDS, TRIES, Flusher, Outcome
from aggregator.pack_stream import PackStream
from aggregator.partition import MAX_RECORDS, Partition, Verdict
from aggregator.positions import Ends
from aggregator.records import Record
from common import documents, progress
from common.events import Event, encode
from tests.support.fake_mongo import TRANSIENT
from tests.support.made_events import START, START_MS, delete, keystem_in, pack, session_at
from tests.support.members import counted, database, store_of

SESSION = session_at()
CONFLICT = OperationFailure("write conflict", 112, TRANSIENT)
REFUSAL = OperationFailure("not authorised", 13)


def no_ends(_partition: int) -> Ends | None:
    return None


class Desk:
    """A flusher with one partition on a database in memory."""

    def __init__(self) -> None:
        self.mongo = database()
        self.store = store_of(self.mongo)
        self.flusher = Flusher(self.store, {0: Ends(3, START)}.get)
        self.claim()

    def claim(self) -> None:
        claim = self.store.claim(0)
        assert claim is not None
        self.partition = Partition(0, claim, PackStream(1), self.flusher.limit(0))
        self.mongo.operations.clear()

    def offer(self, *events: Event | bytes) -> list[Verdict]:
        values = [event if isinstance(event, bytes) else encode(event) for event in events]
        return [self.partition.offer(Record(self.partition.next_offset, START_MS, 0, b"k", value)) for value in values]

    def fail_with(self, error: BaseException) -> Outcome:
        """A step whose transaction fails at its first operation."""
        self.mongo.faults.append(error)
        return self.flusher.step(self.partition)

    def step(self) -> Outcome:
        return self.flusher.step(self.partition)

    @property
    def requests(self) -> int:
        return sum(int(found["requests"]) for found in self.mongo.documents.get(documents.KEYDATA, {}).values())


@pytest.fixture
def desk() -> Desk:
    return Desk()


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_nothing_folded_is_nothing_to_write(desk: Desk) -> None:
    assert desk.step() is Outcome.NOTHING
    assert desk.mongo.operations == []


def test_a_batch_is_written_and_its_position_known(desk: Desk) -> None:
    desk.offer(pack(SESSION, 1), pack(SESSION, 2))
    assert desk.partition.written == 0
    assert desk.step() is Outcome.WRITTEN
    assert (desk.partition.written, desk.requests, desk.flusher.is_waiting(0)) == (2, 2, False)
    position = desk.mongo.documents[progress.POSITIONS]["topic-id:0"]
    assert (position["next_offset"], position["end_offset"]) == (2, 3)


def test_how_long_the_last_pack_took_until_it_was_in_the_totals_is_told() -> None:
    desk = Desk()
    forwarded = datetime.now(UTC) - timedelta(seconds=100)
    desk.offer(pack(SESSION, 1), pack(SESSION, 2, occurred_at=forwarded), b"poison")
    desk.step()
    took = REGISTRY.get_sample_value("packstats_end_to_end_seconds", {"partition": "0"})
    assert took is not None
    assert 100 <= took < 3600
    desk.offer(pack(SESSION, 3, occurred_at=datetime.now(UTC) + timedelta(hours=1)))
    desk.step()
    assert REGISTRY.get_sample_value("packstats_end_to_end_seconds", {"partition": "0"}) == 0, "clocks may differ"


def test_only_what_was_written_is_counted_as_written(desk: Desk) -> None:
    names = [
        ("packstats_events_total", {"kind": "pack"}),
        ("packstats_duplicates_total", {}),
        ("packstats_quarantined_total", {"reason": "not an event"}),
    ]
    before = [metric(name, **labels) for name, labels in names]
    desk.offer(pack(SESSION, 1), pack(SESSION, 1), b"poison")
    desk.fail_with(CONFLICT)
    assert [metric(name, **labels) for name, labels in names] == before
    desk.step()
    assert [metric(name, **labels) for name, labels in names] == [number + 1 for number in before]


def test_a_conflict_is_tried_again_with_the_very_same_batch(desk: Desk) -> None:
    desk.offer(pack(SESSION, 1))
    assert desk.fail_with(CONFLICT) is Outcome.AGAIN
    assert desk.flusher.is_waiting(0)
    desk.offer(pack(SESSION, 2))
    assert desk.step() is Outcome.WRITTEN
    assert (desk.requests, desk.partition.pending) == (1, 1), "what came meanwhile is a batch of its own"
    assert desk.step() is Outcome.WRITTEN
    assert desk.requests == 2


@pytest.mark.parametrize("error", [CONFLICT, NetworkTimeout("takes longer than it may")])
def test_after_five_attempts_half_as_much_is_tried(desk: Desk, error: BaseException) -> None:
    desk.offer(*(pack(SESSION, seq) for seq in range(1, 8)))
    outcomes = [desk.fail_with(error) for _ in range(TRIES)]
    again = Outcome.AGAIN if error is CONFLICT else Outcome.AWAY
    assert outcomes == [again] * (TRIES - 1) + [Outcome.LOST]
    desk.flusher.forget(0)
    desk.claim()
    verdicts = desk.offer(*(pack(SESSION, seq) for seq in range(1, 8)))
    assert verdicts.count(Verdict.TAKEN) == 3
    assert desk.step() is Outcome.WRITTEN
    assert desk.requests == 3


def test_a_single_record_is_not_halved(desk: Desk) -> None:
    desk.offer(pack(SESSION, 1))
    for _ in range(TRIES):
        desk.fail_with(CONFLICT)
    assert desk.flusher.limit(0) == 1


def test_batches_grow_again_with_success(desk: Desk) -> None:
    desk.offer(*(pack(SESSION, seq) for seq in range(1, 9)))
    for _ in range(TRIES):
        desk.fail_with(CONFLICT)
    desk.flusher.forget(0)
    desk.claim()
    limits = []
    for seq in range(1, 16):
        desk.offer(pack(SESSION, seq))
        desk.step()
        assert desk.partition.max_records == desk.flusher.limit(0)
        limits.append(desk.flusher.limit(0))
    assert limits[:3] == [8, 16, 32]
    assert limits[-1] == MAX_RECORDS


def test_an_absent_database_keeps_the_batch(desk: Desk) -> None:
    desk.offer(pack(SESSION, 1))
    assert desk.fail_with(AutoReconnect("reset")) is Outcome.AWAY
    assert desk.flusher.is_waiting(0)
    assert desk.step() is Outcome.WRITTEN
    assert desk.requests == 1


def test_somebody_elses_progress_means_that_the_place_is_lost(desk: Desk) -> None:
    desk.offer(pack(SESSION, 1))
    other = Desk()
    other.mongo = desk.mongo
    other.store = store_of(desk.mongo, "b")
    other.flusher = Flusher(other.store, no_ends)
    other.claim()
    other.offer(pack(SESSION, 1), pack(SESSION, 2))
    assert other.step() is Outcome.WRITTEN
    before, fenced = counted(desk.mongo), metric("packstats_fenced_total")
    assert desk.step() is Outcome.LOST
    assert counted(desk.mongo) == before
    assert metric("packstats_fenced_total") == fenced + 1


@pytest.mark.parametrize("applied", ["unanswered", "lost"])
def test_a_commit_that_nobody_answers_means_that_the_place_is_lost_and_nothing_twice(
    desk: Desk, applied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregator.transaction, "COMMIT_S", 0.0)
    desk.offer(pack(SESSION, 1))
    desk.mongo.commits.append(applied)
    assert desk.step() is Outcome.LOST
    desk.flusher.forget(0)
    desk.claim()
    assert desk.partition.next_offset == (1 if applied == "unanswered" else 0)
    while desk.partition.next_offset < 2:
        desk.offer(pack(SESSION, desk.partition.next_offset + 1))
    assert desk.step() is Outcome.WRITTEN
    assert desk.requests == 2


def test_a_batch_that_is_in_fact_written_is_not_written_again(desk: Desk) -> None:
    desk.offer(pack(SESSION, 1))
    desk.mongo.commits.append("unanswered")
    desk.mongo.commits.append(OperationFailure("no such transaction", 251, TRANSIENT))
    assert desk.step() is Outcome.AGAIN, "the answer is wrong: it was applied"
    assert desk.step() is Outcome.LOST
    assert desk.requests == 1


def test_a_refusal_stops_the_partition_for_good(desk: Desk) -> None:
    desk.offer(pack(SESSION, 1))
    assert desk.fail_with(REFUSAL) is Outcome.STOPPED
    assert desk.partition.stop is not None
    assert desk.partition.stop.reason == "refused by the database"
    assert (desk.step(), desk.flusher.is_waiting(0), desk.partition.written) == (Outcome.NOTHING, False, 0)
    assert desk.offer(pack(SESSION, 2)) == [Verdict.HELD]


def test_a_document_that_cannot_be_sent_stops_its_partition_and_not_the_process(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.offer(pack(SESSION, 1))

    def too_much(*_: Any) -> None:
        raise OverflowError("MongoDB can only handle up to 8-byte ints")

    monkeypatch.setattr(desk.store, "apply", too_much)
    assert desk.step() is Outcome.STOPPED


def test_the_word_for_the_operator_survives_the_last_flush(desk: Desk) -> None:
    desk.offer(pack(SESSION, 1))
    desk.partition.stop = Stop("newer schema", "offset 1")
    assert desk.step() is Outcome.WRITTEN
    assert desk.mongo.documents[progress.POSITIONS]["topic-id:0"]["stopped"]["reason"] == "newer schema"


# --- several together -----------------------------------------------------------------------------------------------------


class Desks:
    """A flusher with three partitions that have a pack each, on a database in memory."""

    def __init__(self) -> None:
        self.mongo = database(3)
        self.store = store_of(self.mongo)
        self.flusher = Flusher(self.store, no_ends)
        self.partitions = [self.claim(number) for number in range(3)]
        for partition in self.partitions:
            event = pack(SESSION, 1, keystem_in(partition.number, 3), partitions=3)
            assert partition.offer(Record(0, START_MS, 0, b"k", encode(event))) is Verdict.TAKEN

    def claim(self, number: int) -> Partition:
        claim = self.store.claim(number)
        assert claim is not None
        return Partition(number, claim, PackStream(3))

    @property
    def written(self) -> list[int]:
        return [partition.written for partition in self.partitions]

    @property
    def stored(self) -> list[int]:
        positions = self.mongo.documents[progress.POSITIONS]
        return [int(positions[f"topic-id:{number}"]["next_offset"]) for number in range(3)]


def test_several_are_written_in_one_transaction() -> None:
    desks = Desks()
    before = [metric("packstats_events_total", kind="pack"), metric("packstats_flush_seconds_count")]
    assert desks.flusher.together(desks.partitions) is Outcome.WRITTEN
    assert desks.mongo.operations.count("commit") == 1 + 3, "one, beside those of the claims"
    assert desks.written == desks.stored == [1, 1, 1]
    after = [metric("packstats_events_total", kind="pack"), metric("packstats_flush_seconds_count")]
    assert after == [before[0] + 3, before[1] + 1]
    assert desks.flusher.together(desks.partitions) is Outcome.NOTHING


def test_together_comes_to_what_each_alone_comes_to() -> None:
    together, alone = Desks(), Desks()
    together.flusher.together(together.partitions)
    for partition in alone.partitions:
        alone.flusher.step(partition)
    assert counted(together.mongo) == counted(alone.mongo)


def test_after_a_failure_fewer_go_together_until_it_works_again() -> None:
    desks = Desks()
    desks.mongo.faults.append(CONFLICT)
    desks.flusher.together(desks.partitions)
    assert desks.flusher.group_records == 1, "half of three"
    for partition in desks.partitions:
        desks.flusher.step(partition)
    assert desks.flusher.group_records == 1, "what is tried alone says nothing of groups"
    event = pack(SESSION, 2, keystem_in(0, 3), partitions=3)
    desks.partitions[0].offer(Record(1, START_MS, 0, b"k", encode(event)))
    assert desks.flusher.together(desks.partitions[:1]) is Outcome.WRITTEN
    assert desks.flusher.group_records == 1 + GROUP_GROWTH
    desks.flusher.group_records = GROUP_RECORDS - 1
    desks.partitions[0].offer(Record(2, START_MS, 0, b"k", encode(event)))
    desks.flusher.together(desks.partitions[:1])
    assert desks.flusher.group_records == GROUP_RECORDS


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(CONFLICT, Outcome.AGAIN), (REFUSAL, Outcome.AGAIN), (AutoReconnect("reset"), Outcome.AWAY)],
)
def test_what_was_not_written_together_is_tried_alone(error: BaseException, outcome: Outcome) -> None:
    desks = Desks()
    desks.mongo.faults.append(error)
    assert desks.flusher.together(desks.partitions) is outcome
    assert [desks.flusher.is_waiting(number) for number in range(3)] == [True] * 3
    assert desks.stored == [0, 0, 0]
    assert [desks.flusher.step(partition) for partition in desks.partitions] == [Outcome.WRITTEN] * 3
    assert desks.written == desks.stored == [1, 1, 1]


def test_of_several_the_one_that_was_fenced_alone_loses_its_place() -> None:
    desks = Desks()
    heir = Desks()
    heir.mongo, heir.store = desks.mongo, store_of(desks.mongo, "b")
    Flusher(heir.store, no_ends).step(heir.partitions[1])
    assert desks.flusher.together(desks.partitions) is Outcome.AGAIN
    outcomes = [desks.flusher.step(partition) for partition in desks.partitions]
    assert outcomes == [Outcome.WRITTEN, Outcome.LOST, Outcome.WRITTEN]
    totals = desks.mongo.documents[documents.TOTALS]
    assert [int(totals[number]["requests"]) for number in range(3)] == [1, 1, 1]


@pytest.mark.parametrize("applied", ["unanswered", "lost"])
def test_of_several_nobody_knows_of_any_after_a_commit_that_nobody_answers(
    applied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregator.transaction, "COMMIT_S", 0.0)
    desks = Desks()
    desks.mongo.commits.append(applied)
    assert desks.flusher.together(desks.partitions) is Outcome.LOST
    assert desks.stored == [1 if applied == "unanswered" else 0] * 3


# --- deletes --------------------------------------------------------------------------------------------------------------


def test_a_delete_waits_for_the_batch_before_it(desk: Desk) -> None:
    desk.offer(pack(SESSION, 1), delete(SESSION, 2))
    assert desk.step() is Outcome.WRITTEN
    assert (desk.requests, desk.partition.barrier is None) == (1, False)
    while desk.partition.barrier is not None:
        assert desk.step() is Outcome.WRITTEN
    assert (desk.requests, desk.partition.written) == (0, 2)
    assert set(desk.mongo.documents[progress.DELETIONS]) == {f"{SESSION}.0.2"}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(CONFLICT, Outcome.AGAIN), (AutoReconnect("reset"), Outcome.AWAY), (REFUSAL, Outcome.STOPPED)],
)
def test_a_slice_that_fails_leaves_the_delete_standing(desk: Desk, error: BaseException, outcome: Outcome) -> None:
    desk.offer(pack(SESSION, 1), delete(SESSION, 2))
    desk.step()
    for _ in range(TRIES + 2 if outcome is not Outcome.STOPPED else 1):
        assert desk.fail_with(error) is outcome
    assert desk.partition.barrier is not None
    assert desk.partition.written == 1


def test_a_delete_is_counted_once_it_is_applied(desk: Desk) -> None:
    desk.offer(delete(SESSION, 1, "nobody"))
    before = metric("packstats_events_total", kind="delete")
    assert desk.step() is Outcome.WRITTEN
    assert metric("packstats_events_total", kind="delete") == before + 1
    assert desk.mongo.documents[progress.DELETIONS][f"{SESSION}.0.1"]["cleared"] == {}


def test_of_two_owners_of_a_delete_one_subtracts(desk: Desk) -> None:
    desk.offer(pack(SESSION, 1), pack(SESSION, 2, "other"))
    desk.step()
    desks = [desk, Desk()]
    desks[1].mongo, desks[1].store = desk.mongo, store_of(desk.mongo, "b")
    desks[1].flusher = Flusher(desks[1].store, no_ends)
    for one in desks:
        one.claim()
        one.offer(delete(SESSION, 3))
    outcomes = [desks[turn % 2].step() for turn in range(8)]
    assert Outcome.LOST in outcomes
    totals = desk.mongo.documents[documents.TOTALS][0]
    assert (totals["requests"], desk.requests) == (1, 1)
