"""Which partitions a member holds: what is claimed, what waits, and what is let go of."""

import pytest
from prometheus_client import REGISTRY
from pymongo.errors import AutoReconnect, OperationFailure

import aggregator.holdings
from aggregator.batches import Stop
from aggregator.transaction import UnavailableError
from common import progress
from tests.support.fake_mongo import TRANSIENT
from tests.support.made_events import pack, session_at
from tests.support.members import TOPIC_ID, Member, database

SESSION = session_at()
CONFLICT = OperationFailure("write conflict", 112, TRANSIENT)


def member(partitions: int = 3) -> Member:
    return Member(database(partitions), {}, partitions, interval_s=60.0)


def alarm(partition: int, reason: str) -> float | None:
    labels = {"partition": str(partition), "reason": reason}
    return REGISTRY.get_sample_value("packstats_partition_stopped", labels)


def test_a_partition_without_position_waits_for_an_operator_and_is_claimed_once_it_has_one() -> None:
    one = member()
    position = one.mongo.documents[progress.POSITIONS].pop(f"{TOPIC_ID}:1")
    one.log.assign(0, 1, 2)
    one.turn()
    holdings = one.consumer.holdings
    assert (sorted(holdings.held), set(holdings.refused)) == ([0, 2], {1})
    assert holdings.refused[1].reason == "no position"
    assert alarm(1, "no position") == 1
    assert not one.log.is_fetching(1)

    one.mongo.documents[progress.POSITIONS][f"{TOPIC_ID}:1"] = position
    holdings.claim_assigned(now=1e12)
    assert (sorted(holdings.held), holdings.refused) == ([0, 1, 2], {})
    assert alarm(1, "no position") is None


def test_a_missing_position_is_asked_for_again_only_now_and_then() -> None:
    one = member()
    one.mongo.documents[progress.POSITIONS].clear()
    holdings = one.consumer.holdings
    holdings.on_assigned([0])
    holdings.claim_assigned(now=100.0)
    holdings.claim_assigned(now=100.1)
    before = len(one.mongo.operations)
    holdings.claim_assigned(now=101.0)
    assert len(one.mongo.operations) == before
    holdings.claim_assigned(now=100.1 + aggregator.holdings.RECLAIM_EVERY_S)
    assert len(one.mongo.operations) > before
    assert holdings.unclaimed == []


def test_partitions_beyond_the_configured_ones_are_noted_and_not_counted() -> None:
    one = member(partitions=2)
    one.log.assign(1, 2)
    one.turn()
    holdings = one.consumer.holdings
    assert (list(holdings.held), list(holdings.refused)) == ([1], [2])
    assert alarm(2, "beyond the configured partitions") == 1
    assert [start[0] for start in one.log.starts] == [1]


def test_a_claim_that_fails_comes_last_next_time() -> None:
    one = member()
    holdings = one.consumer.holdings
    holdings.on_assigned([0, 1, 2])
    one.mongo.faults.append(CONFLICT)
    holdings.claim_assigned(0.0)
    assert (list(holdings.held), holdings.unclaimed) == ([], [1, 2, 0])
    holdings.claim_assigned(0.0)
    assert list(holdings.held) == [1, 2, 0]


def test_an_absent_database_ends_the_claiming() -> None:
    one = member()
    holdings = one.consumer.holdings
    holdings.on_assigned([0, 1])
    one.mongo.faults.append(AutoReconnect("reset"))
    with pytest.raises(UnavailableError):
        holdings.claim_assigned(0.0)
    assert holdings.unclaimed == [0, 1]


def test_letting_go_writes_all_there_is_also_behind_a_batch_that_waited() -> None:
    one = member(partitions=1)
    one.write([pack(SESSION, 1)])
    one.log.assign(0)
    one.turn(2)
    one.mongo.faults.append(CONFLICT)
    one.consumer._flusher.step(one.consumer.holdings.held[0].partition)
    one.write([pack(SESSION, 2)])
    one.consumer._take(one.log.consume(10, 0))
    one.consumer.holdings.leave([0], 3.0)
    assert one.position()["next_offset"] == 2


def test_without_time_nothing_is_written_but_everything_is_let_go() -> None:
    one = member()
    one.log.assign(0, 1)
    one.turn()
    before = len(one.mongo.operations)
    one.consumer.holdings.leave([0, 1], -1.0)
    assert (len(one.mongo.operations), one.consumer.holdings.held) == (before, {})


def test_an_absent_database_is_noticed_once_while_letting_go() -> None:
    one = member(partitions=1)
    one.log.assign(0)
    one.turn()
    one.write([pack(SESSION, 1)])
    one.turn()
    one.write([pack(SESSION, 2)])
    one.turn()
    one.mongo.away = True
    before = len(one.mongo.operations)
    one.consumer.holdings.leave([0, 1, 2], 3.0)
    assert one.mongo.operations[before:].count("update positions") == 1
    assert one.consumer.holdings.held == {}


def test_a_partition_that_cannot_be_given_up_is_let_go_all_the_same() -> None:
    one = member()
    one.log.assign(0, 1)
    one.turn()
    one.mongo.faults.append(CONFLICT)
    one.consumer.holdings.leave([0, 1], 3.0)
    assert one.consumer.holdings.held == {}
    assert ["lsid" in one.position(number) for number in (0, 1)] == [True, False]


def test_what_goes_while_it_waits_is_not_claimed() -> None:
    one = member()
    holdings = one.consumer.holdings
    holdings.on_assigned([0, 1])
    holdings.on_lost([0])
    holdings.claim_assigned(0.0)
    assert list(holdings.held) == [1]


def test_a_stop_is_an_alarm_also_when_it_cannot_be_written_down() -> None:
    one = member()
    one.log.assign(0)
    one.turn()
    held = one.consumer.holdings.held[0]
    one.consumer.holdings.halt(held)
    assert one.log.is_fetching(0), "there is no reason to stop"
    held.partition.stop = Stop("made by a test", "x")
    one.mongo.away = True
    one.consumer.holdings.halt(held)
    assert alarm(0, "made by a test") == 1
    assert not one.log.is_fetching(0)
    one.consumer.holdings.drop([0])
    assert alarm(0, "made by a test") is None
