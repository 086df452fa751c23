"""Rounds between records: how far behind, how fresh, and whether a partition stands still."""

from datetime import UTC, datetime

import pytest
from prometheus_client import REGISTRY
from pymongo.errors import AutoReconnect, OperationFailure

from aggregator.batches import Stop
from aggregator.oversight import EVERY_S, RENEW_EVERY_S, RESTARTS
from aggregator.transaction import UnavailableError
from aggregator.watchdog import SILENCE_S
from common import progress
from common.errors import LostPlaceError
from tests.support.fake_mongo import TRANSIENT
from tests.support.made_events import HOUR_MS, START_MS, pack, session_at
from tests.support.members import Member, database

SESSION = session_at()
CONFLICT = OperationFailure("write conflict", 112, TRANSIENT)


def member(events: int = 0, interval_s: float = 0.0) -> Member:
    one = Member(database(), {}, interval_s=interval_s)
    one.write(pack(SESSION, seq) for seq in range(1, events + 1))
    one.log.assign(0)
    one.turn(2)
    return one


class Rounds:
    """Makes rounds at moments of its own."""

    def __init__(self, one: Member) -> None:
        self.one, self.now = one, 1e9
        one.consumer.holdings.held[0].watchdog.heard_at = self.now

    def look(self, after_s: float = EVERY_S, *, database_away: bool = False, backlog: bool = False) -> None:
        self.now += after_s
        self.one.consumer.oversight.look(self.now, database_away=database_away, backlog=backlog)


def gauge(name: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"partition": "0"})


def test_lag_is_what_the_log_holds_and_the_database_does_not() -> None:
    one = member(events=3)
    rounds = Rounds(one)
    rounds.look()
    rounds.look()
    assert gauge("packstats_lag_records") == 0
    one.write([pack(SESSION, 4)])
    rounds.look()
    assert gauge("packstats_lag_records") == 1


def test_what_is_folded_and_not_written_is_behind() -> None:
    one = member(events=2, interval_s=60.0)
    partition = one.consumer.holdings.held[0].partition
    rounds = Rounds(one)
    rounds.look()
    rounds.look()
    assert gauge("packstats_lag_records") == 2
    partition.swap()
    rounds.look()
    assert gauge("packstats_lag_records") == 2, "a batch that waits is not written"


def test_freshness_is_the_age_of_the_last_moment_that_is_complete() -> None:
    one = member(events=3)
    rounds = Rounds(one)
    rounds.look()
    rounds.look()
    complete = one.consumer.oversight.complete[0]
    assert (datetime.now(UTC) - complete).total_seconds() < 3600
    one.write([pack(SESSION, 4)])
    rounds.look()
    assert one.consumer.oversight.complete[0] == complete
    assert (gauge("packstats_freshness_seconds") or -1) >= 0


def test_what_was_behind_from_the_beginning_is_as_fresh_as_the_last_record_that_is_written() -> None:
    one = member(events=1)
    one.write([pack(SESSION, 2)], log_ms=START_MS + HOUR_MS)
    heir = Member(one.mongo, one.log.records, interval_s=60.0)
    heir.log.assign(0)
    heir.turn(2)
    Rounds(heir).look()
    assert heir.consumer.oversight.complete[0] == progress.moment_of(START_MS)
    heir.consumer.oversight._holdings.leave([0], 5.0)
    assert gauge("packstats_freshness_seconds") is None


def test_lag_and_freshness_go_on_while_the_database_is_away() -> None:
    one = member(events=3)
    rounds = Rounds(one)
    rounds.look()
    one.mongo.away = True
    one.write([pack(SESSION, 4)])
    for _ in range(50):
        rounds.look(database_away=True)
    assert gauge("packstats_lag_records") == 1
    assert len(one.log.starts) == 1, "a paused partition is not blamed for its silence"
    one.mongo.away = False
    rounds.look()
    assert len(one.log.starts) == 1


def test_a_partition_is_not_blamed_for_its_silence_while_others_come_first() -> None:
    one = member(events=3)
    rounds = Rounds(one)
    rounds.look()
    one.write([pack(SESSION, 4)])
    for _ in range(50):
        rounds.look(backlog=True)
    assert len(one.log.starts) == 1
    for _ in range(round(SILENCE_S) + 1):
        rounds.look()
    assert len(one.log.starts) == 2, "without a backlog it is"


