"""The event on Kafka: what the proxy writes and the aggregator reads, and nothing else is the truth about a pack.

Schema 1. A field may be added (old readers ignore it) but never change its meaning; a change that old readers must
not ignore raises SCHEMA, and a partition stops at an event that is newer than its reader.
The structs of a pack hold no cycles, so they stay out of the garbage collector's way: there are very many of them.
A missing number is null, never 0. Measures are in the caller's units, rounded to 1e-6; times of engines in seconds.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

SCHEMA: Final = 1
MAX_EVENT_BYTES: Final = 16 * 1024
MAX_STRING_BYTES: Final = 128
MAX_BOX_ROWS: Final = 64
MAX_CARTON_NAMES: Final = 512
MAX_LEFTOVER_SAMPLE: Final = 4
OTHER: Final = "other"
OTHER_CARTON: Final = "(other)"
UNNAMED_CARTON: Final = "(unnamed)"

OUTCOMES: Final = frozenset({"packed", "refused", "failed", "unreachable", "timed_out", "unreadable"})
CACHE_STATES: Final = frozenset({"off", "miss", "hit", "uncacheable", "stale"})

# The bounds that a reader relies on: what is outside them is no event (the proxy writes null instead).
Count = Annotated[int, Meta(ge=0, le=10_000_000)]
Measure = Annotated[float, Meta(ge=0, le=1e15)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Nanoseconds = Annotated[int, Meta(ge=0, le=86_400_000_000_000)]
Cents = Annotated[int, Meta(ge=-(10**12), le=10**12)]
Share = Annotated[float, Meta(ge=0, le=1.000001)]
Text = Annotated[str, Meta(max_length=MAX_STRING_BYTES)]
# `all` is the name of the total; `$` would let a line feed pass.
Keystem = Annotated[str, Meta(pattern=r"\A(?!all\Z)[A-Za-z0-9_-]{1,64}\Z")]
Session = Annotated[str, Meta(min_length=36, max_length=36)]
Seq = Annotated[int, Meta(ge=1, le=2**62)]
PartitionNumber = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Moment = Annotated[datetime, Meta(tz=True)]
Dims = tuple[Measure, Measure, Measure]


class BoxRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One filled carton; beyond MAX_BOX_ROWS the rest is added up in one row under `(other)`, with its `count`."""

    carton: Text
    ref_id: Text | None = None
    count: Count = 1
    dims: Dims | None = None
    outer: Dims | None = None
    items: Count | None = None
    volume: Measure | None = None
    volume_used: Measure | None = None
    volume_net: Measure | None = None
    weight: Measure | None = None
    weight_tare: Measure | None = None
    weight_max: Measure | None = None
    dim_weight: Measure | None = None
    dim_billed: bool | None = None
    price_cents: Cents | None = None
    material_cents: Cents | None = None


class OfferedCarton(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: Text | None = None
    ref_id: Text | None = None
    dims: Dims | None = None


class Leftover(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One kind of item that found no place."""

    ref_id: Text | None = None
    name: Text | None = None
    dims: Dims | None = None
    weight: Measure | None = None
    count: Count = 1
    message: Text | None = None


class UpstreamError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: Annotated[int, Meta(ge=-(2**31), le=2**31)] | None = None
    message: Text | None = None


class PackEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="pack", tag_field="kind"):
    """One request that was sent upstream, and what became of it."""

    # identity: (session, partition, seq) is unique for ever
    schema: Literal[1]
    session: Session
    partition: PartitionNumber
    seq: Seq
    keystem: Keystem
    keystem_from: Text = "none"
    request_id: Text | None = None
    source: Text = "live"
    # when
    occurred_at: Moment
    latency_ns: Nanoseconds | None = None
    proxy_ns: Nanoseconds | None = None
    attempts: Annotated[int, Meta(ge=1, le=1000)] = 1
    # outcome
    outcome: Text
    status: Annotated[int, Meta(ge=100, le=999)] | None = None
    error: UpstreamError | None = None
    cache: Text = "off"
    # engine
    engine_version: Text | None = None
    engine_built: Text | None = None
    upstream_host: Text | None = None
    goal: Text | None = None
    pack_s: Seconds | None = None
    render_s: Seconds | None = None
    total_s: Seconds | None = None
    pack_uuid: Text | None = None
    # request
    request_fingerprint: Text | None = None
    content_hash: Text | None = None
    order_hash: Text | None = None
    items_asked: Count | None = None
    offered_hash: Text | None = None
    offered: Annotated[list[OfferedCarton], Meta(max_length=1000)] | None = None
    offered_from: Text | None = None
    random: bool | None = None
    images: bool | None = None
    request_bytes: Annotated[int, Meta(ge=0, le=2**40)] | None = None
    response_bytes: Annotated[int, Meta(ge=0, le=2**40)] | None = None
    labels: Annotated[dict[Text, Text], Meta(max_length=16)] | None = None
    # totals
    items: Count | None = None
    units: Count | None = None
    boxes: Count | None = None
    leftovers: Count | None = None
    volume: Measure | None = None
    volume_used: Measure | None = None
    volume_net: Measure | None = None
    utilization: Share | None = None
    weight: Measure | None = None
    cost_cents: Cents | None = None
    leftover_sample: Annotated[list[Leftover], Meta(max_length=64)] | None = None
    # per box
    box_types: Annotated[dict[Text, Count], Meta(max_length=128)] | None = (
        None  # boxes per ref id over all boxes, also those that have no row of their own
    )
    box_rows: Annotated[list[BoxRow], Meta(max_length=2 * MAX_BOX_ROWS)] = []


class DeleteEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="delete", tag_field="kind"):
    """Clears what was recorded of a keystem before it, and nothing after it."""

    schema: Literal[1]
    session: Session
    partition: PartitionNumber
    seq: Seq
    keystem: Keystem
    occurred_at: Moment
    actor: Text | None = None


Event = PackEvent | DeleteEvent


class Identity(msgspec.Struct, frozen=True):
    """As much of any event, whatever else it holds, as says which one it is."""

    session: str
    partition: int
    seq: int
    keystem: object = None  # whatever is there: it is not part of the identity


class _Version(msgspec.Struct, frozen=True):
    schema: int


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_identity_decoder = msgspec.json.Decoder(Identity)
_version_decoder = msgspec.json.Decoder(_Version)


def event_id(session: str, partition: int, seq: int) -> str:
    return f"{session}.{partition}.{seq}"


def encode(event: Event) -> bytes:
    """The value of the record: JSON, the schema always written out."""
    return _encoder.encode(event)


def decode(value: bytes) -> Event:
    """The event in a record's value. Raises msgspec.MsgspecError, ValueError or RecursionError where it is none."""
    return _decoder.decode(value)


def decode_identity(value: bytes) -> Identity | None:
    """Which event a value is, as far as that can be read at all."""
    try:
        return _identity_decoder.decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def decode_schema(value: bytes) -> int | None:
    """Which schema a value says it has; a newer one may have changed everything but that."""
    try:
        return _version_decoder.decode(value).schema
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
