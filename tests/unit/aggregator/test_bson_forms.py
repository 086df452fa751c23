"""Types in the database never vary: counts are Int64, sums Decimal128, whatever their size."""

from datetime import UTC, datetime

import pytest
from bson import Binary, Decimal128, Int64, decode, encode
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.batches import Claim, Quarantined, SessionState, Stop
from aggregator.bson_forms import (
    bson_id,
    claim_of,
    increments,
    quarantine_fields,
    session_fields,
    session_state,
    stop_fields,
    update_of,
)
from aggregator.changes import Change
from aggregator.hour import LongestLatency
from aggregator.records import Record, Source
from common.seen import Seen
from tests.support.made_events import START, START_MS


def test_an_update_has_the_operators_that_it_needs() -> None:
    change = Change({"n": 3}, {"sum": 10**30}, {"first": START}, {"last": START}, {"hour": START})
    update = update_of(change)
    assert dict(update.pop("$inc")) == {"n": 3, "sum": Decimal128(str(10**30))}
    assert update == {"$min": {"first": START}, "$max": {"last": START}, "$setOnInsert": {"hour": START}}
    assert list(update_of(Change({"n": 1}))) == ["$inc"]
    assert update_of(Change(constants={"a": 1})) == {"$setOnInsert": {"a": 1}}


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(1 - 10**34, 10**34 - 1),
    st.text(st.characters(exclude_characters="\0")),
)
@example(-(2**63), 1 - 10**34, "a.b")
@example(0, 0, "ä")
def test_increments_are_what_the_driver_makes_of_them(count: int, amount: int, path: str) -> None:
    by_the_driver = encode({"$inc": {f"n{path}": Int64(count), f"s{path}": Decimal128(str(amount))}})
    assert encode({"$inc": increments({f"n{path}": count}, {f"s{path}": amount})}) == by_the_driver


@pytest.mark.parametrize("change", [Change({"n": 2**63}), Change(sums={"s": 10**34}), Change(sums={"s": -(10**34)})])
def test_a_number_that_its_type_does_not_hold_is_not_cut(change: Change) -> None:
    with pytest.raises(OverflowError):
        update_of(change)


def test_an_extreme_with_parts_becomes_a_document_in_their_order() -> None:
    longest = LongestLatency(5, START, "stem", "event")
    [document] = update_of(Change(maxima={"max": longest}))["$max"].values()
    assert list(document.items()) == [("ns", 5), ("at", START), ("keystem", "stem"), ("event_id", "event")]
    assert type(document["ns"]) is Int64


def test_an_identity_keeps_the_order_of_its_fields() -> None:
    assert list(bson_id((("k", "stem"), ("h", START))).items()) == [("k", "stem"), ("h", START)]  # type: ignore[attr-defined]  # a document
    assert [bson_id("stem"), bson_id(3)] == ["stem", 3]


def test_a_position_is_read_with_and_without_what_comes_later() -> None:
    fresh = {"next_offset": Int64(0), "generation": Int64(2)}
    assert claim_of(fresh, {}) == Claim(0, 2, None, 0, {}, None)
    written = fresh | {"next_offset": Int64(7), "leader_epoch": 3, "log_time": START, "lsid": Binary(b"12", 4)}
    sessions = {"s": SessionState(Seen(1), 5)}
    assert claim_of(written, sessions) == Claim(7, 2, 3, START_MS, sessions, b"12")


@pytest.mark.parametrize("seen", [Seen(), Seen(5), Seen(5, [[7, 9], [12, 12]]), Seen(2**61, [[2**62 - 1, 2**62]])])
def test_a_session_comes_back_as_it_was(seen: Seen) -> None:
    state = SessionState(seen, START_MS)
    stored = decode(encode(session_fields(state)))
    stored["log_time"] = stored["log_time"].replace(tzinfo=UTC)
    assert session_state(stored) == state
    assert all(type(number) is Int64 for pair in stored["ranges"] for number in pair)


def test_a_quarantined_record_is_kept_whole() -> None:
    record = Record(17, START_MS, 0, b"key", b"\xff")
    fields = quarantine_fields(3, Quarantined(record, "not an event", Source("s", 9), "x" * 200))
    assert fields == {
        "partition": 3,
        "offset": 17,
        "log_time": START,
        "reason": "not an event",
        "key": b"key",
        "value": b"\xff",
        "session": "s",
        "seq": 9,
        "keystem": "x" * 128,
        "cleared": False,
    }
    unknown = quarantine_fields(3, Quarantined(Record(17, START_MS, 0, None, None), "no value", None, None))
    assert [unknown[name] for name in ("key", "value", "session", "seq", "keystem")] == [None] * 5


def test_a_stop_says_when_and_is_not_endless() -> None:
    fields = stop_fields(Stop("reason", "x" * 600))
    assert (fields["reason"], len(fields["detail"])) == ("reason", 500)
    assert fields["at"] <= datetime.now(UTC)
