"""Whatever lies in the log is judged, and never raises."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.pack_stream import PackStream
from aggregator.records import Barrier, Foldable, Newer, Poison, Reading, Record, Source
from common.events import MAX_EVENT_BYTES, encode
from tests.support.made_events import START, START_MS, delete, keystem_in, pack, session_at

SESSION = session_at()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def read(value: bytes | None, partition: int = 0, partitions: int = 1) -> Reading:
    return PackStream(partitions).read(Record(5, START_MS, 0, b"k", value), partition)


def wire(**changed: Any) -> bytes:
    fields = json.loads(encode(pack(SESSION, 7))) | changed
    return json.dumps({name: value for name, value in fields.items() if value != "absent"}).encode()


def test_a_pack_is_folded() -> None:
    event = pack(SESSION, 7)
    assert read(encode(event)) == Foldable(Source(SESSION, 7), "stem0001", "pack", event.occurred_at, event)


def test_a_delete_is_a_barrier() -> None:
    event = delete(SESSION, 8)
    moment = START + timedelta(seconds=8)
    assert read(encode(event)) == Barrier(Source(SESSION, 8), "stem0001", f"{SESSION}.0.8", "test", moment)


def test_a_delete_whose_clock_is_suspect_was_asked_for_when_the_log_says() -> None:
    found = read(encode(delete(SESSION, 8, occurred_at=START + timedelta(days=9))))
    assert isinstance(found, Barrier)
    assert found.requested_at == START


def test_no_value_is_poison() -> None:
    assert read(None) == Poison("no value", None, None)


@pytest.mark.parametrize(
    "value", [b"", b"\xff", b"[]", b"[" * 100_000, b'{"a":' * 100_000, b'{"schema":' + b"9" * 5000]
)
def test_bytes_that_are_no_event_are_poison_without_identity(value: bytes) -> None:
    found = read(value)
    assert isinstance(found, Poison)
    assert (found.source, found.subject) == (None, None)
    assert found.reason.startswith("not an event: ")
    assert len(found.reason) < 250


@pytest.mark.parametrize(
    ("changed", "subject"),
    [
        ({"items": -1}, "stem0001"),
        ({"kind": "unpack"}, "stem0001"),
        ({"kind": "absent"}, "stem0001"),
        ({"keystem": "a.b$c"}, "a.b$c"),
        ({"keystem": "all"}, "all"),
        ({"keystem": 5}, None),
        ({"keystem": "absent"}, None),
        ({"schema": "x"}, "stem0001"),
        ({"schema": -1}, "stem0001"),
        ({"occurred_at": "x"}, "stem0001"),
    ],
    ids=str,
)
def test_poison_keeps_the_identity_that_can_be_read(changed: dict[str, Any], subject: str | None) -> None:
    found = read(wire(**changed))
    assert isinstance(found, Poison)
    assert (found.source, found.subject) == (Source(SESSION, 7), subject)


@pytest.mark.parametrize(
    "changed",
    [
        {"session": "x" * 36},
        {"session": "0190aaaa-0000-4000-8000-000000000000"},
        {"seq": 0, "kind": "absent"},
        {"seq": 2**62},
        {"seq": 2**70},
        {"partition": 1},
    ],
    ids=str,
)
def test_an_identity_that_cannot_be_right_counts_for_nothing(changed: dict[str, Any]) -> None:
    found = read(wire(**changed))
    assert isinstance(found, Poison)
    assert found.source is None


def test_reasons_begin_with_a_class_that_metrics_can_count() -> None:
    values = [
        wire(session="x" * 36),
        wire(seq=2**62),
        wire(partition=1),
        wire(extra="x" * MAX_EVENT_BYTES),
        wire(items="x"),
    ]
    reasons = [found.reason.partition(":")[0] for found in map(read, values) if isinstance(found, Poison)]
    assert reasons == ["session is no UUIDv7", "seq out of bounds", "another partition", "too large", "not an event"]


def test_an_event_larger_than_any_of_ours_is_poison_that_counts_as_seen() -> None:
    room = MAX_EVENT_BYTES - len(wire(extra=""))
    assert isinstance(read(wire(extra="x" * room)), Foldable)
    found = read(wire(extra="x" * (room + 1)))
    assert found == Poison(f"too large: {MAX_EVENT_BYTES + 1} bytes", Source(SESSION, 7), "stem0001")


@pytest.mark.parametrize("event", [pack, delete])
def test_a_keystem_in_a_partition_that_is_not_its_own_is_poison_that_counts_as_seen(event: Any) -> None:
    keystem = keystem_in(3, 24)
    assert not isinstance(read(encode(event(SESSION, 7, keystem, partitions=24)), 3, 24), Poison)
    found = read(encode(event(SESSION, 7, keystem, partitions=24, partition=4)), 4, 24)
    assert found == Poison("keystem of another partition: belongs to 3, lies in 4", Source(SESSION, 7), keystem)


@pytest.mark.parametrize(
    "value", [wire(schema=2), wire(schema=2, items="many"), b'{"schema":2}', b'{"schema":2,"kind":1}']
)
def test_a_newer_schema_is_no_poison_however_little_is_understood(value: bytes) -> None:
    assert read(value) == Newer(2)


@given(st.dictionaries(st.sampled_from(sorted(json.loads(encode(pack(SESSION, 1))))), JSON, max_size=4))
def test_an_event_with_anything_in_its_fields_is_judged(changed: dict[str, Any]) -> None:
    assert isinstance(read(wire(**changed)), Foldable | Poison | Newer)


@given(st.binary(max_size=100))
def test_any_bytes_are_judged(value: bytes) -> None:
    assert isinstance(read(value), Poison)
