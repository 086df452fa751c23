"""Events of every schema version are decoded for ever: what was once written to Kafka is never unreadable.

A file here is never changed. A new version of the schema gets a new file.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from common.events import (
    BoxRow,
    DeleteEvent,
    Event,
    Leftover,
    OfferedCarton,
    PackEvent,
    UpstreamError,
    decode,
    decode_identity,
    decode_schema,
    encode,
)

FOLDER = Path(__file__).parent
SESSION = "0195cbe4-1d7c-7a11-b1c5-0f6d7c3c9f10"

PACK_V1 = PackEvent(
    schema=1,
    session=SESSION,
    partition=17,
    seq=4711,
    keystem="aqRAiz-8RA",
    keystem_from="answer",
    request_id="req-000001",
    source="live",
    occurred_at=datetime(2025, 3, 25, 5, 47, 23, 483992, UTC),
    latency_ns=621_623_810,
    proxy_ns=1_520_000,
    attempts=2,
    outcome="packed",
    status=200,
    error=UpstreamError(code=422, message="invalid: boxTypes[0]"),
    cache="miss",
    engine_version="1.9.2",
    engine_built="2024-09-04T21:52:11.858161781Z",
    upstream_host="api.paccurate.io",
    goal="lowest-cost",
    pack_s=0.000700856,
    render_s=0.00061995,
    total_s=0.001320806,
    pack_uuid="30459e3c3fd5b6ad23063d2f2cd71227ab441ef09bfff86593d76b6b1f9ff109"
    "a54536fef05e1a91ce9da6eefb42538109c40fb782cff569399d2d5e9b80fa98",
    request_fingerprint="2662fbac3653ed2b8f2b8724f24e4991",
    content_hash="a2fe8f12efa8e5fc931efbb93bbe99de",
    order_hash="3de867a95177a1f0dc7de5dd33190b6a",
    items_asked=24,
    offered_hash="ac88cb5c5776e8809194906f3b7f9b3c",
    offered=[
        OfferedCarton(name="small", ref_id="10", dims=(8.0, 10.0, 12.0)),
        OfferedCarton(name="large"),
        OfferedCarton(),
    ],
    offered_from="request",
    random=False,
    images=True,
    request_bytes=812,
    response_bytes=20_480,
    labels={"site": "North"},
    items=23,
    units=23,
    boxes=67,
    leftovers=1,
    volume=17280.5,
    volume_used=6393.25,
    volume_net=6000.0,
    utilization=0.369965,
    weight=71.5,
    cost_cents=1234,
    leftover_sample=[
        Leftover(ref_id="3", name="Anvil", dims=(20.0, 20.0, 20.0), weight=90.0, count=1, message="too heavy")
    ],
    box_types={"10": 66, "(other)": 1},
    box_rows=[
        BoxRow(
            carton="small",
            ref_id="10",
            count=1,
            dims=(8.0, 10.0, 12.0),
            outer=(8.25, 10.25, 12.25),
            items=12,
            volume=960.0,
            volume_used=480.123456,
            volume_net=450.0,
            weight=30.6,
            weight_tare=0.6,
            weight_max=40.0,
            dim_weight=6.9,
            dim_billed=False,
            price_cents=1234,
            material_cents=250,
        ),
        BoxRow(carton="(unnamed)"),
        BoxRow(carton="(other)", count=65),
    ],
)
DELETE_V1 = DeleteEvent(
    schema=1,
    session=SESSION,
    partition=17,
    seq=4712,
    keystem="aqRAiz-8RA",
    occurred_at=datetime(2025, 3, 25, 5, 48, tzinfo=UTC),
    actor="admin req-000002",
)
EVENTS: dict[str, Event] = {"pack-event-v1.json": PACK_V1, "delete-event-v1.json": DELETE_V1}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_that_was_once_written_is_read_and_means_the_same(name: str) -> None:
    value = (FOLDER / name).read_bytes()
    event = decode(value)

    assert event == EVENTS[name]
    assert decode(encode(event)) == event


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_written_today_says_what_the_old_one_said(name: str) -> None:
    written, old = json.loads(encode(EVENTS[name])), json.loads((FOLDER / name).read_bytes())
    del old["a_field_of_later"]

    assert _without_defaults(written) == _without_defaults(old)


@pytest.mark.parametrize("name", EVENTS)
def test_the_identity_of_an_event_can_be_read_without_the_rest(name: str) -> None:
    event = EVENTS[name]
    identity = decode_identity((FOLDER / name).read_bytes())

    assert identity is not None
    assert (identity.session, identity.partition, identity.seq) == (event.session, event.partition, event.seq)
    assert identity.keystem == event.keystem
    assert decode_schema((FOLDER / name).read_bytes()) == 1


def test_the_golden_pack_names_every_field_of_its_schema() -> None:
    golden: dict[str, Any] = json.loads((FOLDER / "pack-event-v1.json").read_bytes())

    assert set(PackEvent.__struct_encode_fields__) <= set(golden)
    assert set(BoxRow.__struct_encode_fields__) == set(golden["box_rows"][0])
    assert set(Leftover.__struct_encode_fields__) == set(golden["leftover_sample"][0])
    assert set(OfferedCarton.__struct_encode_fields__) == set(golden["offered"][0])


def test_a_newer_schema_is_not_taken_for_this_one() -> None:
    golden: dict[str, Any] = json.loads((FOLDER / "pack-event-v1.json").read_bytes())
    newer = json.dumps({**golden, "schema": 2}).encode()

    with pytest.raises(msgspec.ValidationError):
        decode(newer)
    assert decode_schema(newer) == 2


def _without_defaults(event: dict[str, Any]) -> dict[str, Any]:
    """A field may be left out where it has its default: 1 box, 1 leftover, 1 attempt, `live`."""
    defaults = {"source": "live", "count": 1, "attempts": 1}

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(each) for key, each in value.items() if each != defaults.get(key, ...)}
        return [strip(each) for each in value] if isinstance(value, list) else value

    return {key: strip(value) for key, value in event.items() if value != defaults.get(key, ...)}
