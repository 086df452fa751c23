"""The loop, over a topic and a database in memory: nothing is lost and nothing counted twice, whatever happens."""

import json
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from confluent_kafka import KafkaError, Message
from prometheus_client import REGISTRY
from pymongo.errors import AutoReconnect, OperationFailure

import aggregator.consumer
import aggregator.flusher
import aggregator.holdings
import aggregator.partition
import aggregator.sessions
import aggregator.transaction
from aggregator.erasure import Erasure
from aggregator.records import Record
from aggregator.store import Writing
from aggregator.transaction import ConflictError, Session
from common import documents
from common.errors import LostPlaceError
from common.events import encode
from tests.support.fake_mongo import TRANSIENT, FakeMongo
from tests.support.made_events import delete, keystem_in, pack, session_at
from tests.support.members import Member, counted, database

SESSION = session_at()
CONFLICT = OperationFailure("write conflict", 112, TRANSIENT)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time stands still unless a test moves it."""
    clock = Clock()
    for module in (aggregator.consumer, aggregator.holdings, aggregator.transaction):
        monkeypatch.setattr(module, "monotonic", clock)
    return clock


def member(events: int = 0, partitions: int = 1, interval_s: float = 0.0) -> Member:
    one = Member(database(partitions), {}, partitions, interval_s)
    for number in range(partitions):
        keystem = keystem_in(number, partitions)
        one.write(pack(SESSION, seq, keystem, partitions=partitions) for seq in range(1, events + 1))
    one.log.assign(*range(partitions))
    return one


def requests(mongo: FakeMongo) -> int:
    return sum(int(found["requests"]) for found in mongo.documents.get(documents.KEYDATA, {}).values())


def stopped(partition: int, reason: str) -> float:
    labels = {"partition": str(partition), "reason": reason}
    return REGISTRY.get_sample_value("packstats_partition_stopped", labels) or 0.0


# --- the ordinary ------------------------------------------------------------------------------------------------------------


def test_assigned_partitions_are_claimed_fetched_from_their_position_and_counted() -> None:
    one = member(events=3, partitions=4)
    one.turn(3)
    assert requests(one.mongo) == 12
    assert [one.position(number)["next_offset"] for number in range(4)] == [3] * 4
    assert one.log.starts == [(number, 0, None) for number in range(4)]


def test_a_new_owner_goes_on_at_the_stored_position_with_the_stored_leader_epoch() -> None:
    one = member(events=3)
    one.turn(2)
    other = Member(one.mongo, one.log.records, name="b")
    other.log.assign(0)
    other.turn()
    assert other.log.starts == [(0, 3, 0)]


def test_folded_records_wait_for_the_interval(clock: Clock) -> None:
    one = member(interval_s=1.0)
    one.turn()
    clock.now += 5
    one.turn()
    one.write([pack(SESSION, 1)])
    one.turn()
    one.write([pack(SESSION, 2)])
    one.turn(2)
    assert requests(one.mongo) == 1, "the first, after a quiet time, did not wait; the second does"
    clock.now += 1.0
    one.turn()
    assert requests(one.mongo) == 2


def test_a_delete_is_applied_and_what_comes_behind_it_is_counted() -> None:
    one = member(events=3)
    one.write([delete(SESSION, 4, keystem_in(0, 1)), pack(SESSION, 5), pack(SESSION, 6)])
    one.turn(7)
    assert (one.position()["next_offset"], requests(one.mongo)) == (6, 2)
    assert one.log.starts[-1] == (0, 4, 0)


def test_small_batches_are_cut_and_everything_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregator.flusher, "MAX_RECORDS", 3)
    one = member(events=10)
    one.turn(12)
    assert (requests(one.mongo), one.position()["next_offset"]) == (10, 10)
    assert one.consumer.holdings.held[0].partition.stop is None


def test_behind_the_log_more_is_gathered_before_it_is_written(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(aggregator.consumer, "HEADROOM", 4)
    one = member(interval_s=1.0)
    one.turn()
    one.consumer._pace.flush_s = 0.5
    one.write(pack(SESSION, seq) for seq in range(1, 12))
    for _ in range(2):  # polls that are full
        clock.now += 1.5
        one.turn()
    assert requests(one.mongo) == 0
    clock.now += 1.5
    one.turn()  # the last three: nothing is left behind
    assert requests(one.mongo) == 11


def test_behind_the_log_what_is_old_enough_is_written_one_a_turn(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(aggregator.consumer, "HEADROOM", 6)
    one = member(partitions=3, interval_s=1.0)
    one.turn()
    written = []
    for first in (1, 3, 5):
        for number in range(3):  # so that each poll is full, with two records of each
            keystem = keystem_in(number, 3)
            one.write(pack(SESSION, seq, keystem, partitions=3) for seq in (first, first + 1))
        clock.now += 1.5
        one.turn()
        written.append([int(one.position(number)["next_offset"]) for number in range(3)])
    assert written == [[2, 0, 0], [2, 4, 0], [2, 4, 6]]
    clock.now += 1.5
    one.turn()  # nothing is left behind: all that is old enough is written
    assert requests(one.mongo) == 18


def test_what_is_due_takes_along_what_soon_will_be(clock: Clock) -> None:
    one = member(partitions=4, interval_s=1.0)
    one.turn()
    for number, age_s in ((0, 1.0), (1, 0.6), (2, 0.4)):
        one.write([pack(SESSION, 1, keystem_in(number, 4), partitions=4)])
        one.consumer.holdings.held[number].flushed_at = clock.now - age_s
    one.mongo.operations.clear()
    one.turn()
    assert [int(one.position(number)["next_offset"]) for number in range(4)] == [1, 1, 0, 0]
    assert one.mongo.operations.count("commit") == 1
    flushed_at = [one.consumer.holdings.held[number].flushed_at for number in range(3)]
    assert flushed_at == [clock.now, clock.now, clock.now - 0.4]


def test_a_poll_waits_until_the_next_batch_is_old_enough_and_no_longer(clock: Clock) -> None:
    one = member(partitions=2, interval_s=1.0)
    one.turn()
    waits = []
    really = one.log.consume

    def consume(at_most: int, timeout_s: float) -> list[Message]:
        waits.append(round(timeout_s, 3))
        return really(at_most, timeout_s)

    one.log.consume = consume  # type: ignore[method-assign]  # it only looks on
    one.write([pack(SESSION, 1, keystem_in(0, 2), partitions=2)])
    one.consumer.holdings.held[0].flushed_at = clock.now
    for at_s in (0.0, 0.5, 0.97, 1.0):
        clock.now = 1000.0 + at_s
        one.turn()
    assert waits == [0.1, 0.1, 0.03, 0.1]
    assert requests(one.mongo) == 1
    one.write([pack(SESSION, 2, keystem_in(0, 2), partitions=2)])
    one.turn()
    clock.now += 0.97
    one.consumer._is_behind = True
    one.turn()
    assert waits[-1] == 0.1, "behind, whether a poll comes back full says that there is more"


# --- what Kafka does ---------------------------------------------------------------------------------------------------------


def test_a_record_that_was_lost_on_its_way_is_fetched_again() -> None:
    one = member()
    one.turn()
    one.write(pack(SESSION, seq) for seq in range(1, 5))
    one.log.lose(0, 2)
    one.turn(3)
    assert requests(one.mongo) == 4


def test_the_last_record_lost_on_its_way_is_fetched_again_too(clock: Clock) -> None:
    one = member(events=2)
    one.turn(2)
    one.write([pack(SESSION, 3)])
    one.log.lose(0)
    one.turn()
    clock.now += 1.0
    one.turn(3)
    assert requests(one.mongo) == 3


def test_a_record_that_never_comes_stops_the_partition() -> None:
    one = member()
    one.turn()
    one.write(pack(SESSION, seq) for seq in range(1, 5))
    for _ in range(4):
        one.log.lose(0)
        one.turn()
    assert stopped(0, "records missing") == 1
    assert one.position()["stopped"]["detail"] == "offset 0 never comes, 1 does"
    assert not one.log.is_fetching(0)


def test_a_position_that_the_log_does_not_hold_any_more_stops_the_partition() -> None:
    one = member(events=1)
    one.turn(2)
    one.log.fail(0, KafkaError._AUTO_OFFSET_RESET)
    one.turn()
    assert stopped(0, "gap in the log") == 1
    assert one.position()["stopped"]["reason"] == "gap in the log"


def test_other_errors_change_nothing() -> None:
    one = member(events=1)
    one.turn()
    one.log.fail(0, KafkaError._TRANSPORT)
    one.log.fail(None, KafkaError._ALL_BROKERS_DOWN)
    one.log.fail(7, KafkaError._AUTO_OFFSET_RESET)
    one.turn(2)
    assert requests(one.mongo) == 1


def test_a_member_that_kafka_refuses_for_good_has_lost_its_place() -> None:
    one = member()
    one.log.fail(None, KafkaError._FATAL, fatal=True)
    with pytest.raises(LostPlaceError):
        one.turn()


def test_a_newer_schema_stops_its_partition_and_the_others_go_on() -> None:
    one = member(events=2, partitions=2)
    newer = json.dumps(json.loads(encode(pack(SESSION, 3))) | {"schema": 2}).encode()
    one.log.append(0, newer)
    one.turn(2)
    for number in range(2):
        one.write([pack(SESSION, 4, keystem_in(number, 2), partitions=2)])
    one.turn(3)
    assert [one.position(number)["next_offset"] for number in range(2)] == [2, 3]
    assert one.position(0)["stopped"]["reason"] == "newer schema", "also after what came before it was written"
    assert stopped(0, "newer schema") == 1
    assert (one.log.is_fetching(0), one.log.is_fetching(1)) == (False, True)


# --- what the group does -----------------------------------------------------------------------------------------------------


def test_a_partition_that_goes_is_written_and_given_up() -> None:
    one = member(events=4, interval_s=60.0)
    one.turn(2)
    assert requests(one.mongo) == 0
    one.log.revoke(0)
    one.turn()
    assert (requests(one.mongo), one.consumer.holdings.held) == (4, {})
    assert not {"owner", "lsid"} & set(one.position())


def test_a_partition_that_is_lost_is_dropped_as_it_is(clock: Clock) -> None:
    one = member(events=4, interval_s=60.0)
    one.turn(2)
    operations = len(one.mongo.operations)
    one.log.take_away(0)
    one.turn()
    assert (requests(one.mongo), one.consumer.holdings.held) == (0, {})
    assert len(one.mongo.operations) == operations
    one.log.assign(0)
    one.turn(2)
    clock.now += 60
    one.turn()
    assert requests(one.mongo) == 4


def test_two_members_that_both_believe_they_own_a_partition_count_once() -> None:
    one = member(events=5)
    other = Member(one.mongo, one.log.records, name="b")
    other.log.assign(0)
    for seq in range(6, 30):
        one.write([pack(SESSION, seq)])
        for each in (one, other):
            each.turn()
    for each in (one, other, one, other):
        each.turn(2)
    assert (requests(one.mongo), one.position()["next_offset"]) == (29, 29)


def test_a_member_that_was_fenced_goes_on_as_a_good_one() -> None:
    one = member(events=3)
    one.turn()
    other = Member(one.mongo, one.log.records, name="b")
    other.log.assign(0)
    other.turn(2)
    one.write([pack(SESSION, seq) for seq in (4, 5)])
    other.turn()
    other.log.take_away(0)
    other.turn()
    one.turn(4)
    one.write([pack(SESSION, 6)])
    one.turn(2)
    assert (requests(one.mongo), one.position()["owner"]) == (6, "a")


def test_stopping_writes_what_is_folded_and_leaves() -> None:
    one = member(events=4, interval_s=60.0)
    one.turn(2)
    assert requests(one.mongo) == 0
    one.consumer.stop()
    one.consumer.run()
    assert requests(one.mongo) == 4
    assert one.log.closed
    assert "lsid" not in one.position()


def test_the_group_is_left_also_when_the_place_is_lost() -> None:
    one = member()
    one.log.fail(None, KafkaError._FATAL, fatal=True)
    with pytest.raises(LostPlaceError):
        one.consumer.run()
    assert one.log.closed


def test_after_a_mistake_nothing_of_the_memory_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistake was made in the middle of a record: its counts are in the batch, its place is not."""
    one = member(events=4, interval_s=60.0)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    one.turn(2)
    one.write([pack(SESSION, 5)])
    monkeypatch.setattr(aggregator.sessions.Sessions, "remember", fail)
    monkeypatch.setattr(type(one.log), "close", lambda log: log.owner.on_revoked([0]))  # as leaving the group does
    with pytest.raises(ZeroDivisionError):
        one.consumer.run()
    monkeypatch.undo()
    assert requests(one.mongo) == 0
    other = Member(one.mongo, one.log.records, name="b")
    other.log.assign(0)
    other.turn(3)
    assert requests(one.mongo) == 5


