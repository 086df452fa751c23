"""Which partitions a member holds: what is claimed, what waits, and what is let go of."""

from time import monotonic

import pytest
from bson import Int64
from prometheus_client import REGISTRY
from pymongo.errors import AutoReconnect, OperationFailure

import aggregator.consumer
import aggregator.holdings
from aggregator.batches import Claim, Stop
from aggregator.transaction import UnavailableError
from common import documents, progress
from common.errors import LostPlaceError
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


def test_claims_that_take_long_leave_the_rest_to_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    one, now = member(partitions=3), [100.0]
    really = one.store.claim

    def claim(partition: int) -> Claim | None:
        now[0] += 0.6 * aggregator.holdings.CLAIM_S
        return really(partition)

    monkeypatch.setattr(one.store, "claim", claim)
    monkeypatch.setattr(aggregator.holdings, "monotonic", lambda: now[0])
    one.log.assign(0, 1, 2)
    one.turn()
    assert sorted(one.consumer.holdings.held) == [0, 1]
    one.turn()
    assert sorted(one.consumer.holdings.held) == [0, 1, 2]


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
    assert one.mongo.operations[before:].count("bulk positions") == 1
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


# --- what an operator decides ------------------------------------------------------------------------------------------------


def stopped_member() -> Member:
    """One whose only partition waits at offset 2 of a log whose records 2 and 3 are gone."""
    one = Member(database(), {})
    one.log.assign(0)
    one.write(pack(SESSION, seq) for seq in range(1, 3))
    one.turn(2)
    one.write(pack(SESSION, seq) for seq in range(3, 7))
    held = one.consumer.holdings.held[0]
    held.partition.stop = Stop("records missing", "made by a test")
    one.consumer.holdings.halt(held)
    return one


def accept_gap(one: Member, to: int) -> None:
    """As `admin accept-gap` does it."""
    position = one.position()
    position |= {"next_offset": Int64(to), "generation": Int64(position["generation"] + 1)}
    del position["stopped"]


def test_a_stopped_partition_goes_on_where_an_operator_moved_it_without_a_restart() -> None:
    one = stopped_member()
    holdings = one.consumer.holdings
    holdings.claim_assigned(100.0)
    assert not one.log.is_fetching(0), "nobody decided anything yet"
    accept_gap(one, 4)
    holdings.claim_assigned(100.0 + aggregator.holdings.RECLAIM_EVERY_S)
    one.turn(2)
    assert holdings.held[0].partition.stop is None
    assert one.position()["next_offset"] == 6
    assert one.log.starts[-1][:2] == (0, 4)
    assert alarm(0, "records missing") is None
    assert one.mongo.documents[documents.KEYDATA]["stem0001"]["requests"] == 4


def test_a_stopped_partition_is_looked_at_only_now_and_then() -> None:
    one = stopped_member()
    holdings = one.consumer.holdings
    holdings.claim_assigned(100.0)
    before = len(one.mongo.operations)
    holdings.claim_assigned(100.0 + aggregator.holdings.RECLAIM_EVERY_S - 0.1)
    assert len(one.mongo.operations) == before


def test_a_stop_that_could_not_be_written_down_is_written_when_it_is_looked_at_again() -> None:
    one = stopped_member()
    del one.position()["stopped"]
    one.consumer.holdings.claim_assigned(100.0)
    said = one.position()["stopped"]
    assert said["reason"] == "records missing"
    one.consumer.holdings.claim_assigned(200.0)
    assert one.position()["stopped"] == said, "it says since when"


def test_what_the_database_refused_is_tried_again_after_a_while_and_goes_on_once_it_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Member(database(), {})
    one.log.assign(0)
    one.turn()
    one.write(pack(SESSION, seq) for seq in range(1, 3))
    one.mongo.faults.append(OperationFailure("Document failed validation", 121))
    one.turn(2)
    holdings, now = one.consumer.holdings, monotonic()
    assert alarm(0, "refused by the database") == 1
    holdings.claim_assigned(now + aggregator.holdings.RECLAIM_EVERY_S)
    holdings.claim_assigned(now + aggregator.holdings.REFUSED_AGAIN_S / 2)
    assert holdings.held[0].partition.stop is not None
    for later in (2, 3):
        monkeypatch.setattr(
            aggregator.consumer, "monotonic", lambda at=now + later * aggregator.holdings.REFUSED_AGAIN_S: at
        )
        one.turn(2)
    assert alarm(0, "refused by the database") is None
    assert (one.position()["next_offset"], one.position().get("stopped")) == (2, None)
    assert one.mongo.documents[documents.KEYDATA]["stem0001"]["requests"] == 2


def test_what_waits_for_an_operator_is_never_tried_by_itself() -> None:
    one = stopped_member()
    for now in (100.0, 1000.0, 10_000.0):
        one.consumer.holdings.claim_assigned(now)
        assert one.consumer.holdings.held[0].partition.stop is not None


def test_a_stopped_partition_that_cannot_be_looked_at_waits_and_an_absent_database_is_noticed() -> None:
    one = stopped_member()
    accept_gap(one, 4)
    one.mongo.faults.append(CONFLICT)
    one.consumer.holdings.claim_assigned(100.0)
    assert one.consumer.holdings.held[0].partition.stop is not None
    one.mongo.faults.append(AutoReconnect("reset"))
    with pytest.raises(UnavailableError):
        one.consumer.holdings.claim_assigned(200.0)


def test_nothing_is_claimed_before_kafka_has_said_which_topic_it_is() -> None:
    one = member()
    one.log.topic_known = False
    one.log.assign(0, 1, 2)
    one.turn(2)
    assert (one.consumer.holdings.held, one.consumer.holdings.unclaimed) == ({}, [0, 1, 2])
    one.log.topic_known = True
    one.turn()
    assert sorted(one.consumer.holdings.held) == [0, 1, 2]


def test_of_a_topic_that_was_made_again_nothing_is_counted() -> None:
    one = member()
    one.log.made_anew = True
    one.log.assign(0)
    with pytest.raises(LostPlaceError):
        one.turn()
    assert one.log.starts == []


def test_a_position_that_another_one_has_succeeded_is_left_alone() -> None:
    one = member(partitions=1)
    one.position()["succeeded_by"] = "another-id"
    one.log.assign(0)
    with pytest.raises(LostPlaceError, match="another-id"):
        one.turn()
    assert one.log.starts == []
    assert "owner" not in one.position()


def test_what_is_read_again_after_the_log_was_rewritten_is_counted_once_and_kept_once_more_where_it_is_no_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, began = stopped_member(), monotonic()
    one.log.records[0].clear()
    one.write([pack(SESSION, 1), pack(SESSION, 7)])
    one.log.append(0, b"no event")
    accept_gap(one, 0)
    for generation in (1, 2):
        now = began + 2 * aggregator.holdings.RECLAIM_EVERY_S * generation
        monkeypatch.setattr(aggregator.consumer, "monotonic", lambda at=now: at)
        one.consumer.holdings.claim_assigned(now)
        one.turn(2)
        assert one.consumer.holdings.held[0].partition.stop is None
        held = one.consumer.holdings.held[0]
        held.partition.stop = Stop("leader epoch went back", "made by a test")
        one.consumer.holdings.halt(held)
        accept_gap(one, 0)
    assert one.mongo.documents[documents.KEYDATA]["stem0001"]["requests"] == 3
    assert list(one.mongo.documents[progress.QUARANTINE]) == [f"{TOPIC_ID}:0:2:1", f"{TOPIC_ID}:0:2:2"]
