"""The state machine of a partition: what it takes, what it refuses, and what goes into the database."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aggregator.batches import Claim, SessionState, Stop
from aggregator.pack_stream import PackStream
from aggregator.partition import (
    FULL_CHANGE_BYTES,
    HEADROOM,
    MAX_CHANGE_BYTES,
    MAX_RECORDS,
    WEIGH_EVERY,
    Partition,
    Verdict,
)
from aggregator.records import Foldable, Record, Source
from common import documents
from common.events import MAX_EVENT_BYTES, Event, encode
from common.seen import Seen
from tests.support.made_events import DAY_MS, START, START_MS, delete, pack, session_at

SESSION = session_at()
CLAIM = Claim(next_offset=10, generation=3, leader_epoch=None, log_ms=0, sessions={})


def partition(max_records: int = MAX_RECORDS, **claim: Any) -> Partition:
    return Partition(0, replace(CLAIM, sessions={}, **claim), PackStream(1), max_records)


def record(offset: int, event: Event | bytes | None, log_ms: int = START_MS, leader_epoch: int | None = None) -> Record:
    value = event if isinstance(event, bytes) or event is None else encode(event)
    return Record(offset, log_ms, leader_epoch, b"k", value)


def offered(one: Partition, *events: Event | bytes | None, log_ms: int = START_MS) -> list[Verdict]:
    return [one.offer(record(one.next_offset, event, log_ms)) for event in events]


def packs(first: int, last: int) -> list[Event]:
    return [pack(SESSION, seq) for seq in range(first, last + 1)]


# --- order ----------------------------------------------------------------------------------------------------------------


def test_records_are_taken_in_order() -> None:
    one = partition()
    assert offered(one, *packs(1, 3)) == [Verdict.TAKEN] * 3
    assert (one.base, one.next_offset, one.written, one.pending) == (10, 13, 10, 3)


def test_a_jump_is_a_gap_and_changes_nothing() -> None:
    one = partition()
    assert one.offer(record(11, pack(SESSION, 1))) is Verdict.GAP
    assert (one.next_offset, one.swap()) == (10, None)


def test_what_lies_before_the_position_is_stale_and_changes_nothing() -> None:
    one = partition()
    assert one.offer(record(9, pack(SESSION, 1))) is Verdict.STALE
    assert (one.next_offset, one.swap()) == (10, None)


# --- identity --------------------------------------------------------------------------------------------------------------


def test_a_record_that_was_folded_before_is_stepped_over() -> None:
    one = partition()
    assert offered(one, pack(SESSION, 1), pack(SESSION, 1), pack(SESSION, 2), pack(SESSION, 1)) == [Verdict.TAKEN] * 4
    flush = one.swap()
    assert flush is not None
    assert (flush.tally.kinds, flush.tally.duplicates, flush.to) == ({"pack": 2}, 2, 14)
    assert flush.sessions == {SESSION: SessionState(Seen(2), START_MS)}
    assert flush.batch.changes().documents[documents.KEYDATA, "stem0001"].counts["requests"] == 2


def test_a_record_that_was_overtaken_is_folded() -> None:
    one = partition()
    offered(one, pack(SESSION, 3), pack(SESSION, 1))
    flush = one.swap()
    assert flush is not None
    assert (flush.tally.kinds, flush.tally.duplicates) == ({"pack": 2}, 0)
    assert flush.sessions[SESSION].seen == Seen(1, [[3, 3]])


def test_what_the_claim_has_seen_is_a_duplicate() -> None:
    claim = replace(CLAIM, sessions={SESSION: SessionState(Seen(5), START_MS)})
    one = Partition(0, claim, PackStream(1))
    offered(one, pack(SESSION, 5), pack(SESSION, 6))
    flush = one.swap()
    assert flush is not None
    assert (flush.tally.kinds, flush.tally.duplicates) == ({"pack": 1}, 1)


# --- poison ----------------------------------------------------------------------------------------------------------------


def test_poison_is_kept_and_the_rest_flows() -> None:
    one = partition()
    assert offered(one, pack(SESSION, 1), b"poison", None, pack(SESSION, 2)) == [Verdict.TAKEN] * 4
    flush = one.swap()
    assert flush is not None
    assert [(held.record.offset, held.record.value, held.source) for held in flush.quarantined] == [
        (11, b"poison", None),
        (12, None, None),
    ]
    assert (flush.to, flush.tally.kinds) == (14, {"pack": 2})


def test_poison_with_an_identity_counts_as_seen() -> None:
    one = partition()
    poison = json.dumps(json.loads(encode(pack(SESSION, 1))) | {"items": -1}).encode()
    offered(one, poison, poison, pack(SESSION, 1))
    flush = one.swap()
    assert flush is not None
    assert [(held.source, held.subject) for held in flush.quarantined] == [(Source(SESSION, 1), "stem0001")]
    assert (flush.tally.duplicates, flush.tally.kinds) == (2, {})
    assert flush.sessions[SESSION].seen == Seen(1)


def test_a_newer_schema_stops_the_partition_before_it() -> None:
    one = partition()
    newer = json.dumps(json.loads(encode(pack(SESSION, 2))) | {"schema": 2}).encode()
    assert offered(one, pack(SESSION, 1), newer, pack(SESSION, 3)) == [Verdict.TAKEN, Verdict.STOP, Verdict.HELD]
    assert one.stop == Stop("newer schema", "offset 11 has schema 2: update the aggregators")
    flush = one.swap()
    assert flush is not None
    assert (flush.to, flush.quarantined) == (11, [])


# --- leader epoch ----------------------------------------------------------------------------------------------------------


def test_a_lower_leader_epoch_stops_the_partition() -> None:
    one = partition()
    epochs = [None, 4, 4, 7, None, 6]
    verdicts = [
        one.offer(record(10 + number, pack(SESSION, number + 1), leader_epoch=epoch))
        for number, epoch in enumerate(epochs)
    ]
    assert verdicts == [Verdict.TAKEN] * 5 + [Verdict.STOP]
    assert one.stop == Stop("leader epoch went back", "offset 15 has leader epoch 6, the one before had 7")
    flush = one.swap()
    assert flush is not None
    assert (flush.to, flush.leader_epoch) == (15, 7)


def test_the_leader_epoch_of_the_claim_counts() -> None:
    one = partition(leader_epoch=5)
    assert one.offer(record(10, pack(SESSION, 1), leader_epoch=4)) is Verdict.STOP


def test_the_leader_epoch_of_a_delete_counts() -> None:
    one = partition(leader_epoch=5)
    one.offer(record(10, delete(SESSION, 1), leader_epoch=6))
    one.pass_barrier()
    assert one.offer(record(11, pack(SESSION, 2), leader_epoch=5)) is Verdict.STOP


# --- session age -----------------------------------------------------------------------------------------------------------


def test_a_record_of_an_old_unknown_session_is_never_counted_nor_remembered() -> None:
    one = partition()
    late = START_MS + 45 * DAY_MS + 1
    offered(one, pack(SESSION, 1), delete(SESSION, 2), b"x", log_ms=late)
    flush = one.swap()
    assert flush is not None
    assert [held.reason for held in flush.quarantined[:2]] == ["session too old"] * 2
    assert [held.source for held in flush.quarantined] == [None] * 3
    assert flush.quarantined[0].subject == "stem0001"
    assert (flush.sessions, flush.tally.kinds) == ({}, {})
    assert flush.batch.changes().documents == {}


def test_a_known_session_may_be_as_old_as_it_likes() -> None:
    one = partition()
    offered(one, pack(SESSION, 1))
    offered(one, pack(SESSION, 2), log_ms=START_MS + 59 * DAY_MS)
    offered(one, pack(SESSION, 3), log_ms=START_MS + 110 * DAY_MS)
    flush = one.swap()
    assert flush is not None
    assert (flush.tally.kinds, flush.quarantined) == ({"pack": 3}, [])


@pytest.mark.parametrize("flushed_between", [False, True])
def test_a_session_is_gone_60_days_after_its_last_record_wherever_batches_end(flushed_between: bool) -> None:
    one, young = partition(), session_at(START + timedelta(days=61))
    offered(one, pack(SESSION, 1))
    offered(one, pack(young, 1), log_ms=START_MS + 60 * DAY_MS + 1)
    first = one.swap() if flushed_between else None
    offered(one, pack(SESSION, 1), pack(SESSION, 2), log_ms=START_MS + 60 * DAY_MS + 1)
    last = one.swap()
    assert last is not None
    assert [held.record.offset for held in last.quarantined] == [12, 13]
    assert (first or last).expired == [SESSION]
    assert set((first or last).sessions) == {young}
    assert set(one.sessions.states) == {young}


# --- deletes ---------------------------------------------------------------------------------------------------------------


def test_a_delete_ends_the_batch() -> None:
    one = partition()
    assert offered(one, pack(SESSION, 1), delete(SESSION, 2), pack(SESSION, 3)) == [
        Verdict.TAKEN,
        Verdict.BARRIER,
        Verdict.HELD,
    ]
    flush = one.swap()
    assert flush is not None
    assert (flush.base, flush.to, one.next_offset) == (10, 11, 11)
    assert one.swap() is None
    assert flush.sessions[SESSION].seen == Seen(1)


def test_behind_an_applied_delete_folding_goes_on() -> None:
    one = partition()
    offered(one, pack(SESSION, 1), delete(SESSION, 2), log_ms=START_MS)
    one.swap()
    assert one.session_behind_barrier() == (Source(SESSION, 2), SessionState(Seen(2), START_MS))
    one.pass_barrier()
    assert (one.base, one.next_offset, one.written, one.barrier) == (12, 12, 12, None)
    assert offered(one, delete(SESSION, 2), pack(SESSION, 3)) == [Verdict.TAKEN] * 2
    flush = one.swap()
    assert flush is not None
    assert (flush.base, flush.tally.duplicates, flush.tally.kinds) == (12, 1, {"pack": 1})


def test_a_delete_moves_the_log_time_on() -> None:
    one = partition()
    offered(one, delete(SESSION, 1), log_ms=START_MS + 5)
    one.pass_barrier()
    assert one.log_ms == START_MS + 5


def test_there_is_no_passing_where_no_delete_stands() -> None:
    with pytest.raises(RuntimeError, match="no barrier"):
        partition().pass_barrier()


# --- batches ---------------------------------------------------------------------------------------------------------------


def test_a_swap_takes_everything_once_and_folding_goes_on() -> None:
    one = partition(generation=8, leader_epoch=2)
    assert one.swap() is None
    offered(one, *packs(1, 2), log_ms=START_MS)
    offered(one, pack(SESSION, 3), log_ms=START_MS - 5)
    first = one.swap()
    offered(one, pack(SESSION, 4), b"poison")
    second = one.swap()
    assert first is not None
    assert second is not None
    assert (first.base, first.to, second.base, second.to) == (10, 13, 13, 15)
    assert (first.generation, first.leader_epoch, first.log_ms, first.partition) == (8, 2, START_MS, 0)
    assert [len(flush.quarantined) for flush in (first, second)] == [0, 1]
    assert [flush.tally.kinds for flush in (first, second)] == [{"pack": 3}, {"pack": 1}]
    assert one.swap() is None


def test_a_full_batch_takes_no_more_until_it_is_swapped() -> None:
    one = partition(max_records=2)
    assert offered(one, *packs(1, 3)) == [Verdict.TAKEN, Verdict.TAKEN, Verdict.HELD]
    assert (one.is_full, one.is_ripe, one.is_open) == (True, True, False)
    one.swap()
    assert offered(one, pack(SESSION, 3)) == [Verdict.TAKEN]


def test_a_batch_is_ripe_while_a_turn_of_records_still_fits_in() -> None:
    one = partition(max_records=HEADROOM + 2)
    ripe = []
    for event in packs(1, 3):
        offered(one, event)
        ripe.append(one.is_ripe)
    assert ripe == [False, True, True]
    assert not one.is_full
    assert not partition(max_records=1).is_ripe, "an empty batch is never ripe"


class HeavyBatch:
    """Every record weighs the same; nothing else is of interest."""

    def __init__(self, each: int) -> None:
        self.each, self.records = each, 0

    def add(self, _item: Foldable, _log_ms: int) -> None:
        self.records += 1

    def size_bytes(self) -> int:
        return self.records * self.each

    def changes(self) -> Any:
        raise NotImplementedError


class HeavyStream(PackStream):
    def __init__(self, each: int) -> None:
        super().__init__(1)
        self.each = each

    def new_batch(self, _partition: int) -> Any:
        return HeavyBatch(self.each)


def test_a_batch_of_heavy_changes_is_ripe_and_then_full_by_its_weight() -> None:
    one = Partition(0, replace(CLAIM, sessions={}), HeavyStream(MAX_CHANGE_BYTES // WEIGH_EVERY))
    event = encode(pack(SESSION, 1))
    states = []
    for _ in range(2 * WEIGH_EVERY):
        one.offer(record(one.next_offset, event))
        one.sessions.states.clear()
        states.append((one.is_ripe, one.is_full))
    assert states.index((True, False)) == WEIGH_EVERY - 1
    assert states.index((True, True)) == 2 * WEIGH_EVERY - 1, "looked at every so many records"


def test_quarantined_bytes_weigh_too() -> None:
    one = partition()
    poison = b"x" * (1024 * 1024)
    many = FULL_CHANGE_BYTES // len(poison)
    verdicts = offered(one, *[poison] * (many + 1))
    assert verdicts == [Verdict.TAKEN] * many + [Verdict.HELD]
    flush = one.swap()
    assert flush is not None
    assert len(flush.quarantined) == many
    assert not one.is_ripe


def test_small_poison_is_weighed_at_every_look_again() -> None:
    one = partition()
    offered(one, *[b"x" * MAX_EVENT_BYTES] * (MAX_CHANGE_BYTES // MAX_EVENT_BYTES))
    assert one.is_ripe
    assert not one.is_full


def test_a_refused_batch_is_forgotten_and_the_partition_stands() -> None:
    one = partition()
    offered(one, *packs(1, 2))
    one.refuse(Stop("refused", "because"))
    assert (one.swap(), one.pending, one.written) == (None, 0, 10)
    assert offered(one, pack(SESSION, 3)) == [Verdict.HELD]