# --- what the database does --------------------------------------------------------------------------------------------------


def test_while_the_database_is_away_partitions_pause_and_afterwards_everything_is_counted(clock: Clock) -> None:
    one = member(events=3, partitions=2)
    one.turn(2)
    one.mongo.away = True
    for number in range(2):
        one.write([pack(SESSION, 4, keystem_in(number, 2), partitions=2)])
    one.turn(3)
    assert one.consumer.holdings.outage.since == clock.now
    assert not any(one.log.is_fetching(number) for number in range(2))
    one.mongo.away = False
    clock.now += 10.0
    one.turn(4)
    assert not one.consumer.holdings.outage.ongoing
    assert requests(one.mongo) == 8
    assert len(one.log.starts) == 2, "nothing was fetched anew"


def test_during_an_outage_one_question_per_back_off_is_all_that_is_tried(clock: Clock) -> None:
    one = member(events=3, partitions=2)
    one.mongo.away = True
    one.turn(2)
    before = len(one.mongo.operations)
    one.turn(50)
    assert len(one.mongo.operations) == before
    clock.now += 0.5
    one.turn(50)
    assert one.mongo.operations[before:] == ["ping"]


def test_partitions_that_come_during_an_outage_wait_and_are_claimed_after_it(clock: Clock) -> None:
    one = member(events=2, partitions=2)
    one.mongo.away = True
    one.turn(3)
    assert sorted(one.consumer.holdings.unclaimed) == [0, 1]
    one.log.revoke(1)
    one.turn()
    one.mongo.away = False
    clock.now += 10.0
    one.turn(3)
    assert list(one.consumer.holdings.held) == [0]
    assert requests(one.mongo) == 2


