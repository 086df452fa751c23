"""What is an event and what is not, as its reader sees it."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import events
from common.events import DeleteEvent, PackEvent, decode, decode_identity, decode_schema, encode
from tests.support.made_events import box, delete, pack, session_at

SESSION = session_at()


def wire(**changed: Any) -> bytes:
    fields = json.loads(encode(pack(SESSION, 7))) | changed
    return json.dumps({name: value for name, value in fields.items() if value != "absent"}).encode()


def box_wire(**changed: Any) -> bytes:
    return wire(box_rows=[json.loads(msgspec.json.encode(box())) | changed])


def test_an_event_comes_back_as_it_was() -> None:
    event = pack(SESSION, 7, error=events.UpstreamError(code=422, message="äö"), labels={"site": "a"})
    assert decode(encode(event)) == event
    assert decode(encode(delete(SESSION, 8))) == delete(SESSION, 8)


def test_kind_says_which_event_it_is_and_schema_is_always_written() -> None:
    assert json.loads(encode(pack(SESSION, 1)))["kind"] == "pack"
    assert json.loads(encode(delete(SESSION, 1))).items() >= {"kind": "delete", "schema": 1}.items()
    assert isinstance(decode(encode(delete(SESSION, 1))), DeleteEvent)


def test_the_smallest_event_has_nulls_where_nothing_is_known() -> None:
    event = decode(
        json.dumps(
            {
                "kind": "pack",
                "schema": 1,
                "session": SESSION,
                "partition": 0,
                "seq": 1,
                "keystem": "x",
                "occurred_at": "2025-03-25T05:47:23.483992Z",
                "outcome": "unreachable",
            }
        ).encode()
    )
    assert isinstance(event, PackEvent)
    assert (event.items, event.volume, event.latency_ns, event.status, event.box_rows) == (None, None, None, None, [])
    assert event.occurred_at == datetime(2025, 3, 25, 5, 47, 23, 483_992, tzinfo=UTC)


def test_unknown_fields_are_ignored() -> None:
    assert decode(wire(colour="tomato", nested={"a": [1]})) == decode(wire())
    assert decode(box_wire(colour="tomato")) == decode(box_wire())


def test_unknown_values_of_an_enumeration_are_read() -> None:
    event = decode(wire(outcome="postponed", cache="lukewarm", keystem_from="dream"))
    assert isinstance(event, PackEvent)
    assert (event.outcome, event.cache) == ("postponed", "lukewarm")


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "unpack"},
        {"kind": "absent"},
        {"schema": 0},
        {"schema": 2},
        {"schema": "1"},
        {"schema": 1.0},
        {"schema": True},
        {"schema": "absent"},
        {"session": "short"},
        {"session": None},
        {"seq": 0},
        {"seq": 2**62 + 1},
        {"seq": 10**400},
        {"seq": 1.5},
        {"partition": -1},
        {"partition": 2**31},
        {"keystem": ""},
        {"keystem": "a" * 65},
        {"keystem": "a.b$c"},
        {"keystem": "../x"},
        {"keystem": "a\n"},
        {"keystem": "a\0"},
        {"keystem": "all"},
        {"keystem": "ä"},
        {"occurred_at": "2025-03-25T05:47:23"},  # no zone
        {"occurred_at": "yesterday"},
        {"occurred_at": 1_742_881_643},
        {"outcome": "absent"},
        {"outcome": "x" * 129},
        {"status": 99},
        {"status": 1000},
        {"attempts": 0},
        {"latency_ns": -1},
        {"latency_ns": 86_400_000_000_001},
        {"latency_ns": 1.5},
        {"items": -1},
        {"items": 10_000_001},
        {"volume": -0.5},
        {"volume": 1.1e15},
        {"utilization": 1.00001},
        {"utilization": -0.1},
        {"weight": -1},
        {"pack_s": 86_401},
        {"cost_cents": 10**12 + 1},
        {"cost_cents": 12.5},
        {"request_id": "x" * 129},
        {"box_types": {"x": -1}},
        {"box_types": {str(number): 1 for number in range(129)}},
        {"box_rows": [{}] * 129},
        {"box_rows": [{}]},
        {"offered": [{}] * 1001},
        {"labels": {str(number): "x" for number in range(17)}},
    ],
    ids=str,
)
def test_what_is_out_of_bounds_is_no_event(changed: dict[str, Any]) -> None:
    decode(wire())
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        decode(wire(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"carton": None},
        {"carton": "x" * 129},
        {"count": -1},
        {"dims": [1, 2]},
        {"dims": [1, 2, -3]},
        {"volume_net": -1},
        {"weight": "heavy"},
        {"price_cents": 1e13},
        {"dim_billed": 1},
    ],
    ids=str,
)
def test_a_box_out_of_bounds_is_no_event(changed: dict[str, Any]) -> None:
    decode(box_wire())
    with pytest.raises(msgspec.ValidationError):
        decode(box_wire(**changed))


@pytest.mark.parametrize(
    "value",
    [b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"kind":"pack"', b"NaN", b"[" * 5000, b'{"a":' * 100_000, b'"\\ud800"'],
    ids=lambda value: repr(value[:12]),
)
def test_bytes_that_are_no_event_raise_what_decode_says_it_raises(value: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, ValueError, RecursionError)):
        decode(value)
    assert decode_identity(value) is None
    assert decode_schema(value) is None


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(value: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, ValueError, RecursionError)):
        decode(value)
    assert decode_identity(value) is None


@pytest.mark.parametrize("not_finite", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_that_are_none_are_no_event(not_finite: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(wire(volume=12345).replace(b"12345", not_finite))


def test_an_identity_is_read_whatever_else_is_wrong() -> None:
    found = decode_identity(wire(schema=99, kind="x", items=-1, keystem={"no": "name"}))
    assert found is not None
    assert (found.session, found.partition, found.seq, found.keystem) == (SESSION, 0, 7, {"no": "name"})


def test_a_schema_is_read_even_where_the_identity_is_not() -> None:
    assert decode_schema(b'{"schema": 3, "session": 5}') == 3
    assert decode_schema(b'{"schema": "3"}') is None


def test_an_event_id_names_session_partition_and_seq() -> None:
    assert events.event_id(SESSION, 3, 17) == f"{SESSION}.3.17"


def test_text_bounds_are_in_characters_so_that_128_bytes_always_fit() -> None:
    assert isinstance(decode(wire(request_id="ä" * 128)), PackEvent)
