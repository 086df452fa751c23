"""A delete in slices: what it subtracts, what it leaves, and that a crash between slices costs nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

import aggregator.erasure
from aggregator.erasure import Erasure, subtraction
from aggregator.flusher import Flusher, Outcome
from aggregator.pack_stream import PackStream
from aggregator.partition import Partition, Verdict
from aggregator.positions import Ends
from aggregator.records import Record
from aggregator.store import Store
from common import documents, progress
from common.events import Event, encode
from tests.support.fake_mongo import FakeMongo
from tests.support.made_events import START, START_MS, delete, pack, session_at
from tests.support.members import COUNTED, TOPIC_ID, counted, database, numbers, store_of
from tests.support.mongo_language import updated

SESSION = session_at()
STEM, OTHER = "stem0001", "stem0002"
COUNTERS = st.recursive(
    st.integers(0, 2**60).map(Int64) | st.integers(0, 10**25).map(lambda amount: Decimal128(str(amount))),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b%2E", "0", "max", "n"]), inner, max_size=3),
    max_leaves=8,
)


def no_ends(_partition: int) -> Ends | None:
    return None


def folded(mongo: FakeMongo, *events: Event | bytes) -> tuple[Store, Partition]:
    """These records are in the database; a delete at their end stands before the partition."""
    store = store_of(mongo)
    claim = store.claim(0)
    assert claim is not None
    one, flusher = Partition(0, claim, PackStream(1)), Flusher(store, no_ends)
    for event in events:
        value = event if isinstance(event, bytes) else encode(event)
        if one.offer(Record(one.next_offset, START_MS, 0, b"k", value)) is Verdict.BARRIER:
            break
    if one.pending:
        assert flusher.step(one) is Outcome.WRITTEN
    return store, one


def hourly(keystem: str, hours: int, first_seq: int) -> list[Event]:
    return [
        pack(SESSION, first_seq + number, keystem, occurred_at=START - timedelta(hours=number))
        for number in range(hours)
    ]


def erase(store: Store, partition: Partition) -> int:
    """Apply the delete to its end; how many slices that took."""
    slices = 1
    while not Erasure(store, partition).step():
        slices += 1
    partition.pass_barrier()
    return slices


@given(st.dictionaries(st.sampled_from(["requests", "latency", "x"]), COUNTERS, max_size=3))
def test_a_document_minus_itself_is_zero(counters: dict[str, Any]) -> None:
    document = {"_id": {"k": STEM, "h": START}, "partition": 3, "first_seen": START} | counters
    update = subtraction(document)
    left = updated(dict(document), update, is_new=False) if update else document
    assert numbers_of(left) == {}


def numbers_of(document: dict[str, Any]) -> dict[str, int]:
    mongo = FakeMongo()
    mongo.documents["x"] = {1: document}
    return numbers(mongo, "x").get(1, {})


def test_identity_extremes_and_what_is_the_keystems_alone_are_not_subtracted() -> None:
    document = {
        "_id": STEM,
        "partition": 3,
        "latency_mean": Decimal128("5"),
        "first_seen": START,
        "cartons": {"x": {"count": Int64(1)}},
        "offered": {"h": Int64(1)},
        "latency": {"n": Int64(2), "sum": Decimal128("7"), "max": {"ns": Int64(5), "at": START}},
        "cartons_and_more": Int64(4),
        "nested": {"partition": Int64(1), "_id": Int64(2)},
    }
    update = subtraction(document)
    assert list(update) == ["$inc"]
    assert dict(update["$inc"]) == {
        "latency.n": -2,
        "latency.sum": Decimal128("-7"),
        "cartons_and_more": -4,
        "nested.partition": -1,
        "nested._id": -2,
    }


def test_nothing_is_left_of_a_keystem_and_everything_of_the_others() -> None:
    mongo, without = database(), database()
    others = hourly(OTHER, 3, 100)
    folded(without, *others)
    store, partition = folded(mongo, *others, *hourly(STEM, 3, 1), delete(SESSION, 50))
    erase(store, partition)
    for name in COUNTED:
        assert numbers(mongo, name) == numbers(without, name)
    assert not any(STEM in repr(key) for name in COUNTED for key in mongo.documents.get(name, {}))


def test_the_last_of_all_leaves_zeros_and_no_extremes() -> None:
    mongo = database()
    erase(*folded(mongo, pack(SESSION, 1), delete(SESSION, 2)))
    totals = mongo.documents[documents.TOTALS][0]
    assert numbers(mongo, documents.TOTALS) == {}
    assert not {"first_seen", "last_seen"} & set(totals)
    assert "max" not in totals["latency"]


def test_the_receipt_says_what_was_cleared() -> None:
    mongo = database()
    store, partition = folded(mongo, pack(SESSION, 1), pack(SESSION, 2), delete(SESSION, 3))
    before = mongo.documents[documents.KEYDATA][STEM]
    erase(store, partition)
    receipt = dict(mongo.documents[progress.DELETIONS][f"{SESSION}.0.3"])
    applied_at = receipt.pop("applied_at")
    assert datetime.now(UTC) - applied_at < timedelta(hours=1)
    assert receipt == {
        "_id": f"{SESSION}.0.3",
        "keystem": STEM,
        "actor": "test",
        "requested_at": START + timedelta(seconds=3),
        "topic_id": TOPIC_ID,
        "partition": 0,
        "offset": 2,
        "cleared": {name: value for name, value in before.items() if name not in {"_id", "partition", "latency_mean"}},
    }


def test_the_position_stands_until_the_last_slice_and_then_says_everything() -> None:
    mongo = database()
    store, partition = folded(mongo, pack(SESSION, 1), delete(SESSION, 2))
    positions = mongo.documents[progress.POSITIONS]
    seen = []
    while not Erasure(store, partition).step():
        seen.append((positions[f"{TOPIC_ID}:0"]["next_offset"], positions[f"{TOPIC_ID}:0"]["step"]))
    assert seen == [(1, 1), (1, 2)], "hours, then days"
    position = positions[f"{TOPIC_ID}:0"]
    assert (position["next_offset"], position["leader_epoch"], position["log_time"]) == (2, 0, START)
    assert "step" not in position
    assert position["end_offset"] == 2, "the end is never before the position"
    assert mongo.documents[progress.SESSIONS][f"{TOPIC_ID}:0:{SESSION}"]["upto"] == 2


@pytest.mark.parametrize("limit", ["SLICE_DOCUMENTS", "SLICE_BYTES"])
def test_a_long_history_goes_in_slices(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregator.erasure, limit, 4 if limit == "SLICE_DOCUMENTS" else 1)
    mongo = database()
    store, partition = folded(mongo, *hourly(STEM, 10, 1), delete(SESSION, 50))
    hours, days = (len(mongo.documents[name]) for name in (documents.KEYDATA_HOURS, documents.CARTON_DAYS))
    assert (hours, days) == (10, 2)
    expected = 3 + 1 + 1 if limit == "SLICE_DOCUMENTS" else hours + days + 1
    assert erase(store, partition) == expected
    assert numbers(mongo, documents.TOTALS_HOURS) == {}


@pytest.mark.parametrize("died_after", range(6))
def test_a_new_owner_finishes_what_is_left_wherever_the_old_one_died(
    died_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregator.erasure, "SLICE_DOCUMENTS", 2)
    events = [*hourly(OTHER, 2, 100), *hourly(STEM, 5, 1), delete(SESSION, 50), *hourly(STEM, 1, 60)]
    straight, broken = database(), database()
    for mongo, steps in ((straight, 99), (broken, died_after)):
        store, partition = folded(mongo, *events)
        for _ in range(steps):
            if Erasure(store, partition).step():
                break
        store, partition = folded(mongo, *events[partition_offset(mongo) :])
        if partition.barrier is not None:
            erase(store, partition)
            folded(mongo, *events[partition_offset(mongo) :])
    assert counted(broken) == counted(straight)
    assert numbers(broken, documents.KEYDATA)[STEM]["requests"] == 1


def partition_offset(mongo: FakeMongo) -> int:
    return int(mongo.documents[progress.POSITIONS][f"{TOPIC_ID}:0"]["next_offset"])


def test_hours_whose_totals_have_expired_are_not_made_again() -> None:
    mongo = database()
    store, partition = folded(mongo, *hourly(STEM, 2, 1), delete(SESSION, 50))
    gone = next(iter(mongo.documents[documents.TOTALS_HOURS]))
    del mongo.documents[documents.TOTALS_HOURS][gone]
    erase(store, partition)
    assert gone not in mongo.documents[documents.TOTALS_HOURS]
    assert numbers(mongo, documents.TOTALS_HOURS) == {}


def test_older_quarantined_records_of_the_keystem_are_marked_cleared() -> None:
    mongo = database()
    bad = [encode(pack(SESSION, 70 + number, keystem)).replace(b'"items":5', b'"items":-5') for number, keystem in
           enumerate((STEM, OTHER))]  # fmt: skip
    store, partition = folded(mongo, *bad, delete(SESSION, 50))
    mongo.documents[progress.QUARANTINE]["elsewhere"] = {
        "_id": "elsewhere",
        "keystem": STEM,
        "topic": "another topic",
        "partition": 0,
        "cleared": False,
    }
    erase(store, partition)
    cleared = {key: one["cleared"] for key, one in mongo.documents[progress.QUARANTINE].items()}
    assert cleared == {f"{TOPIC_ID}:0:0": True, f"{TOPIC_ID}:0:1": False, "elsewhere": False}


def slow(**changed: Any) -> Event:
    return pack(SESSION, 1, latency_ns=10**10, occurred_at=START - timedelta(days=9), **changed)


@pytest.mark.parametrize(
    ("removed", "looked_up"),
    [
        (slow, ["find keydata", "aggregate keydata"]),
        (lambda: pack(SESSION, 1, latency_ns=10**10), ["find keydata"]),
        (lambda: pack(SESSION, 1, latency_ns=5, occurred_at=START + timedelta(hours=1)), ["aggregate keydata"]),
        (lambda: pack(SESSION, 1, latency_ns=5), []),
    ],
)
def test_extremes_of_the_total_are_looked_for_only_where_the_removed_one_held_them(
    removed: Callable[[], Event], looked_up: list[str]
) -> None:
    mongo, without = database(), database()
    others = [
        pack(SESSION, 10, OTHER, occurred_at=START - timedelta(hours=1)),
        pack(SESSION, 11, OTHER, occurred_at=START + timedelta(minutes=1)),
    ]
    folded(without, *others)
    store, partition = folded(mongo, *others, removed(), delete(SESSION, 50))
    mongo.operations.clear()
    erase(store, partition)
    assert [name for name in mongo.operations if name in {"find keydata", "aggregate keydata"}] == looked_up
    here, there = (one.documents[documents.TOTALS][0] for one in (mongo, without))
    assert (here["first_seen"], here["last_seen"]) == (there["first_seen"], there["last_seen"])
    assert here["latency"]["max"] == there["latency"]["max"]


def test_a_member_that_was_replaced_subtracts_nothing() -> None:
    mongo = database()
    store, partition = folded(mongo, pack(SESSION, 1), delete(SESSION, 2))
    position = mongo.documents[progress.POSITIONS][f"{TOPIC_ID}:0"]
    mongo.documents[progress.POSITIONS][f"{TOPIC_ID}:0"] = position | {"next_offset": Int64(2)}
    before = counted(mongo)
    mongo.operations.clear()
    with pytest.raises(aggregator.transaction.FencedError):
        Erasure(store, partition).step()
    assert counted(mongo) == before
    written = [name for name in mongo.operations if name.startswith(("bulk", "update", "delete"))]
    assert written == ["bulk positions"], "fenced before it writes anything else"


def test_a_keystem_that_was_never_seen_is_deleted_all_the_same() -> None:
    mongo = database()
    assert erase(*folded(mongo, delete(SESSION, 1, "nobody"))) == 1
    assert partition_offset(mongo) == 1
    assert documents.TOTALS not in mongo.documents


def test_a_record_without_leader_epoch_leaves_the_stored_one() -> None:
    mongo = database()
    store, partition = folded(mongo, pack(SESSION, 1))
    verdict = partition.offer(Record(1, START_MS, None, b"k", encode(delete(SESSION, 2))))
    assert verdict is Verdict.BARRIER
    erase(store, partition)
    assert mongo.documents[progress.POSITIONS][f"{TOPIC_ID}:0"]["leader_epoch"] == 0