def test_partitions_that_go_during_an_outage_are_dropped_without_a_question(clock: Clock) -> None:
    one = member(events=2, interval_s=60.0)
    one.turn(2)
    one.mongo.away = True
    before = len(one.mongo.operations)
    one.consumer.holdings.outage.begin(clock.now, "test")
    one.log.revoke(0)
    one.turn()
    assert (one.consumer.holdings.held, len(one.mongo.operations)) == ({}, before)


def test_a_stopped_partition_is_not_fetched_again_after_an_outage(clock: Clock) -> None:
    one = member(events=1, partitions=2)
    one.turn(2)
    one.log.fail(0, KafkaError._AUTO_OFFSET_RESET)
    one.turn()
    one.consumer.holdings.outage.begin(clock.now, "test")
    one.log.pause([1])
    clock.now += 10
    one.turn()
    assert (one.log.is_fetching(0), one.log.is_fetching(1)) == (False, True)


def test_at_most_one_failing_attempt_is_made_in_a_turn_and_the_others_have_theirs() -> None:
    one = member(partitions=3)
    one.turn(2)
    for number in range(3):
        one.write([pack(SESSION, 1, keystem_in(number, 3), partitions=3)])
    one.mongo.faults.append(CONFLICT)
    one.turn()
    assert requests(one.mongo) == 0, "the failing one was the last of its turn"
    one.mongo.faults.extend([None, None, None, CONFLICT])
    one.turn()
    assert requests(one.mongo) == 0
    one.turn()
    assert requests(one.mongo) == 3