def test_a_partition_is_not_blamed_for_its_silence_while_kafka_says_nothing_of_it() -> None:
    one = member(events=3)
    rounds = Rounds(one)
    one.write([pack(SESSION, 4)])
    rounds.look()
    rounds.look()  # its end is known, and that it is behind
    one.log.ends_known = False
    for _ in range(5 * round(SILENCE_S)):
        rounds.look()
    assert len(one.log.starts) == 1
    one.log.ends_known = True
    for _ in range(round(SILENCE_S) + 2):
        rounds.look()
    assert len(one.log.starts) == 2, "from then on it is"


def test_rounds_are_made_once_a_second() -> None:
    one = member()
    rounds = Rounds(one)
    rounds.look()
    one.log._asked = []
    rounds.look(EVERY_S / 2)
    assert one.log._asked == []
    rounds.look(EVERY_S / 2)
    assert one.log._asked == [0]


def test_what_is_unknown_is_not_said() -> None:
    one = Member(database(), {})
    one.log.ends_known = False
    one.consumer.holdings.drop([0])  # what an earlier test left in the gauge
    one.log.assign(0)
    one.turn(2)
    Rounds(one).look()
    assert gauge("packstats_lag_records") is None
    assert "end_offset" not in one.position()


def test_partitions_that_are_gone_are_forgotten() -> None:
    one = member(events=1)
    rounds = Rounds(one)
    rounds.look()
    rounds.look()
    one.log.revoke(0)
    one.turn()
    one.log.ask_ends([])
    rounds.look()
    assert (one.consumer.oversight.complete, one.consumer.oversight._ends) == ({}, {})
    assert gauge("packstats_lag_records") is None


def test_idle_positions_are_renewed_now_and_then() -> None:
    one = member(events=1)
    rounds = Rounds(one)
    rounds.look()
    first = one.position()["caught_up_at"]
    rounds.look()
    assert one.position()["caught_up_at"] == first
    rounds.look(RENEW_EVERY_S)
    assert one.position()["caught_up_at"] > first


def test_a_position_that_cannot_be_renewed_is_renewed_the_next_time() -> None:
    one = member(events=1)
    rounds = Rounds(one)
    one.mongo.faults.append(CONFLICT)
    rounds.look()
    one.mongo.faults.append(AutoReconnect("reset"))
    with pytest.raises(UnavailableError):
        rounds.look(RENEW_EVERY_S)


def test_a_position_that_differs_from_what_was_folded_is_a_gap() -> None:
    one = member(events=2)
    one.write([pack(SESSION, 3)])
    one.log.lose(0)
    one.log.consume(10, 0)
    rounds = Rounds(one)
    rounds.look()
    assert one.log.starts[-1] == (0, 2, 0)
    rounds.look()
    assert len(one.log.starts) == 2, "before the first record the position says nothing"


@pytest.mark.parametrize("why", ["skipped", "stopped"])
def test_a_partition_that_takes_nothing_is_not_blamed_for_it(why: str) -> None:
    one = member(events=2)
    held = one.consumer.holdings.held[0]
    if why == "skipped":
        held.skipped = True
    else:
        held.partition.stop = Stop("x", "y")
    one.write([pack(SESSION, 3)])
    one.log.consume(10, 0)
    rounds = Rounds(one)
    rounds.look()
    rounds.look(SILENCE_S)
    assert len(one.log.starts) == 1


def test_a_partition_that_stands_still_is_fetched_anew_and_then_the_place_is_lost() -> None:
    one = member()
    rounds = Rounds(one)
    one.write([pack(SESSION, 1)])
    rounds.look()
    for restart in range(1, RESTARTS + 1):
        rounds.look(SILENCE_S)
        assert len(one.log.starts) == 1 + restart
    with pytest.raises(LostPlaceError, match="partition 0 gives nothing at offset 0"):
        rounds.look(SILENCE_S)


def test_a_partition_that_is_caught_up_may_be_silent() -> None:
    one = member(events=1)
    rounds = Rounds(one)
    for _ in range(10):
        rounds.look(SILENCE_S)
    assert len(one.log.starts) == 1


def test_readers_are_told_of_a_partition_as_soon_as_it_is_known_to_be_complete() -> None:
    one = Member(database(), {})
    one.log.ends_known = False
    one.log.assign(0)
    one.turn(2)
    rounds = Rounds(one)
    rounds.look()  # the renewal that is due finds nothing to say, the next one is due much later
    assert "caught_up_at" not in one.position()
    one.log.ends_known = True
    rounds.look()
    assert "caught_up_at" in one.position()
