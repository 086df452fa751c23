"""The store on a database in memory: claims, fences, and what a position says."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Int64
from pymongo.errors import AutoReconnect, OperationFailure

from aggregator.batches import Flush, SessionState, Stop
from aggregator.pack_stream import PackStream
from aggregator.partition import Partition
from aggregator.positions import Ends
from aggregator.records import Record
from aggregator.store import Store, Writing
from aggregator.transaction import ConflictError, FencedError, RefusedError, UnavailableError
from common import documents, progress
from common.events import Event, PackEvent, encode
from common.seen import Seen
from tests.support.fake_mongo import TRANSIENT, FakeMongo
from tests.support.made_events import DAY_MS, START, START_MS, keystem_in, pack, session_at
from tests.support.members import TOPIC_ID, counted, database, store_of

SESSION = session_at()
NOW = datetime(2025, 3, 25, 6, tzinfo=UTC)


@pytest.fixture
def mongo() -> FakeMongo:
    return database(11)


@pytest.fixture
def store(mongo: FakeMongo) -> Store:
    return store_of(mongo)


def partition_of(store: Store, number: int = 0, partitions: int = 1) -> Partition:
    claim = store.claim(number)
    assert claim is not None
    return Partition(number, claim, PackStream(partitions))


def folded(partition: Partition, *events: Event | bytes, log_ms: int = START_MS) -> Flush:
    for event in events:
        value = event if isinstance(event, bytes) else encode(event)
        partition.offer(Record(partition.next_offset, log_ms, 4, b"k", value))
    flush = partition.swap()
    assert flush is not None
    return flush


def own_pack(number: int) -> PackEvent:
    return pack(SESSION, 1, keystem_in(number, 11), partitions=11)


def position(mongo: FakeMongo, number: int = 0) -> dict[str, Any]:
    return mongo.documents[progress.POSITIONS][f"{TOPIC_ID}:{number}"]


def test_a_partition_without_position_is_not_claimed(store: Store) -> None:
    assert store.claim(99) is None


def test_a_claim_has_the_sessions_of_its_partition_alone(mongo: FakeMongo, store: Store) -> None:
    for number in (1, 10):
        state = {"_id": f"{TOPIC_ID}:{number}:s{number}", "upto": Int64(number), "ranges": [], "log_time": START}
        mongo.documents.setdefault(progress.SESSIONS, {})[state["_id"]] = state
    claim = store.claim(1)
    assert claim is not None
    assert claim.sessions == {"s1": SessionState(Seen(1), START_MS)}


def test_a_claim_writes_nothing(mongo: FakeMongo, store: Store) -> None:
    before = mongo.dump()
    store.claim(0)
    assert mongo.dump() == before


def test_a_batch_and_its_position_are_written_together(mongo: FakeMongo, store: Store) -> None:
    one = partition_of(store)
    store.flush(Writing(folded(one, pack(SESSION, 1), b"poison"), Ends(2, NOW)))
    found = position(mongo)
    assert (found["next_offset"], found["leader_epoch"], found["log_time"]) == (2, 4, START)
    assert (found["owner"], found["lsid"]) == ("a", Binary(store.transactions.lsid, 4))
    assert (found["end_offset"], found["caught_up_at"]) == (2, NOW)
    assert mongo.documents[documents.KEYDATA]["stem0001"]["requests"] == 1
    assert mongo.documents[progress.SESSIONS][f"{TOPIC_ID}:0:{SESSION}"]["upto"] == 1
    assert mongo.documents[progress.QUARANTINE][f"{TOPIC_ID}:0:1"]["value"] == b"poison"


def test_a_batch_that_does_not_reach_the_end_is_not_complete(mongo: FakeMongo, store: Store) -> None:
    store.flush(Writing(folded(partition_of(store), pack(SESSION, 1)), Ends(5, NOW)))
    assert position(mongo)["end_offset"] == 5
    assert "caught_up_at" not in position(mongo)
    store.flush(Writing(folded(partition_of(store), pack(SESSION, 2)), Ends(1, NOW)))
    assert position(mongo)["end_offset"] == 2, "the end is never before the position"


@pytest.mark.parametrize("changed", [{"next_offset": Int64(1)}, {"generation": Int64(1)}])
def test_a_position_that_moved_fences_the_batch(mongo: FakeMongo, store: Store, changed: dict[str, Any]) -> None:
    flush = folded(partition_of(store), pack(SESSION, 1))
    mongo.documents[progress.POSITIONS][f"{TOPIC_ID}:0"] = position(mongo) | changed
    before = mongo.dump()
    with pytest.raises(FencedError, match="partition 0 is not at 0 any more"):
        store.flush(Writing(flush))
    assert mongo.dump() == before


def test_several_batches_are_written_in_one_transaction(mongo: FakeMongo, store: Store) -> None:
    flushes = [folded(partition_of(store, number, 11), own_pack(number), b"poison") for number in (3, 7)]
    mongo.operations.clear()
    store.flush(Writing(flushes[0], Ends(2, NOW)), Writing(flushes[1], stop=Stop("newer schema", "offset 2")))
    assert mongo.operations.count("commit") == 1
    twice = [name for name, times in Counter(mongo.operations).items() if times > 1]
    assert twice == ["bulk keydata"], "one command for each collection, and one for what is derived"
    assert [position(mongo, number)["next_offset"] for number in (3, 7)] == [2, 2]
    assert ("caught_up_at" in position(mongo, 3), "caught_up_at" in position(mongo, 7)) == (True, False)
    assert position(mongo, 7)["stopped"]["reason"] == "newer schema"
    assert set(mongo.documents[documents.KEYDATA]) == {keystem_in(3, 11), keystem_in(7, 11)}
    assert len(mongo.documents[progress.SESSIONS]) == len(mongo.documents[progress.QUARANTINE]) == 2


@pytest.mark.parametrize("moved", [3, 7])
def test_a_position_that_moved_fences_all_that_is_written_with_it(mongo: FakeMongo, store: Store, moved: int) -> None:
    flushes = [folded(partition_of(store, number, 11), own_pack(number)) for number in (3, 7)]
    mongo.documents[progress.POSITIONS][f"{TOPIC_ID}:{moved}"] = position(mongo, moved) | {"next_offset": Int64(1)}
    before = mongo.dump()
    with pytest.raises(FencedError, match=r"partition 3 is not at 0 any more, partition 7 is not at 0 any more"):
        store.flush(*map(Writing, flushes))
    assert mongo.dump() == before


def test_of_two_owners_one_counts(mongo: FakeMongo, store: Store) -> None:
    other = store_of(mongo, "b")
    flushes = [(one, folded(partition_of(one), pack(SESSION, 1))) for one in (store, other)]
    store.flush(Writing(flushes[0][1]))
    once = counted(mongo)
    with pytest.raises(FencedError):
        other.flush(Writing(flushes[1][1]))
    assert counted(mongo) == once


def test_a_batch_that_conflicts_is_written_as_it_is_later(mongo: FakeMongo, store: Store) -> None:
    flush = folded(partition_of(store), pack(SESSION, 1))
    mongo.faults.extend([None, None, OperationFailure("conflict", 112, TRANSIENT)])
    with pytest.raises(ConflictError):
        store.flush(Writing(flush))
    assert counted(mongo) == {}
    store.flush(Writing(flush))
    assert mongo.documents[documents.KEYDATA]["stem0001"]["requests"] == 1


def test_a_batch_that_the_database_will_never_take_is_refused(mongo: FakeMongo, store: Store) -> None:
    flush = folded(partition_of(store), b"poison")
    mongo.documents[progress.QUARANTINE] = {f"{TOPIC_ID}:0:0": {"_id": f"{TOPIC_ID}:0:0"}}
    with pytest.raises(RefusedError):
        store.flush(Writing(flush))
    assert position(mongo)["next_offset"] == 0


def test_sessions_that_have_left_are_removed(mongo: FakeMongo, store: Store) -> None:
    one = partition_of(store)
    store.flush(Writing(folded(one, pack(SESSION, 1))))
    young = session_at(START.replace(month=6))
    store.flush(Writing(folded(one, pack(young, 1), log_ms=START_MS + 70 * DAY_MS)))
    assert set(mongo.documents[progress.SESSIONS]) == {f"{TOPIC_ID}:0:{young}"}


# --- ownership -----------------------------------------------------------------------------------------------------------


def test_taking_over_ends_a_foreign_session_and_says_whose_the_partition_is(mongo: FakeMongo, store: Store) -> None:
    other = store_of(mongo, "b")
    for one in (other, store):
        claim = one.claim(0)
        assert claim is not None
        one.take_over(0, claim)
    assert mongo.killed == [other.transactions.lsid]
    assert (position(mongo)["owner"], position(mongo)["lsid"]) == ("a", Binary(store.transactions.lsid, 4))


def test_ones_own_session_is_not_ended(mongo: FakeMongo, store: Store) -> None:
    for _ in range(2):
        claim = store.claim(0)
        assert claim is not None
        store.take_over(0, claim)
    assert mongo.killed == []


def test_an_orphans_locks_are_gone_after_taking_over(mongo: FakeMongo, store: Store) -> None:
    dead = store_of(mongo, "b")
    claim = dead.claim(0)
    assert claim is not None
    dead.take_over(0, claim)
    mongo.sessions[1].start_transaction()
    mongo["x"]["positions"].update_one(
        {"_id": f"{TOPIC_ID}:0"},
        {"$set": {"next_offset": 7}},
        session=mongo.sessions[1],
    )
    claim = store.claim(0)
    assert claim is not None
    store.take_over(0, claim)
    store.flush(Writing(folded(partition_of(store), pack(SESSION, 1))))
    assert position(mongo)["next_offset"] == 1


def test_a_position_that_cannot_be_marked_is_taken_all_the_same(mongo: FakeMongo, store: Store) -> None:
    claim = store.claim(0)
    assert claim is not None
    for error in (OperationFailure("refused", 13), AutoReconnect("held by somebody's transaction")):
        mongo.faults.append(error)
        store.take_over(0, claim)
    assert "owner" not in position(mongo)


def test_a_session_that_cannot_be_ended_is_left_to_the_server_unless_that_is_away(
    mongo: FakeMongo, store: Store
) -> None:
    other = store_of(mongo, "b")
    claim = other.claim(0)
    assert claim is not None
    other.take_over(0, claim)
    claim = store.claim(0)
    assert claim is not None
    mongo.faults.append(OperationFailure("not authorised", 13))
    store.take_over(0, claim)
    assert position(mongo)["owner"] == "a"
    mongo.faults.append(AutoReconnect("away"))
    with pytest.raises(UnavailableError):
        store.take_over(0, claim)


def test_a_partition_that_is_given_up_needs_no_killing(mongo: FakeMongo, store: Store) -> None:
    claim = store.claim(0)
    assert claim is not None
    store.take_over(0, claim)
    store.give_up(0)
    assert not {"lsid", "owner"} & set(position(mongo))
    mongo.away = True
    with pytest.raises(UnavailableError):
        store.give_up(0)


def test_nobody_gives_up_what_another_holds(mongo: FakeMongo, store: Store) -> None:
    claim = store.claim(0)
    assert claim is not None
    store.take_over(0, claim)
    store_of(mongo, "b").give_up(0)
    assert position(mongo)["owner"] == "a"


# --- word for the operator -------------------------------------------------------------------------------------------------


def stopped(store: Store) -> Partition:
    claim = store.claim(0)
    assert claim is not None
    store.take_over(0, claim)
    store.mark_stopped(0, Stop("newer schema", "offset 1"))
    return Partition(0, claim, PackStream(1))


def test_a_stop_is_written_down_and_stays_when_the_records_before_it_are_flushed(
    mongo: FakeMongo, store: Store
) -> None:
    one = stopped(store)
    assert position(mongo)["stopped"]["reason"] == "newer schema"
    store.flush(Writing(folded(one, pack(SESSION, 1)), stop=Stop("newer schema", "offset 1")))
    assert position(mongo)["stopped"]["reason"] == "newer schema"
    store.flush(Writing(folded(one, pack(SESSION, 2))))
    assert "stopped" not in position(mongo)


def test_a_stop_is_gone_when_somebody_takes_over(mongo: FakeMongo, store: Store) -> None:
    stopped(store)
    other = store_of(mongo, "b")
    claim = other.claim(0)
    assert claim is not None
    other.take_over(0, claim)
    assert "stopped" not in position(mongo)
    store.mark_stopped(0, Stop("late", "a member that was replaced"))
    assert "stopped" not in position(mongo)


def test_idle_partitions_say_up_to_when_they_are_complete(mongo: FakeMongo, store: Store) -> None:
    idle, behind, unknown = (partition_of(store, number) for number in range(3))
    store.renew([idle, behind, unknown], {0: Ends(0, NOW), 1: Ends(3, NOW)})
    assert (position(mongo, 0)["end_offset"], position(mongo, 0)["caught_up_at"]) == (0, NOW)
    assert position(mongo, 1)["end_offset"] == 3
    assert "caught_up_at" not in position(mongo, 1)
    assert "end_offset" not in position(mongo, 2)


def test_a_partition_says_nothing_of_a_position_that_is_not_its_own_any_more(mongo: FakeMongo, store: Store) -> None:
    one = partition_of(store)
    store_of(mongo, "b").flush(Writing(folded(partition_of(store), pack(SESSION, 1))))
    store.renew([one], {0: Ends(9, NOW)})
    assert "end_offset" not in position(mongo)


def test_a_batch_that_is_not_written_yet_is_not_complete(mongo: FakeMongo, store: Store) -> None:
    one = partition_of(store)
    folded(one, pack(SESSION, 1))
    assert one.pending == 0
    store.renew([one], {0: Ends(1, NOW)})
    assert position(mongo)["end_offset"] == 1
    assert "caught_up_at" not in position(mongo)


def test_what_the_database_says_of_words_is_translated(mongo: FakeMongo, store: Store) -> None:
    mongo.away = True
    for write in (
        store.ping,
        lambda: store.mark_stopped(0, Stop("x", "y")),
        lambda: store.renew([Partition(0, store.claim(0), PackStream(1))], {}),  # type: ignore[arg-type]  # raises before
    ):
        with pytest.raises(UnavailableError):
            write()
    store.renew([], {})
    mongo.away = False
    store.ping()
    store.close()