def test_a_partition_that_always_fails_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    one = member(partitions=3)
    one.turn(2)
    really = one.store.advance

    def advance(session: Session, writings: Sequence[Writing]) -> None:
        if any(writing.flush.partition == 0 for writing in writings):
            raise CONFLICT
        really(session, writings)

    monkeypatch.setattr(one.store, "advance", advance)
    for seq in (1, 2):
        for number in range(3):
            one.write([pack(SESSION, seq, keystem_in(number, 3), partitions=3)])
        for _ in range(4):
            clock.now += 0.1
            one.turn()
        assert [one.position(number)["next_offset"] for number in range(3)] == [0, seq, seq]


def test_a_delete_that_always_fails_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    one = member(partitions=3)
    one.turn(2)

    def step(_erasure: object) -> bool:
        raise ConflictError("made by a test")

    monkeypatch.setattr(Erasure, "step", step)
    one.write([delete(SESSION, 1, keystem_in(0, 3), partitions=3)])
    for seq in (1, 2):
        for number in (1, 2):
            one.write([pack(SESSION, seq, keystem_in(number, 3), partitions=3)])
        for _ in range(3):
            clock.now += 0.1
            one.turn()
        assert [one.position(number)["next_offset"] for number in range(3)] == [0, seq, seq]


def test_a_partition_that_the_database_refuses_stops_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    one = member(partitions=2)
    one.turn(2)
    for number in range(2):
        one.write([pack(SESSION, 1, keystem_in(number, 2), partitions=2)])
    invalid = OperationFailure("Document failed validation", 121)
    one.mongo.faults.extend([invalid, invalid])  # together with the other one, and alone
    one.turn(4)
    assert [one.position(number)["next_offset"] for number in range(2)] == [0, 1]
    assert stopped(0, "refused by the database") == 1
    assert one.position(0)["stopped"]["reason"] == "refused by the database"


def test_a_batch_that_grows_while_it_cannot_be_written_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregator.flusher, "MAX_RECORDS", 5)
    one = member(events=40)
    one.turn()
    for _ in range(30):
        one.mongo.faults.append(CONFLICT)
        one.turn()
        for held in one.consumer.holdings.held.values():
            assert held.partition.pending <= 5
    one.mongo.faults.clear()
    one.turn(60)
    assert requests(one.mongo) == 40


def test_records_that_were_let_go_are_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregator.flusher, "MAX_RECORDS", 3)
    one = member(events=9)
    one.turn()
    held = one.consumer.holdings.held[0]
    for seq in range(10, 14):
        one.mongo.faults.append(CONFLICT)
        one.write([pack(SESSION, seq)])
        one.turn()
        assert held.watchdog.gaps == {}
    one.turn(12)
    assert (requests(one.mongo), held.partition.stop) == (13, None)


# --- everything at once ------------------------------------------------------------------------------------------------------


class Trouble:
    """Two members on two partitions, to whom things happen; the same seed makes the same happen."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self.random, self.clock, self.mongo, self.written = Random(seed), clock, database(2), Counter[int]()
        records: dict[int, list[Record]] = {}
        self.members = [Member(self.mongo, records, 2, name=name) for name in "ab"]
        self.records = records

    def happen(self) -> None:
        one = self.random.choice(self.members)
        kinds = {self.pack: 30, self.assign: 10, self.unassign: 4, self.lose: 6, self.break_: 16, self.turn: 50}
        self.random.choices(list(kinds), list(kinds.values()))[0](one)

    def pack(self, one: Member) -> None:
        number = self.random.randrange(2)
        self.written[number] += 1
        event = pack(SESSION, self.written[number], keystem_in(number, 2), partitions=2)
        one.write([event] * self.random.choice([1, 1, 2]))

    def assign(self, one: Member) -> None:
        number = self.random.randrange(2)
        one.log.take_away(number)
        one.log.assign(number)

    def unassign(self, one: Member) -> None:
        self.random.choice([one.log.revoke, one.log.take_away])(self.random.randrange(2))

    def lose(self, one: Member) -> None:
        one.log.lose(self.random.randrange(2))

    def break_(self, _one: Member) -> None:
        if self.random.random() < 0.6:
            self.mongo.commits.append(self.random.choice(["lost", "unanswered"]))
        else:
            self.mongo.faults.append(self.random.choice([CONFLICT, AutoReconnect("reset")]))

    def turn(self, one: Member) -> None:
        self.clock.now += self.random.random()
        one.turn()

    def heal(self) -> None:
        """One member alone has all the time that it needs."""
        self.mongo.commits.clear()
        self.mongo.faults.clear()
        for one in self.members:
            one.log.take_away(0, 1)
            one.turn()
        last = Member(self.mongo, self.records, 2, name="c")
        last.log.assign(0, 1)
        for _ in range(20):
            self.clock.now += 6
            last.turn()


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_every_pack_is_counted_once(seed: int, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregator.transaction, "COMMIT_S", 0.0)
    monkeypatch.setattr(aggregator.flusher, "MAX_RECORDS", 7)
    trouble = Trouble(seed, clock)
    for _ in range(200):
        trouble.happen()
    trouble.heal()
    for number in range(2):
        assert trouble.members[0].position(number)["next_offset"] == len(trouble.records.get(number, []))
    assert requests(trouble.mongo) == trouble.written.total()
    straight = Member(database(2), trouble.records, 2)
    straight.log.assign(0, 1)
    straight.turn(20)
    assert counted(trouble.mongo) == counted(straight.mongo)


def test_records_before_the_position_are_passed_over() -> None:
    one = member(events=3)
    one.turn(2)
    one.log.restart(0, 1, None)
    one.write([pack(SESSION, 4)])
    one.turn(2)
    assert requests(one.mongo) == 4
    assert len(one.log.starts) == 2, "there is nothing to fetch anew"
