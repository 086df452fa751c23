"""The answers of the reading side as their callers see them; /docs and /openapi.json are made from these.

Counts are whole numbers; sums of measures are whole where they are whole. What there is nothing of is null, never 0.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Number = int | float


class Answer(BaseModel):
    """A part of an answer, with the field names of JSON's users."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class Slowest(Answer):
    latency: int = Field(description="nanoseconds")
    time_stamp: datetime = Field(description="when that request was forwarded upstream")


class SlowestOfAll(Slowest):
    used_keystem: str


class SlowestFacility(Answer):
    latency: Number = Field(description="average in nanoseconds")
    used_keystem: str


class Named(Answer):
    used_keystem: str


class Latency(Answer):
    """Distribution of upstream's round trips, in nanoseconds, within 2 %; answers from the cache are not in it."""

    count: int
    p50: int | None
    p90: int | None
    p95: int | None
    p99: int | None


class Figures(Answer):
    """What was counted, of whatever it was counted."""

    total_items: int
    total_volume: Number = Field(description="inside volume of all boxes")
    avg_items_per_pack: Number | None
    avg_volume_utilization: Number | None = Field(description="mean of the packs' own utilizations")
    box_types: dict[str, int] = Field(description="boxes per refId")
    total_requests: int
    status_codes: dict[str, int] = Field(description="usable answers of upstream per status")
    request_error_count: int = Field(description="unreachable, timed out or unreadable")
    error_count: int = Field(description="refused or failed by upstream")
    cache_hits: int
    max_latency: Slowest | None
    avg_latency: Number | None = Field(description="nanoseconds")
    total_packs: int = Field(description="requests that were packed")
    utilization_by_volume: Number | None = Field(description="used volume by inside volume, over all boxes")
    net_utilization: Number | None = Field(description="volume of the items alone by inside volume, over all boxes")
    latency: Latency
    leftovers: int = Field(description="items that found no place")
    total_cost: int | None = Field(description="cents, over priced boxes")
    priced_packs: int
    first_seen: datetime | None
    last_seen: datetime | None


class FacilityFigures(Figures):
    cartons: dict[str, int] = Field(description="boxes per name of carton")


class Freshness(Answer):
    as_of: datetime | None = Field(description="everything that Kafka had acknowledged by then is counted here")
    lag_events: int | None = Field(description="acknowledged events that are not counted here yet; null if unknown")


# The bases of an answer stand in the reverse order of its fields.
class Keydata(Freshness, FacilityFigures, Named):
    """All that was counted of one keystem."""


class KeydataOfAll(Freshness, Figures):
    """All that was counted. Cartons are kept per keystem only."""

    max_latency: SlowestOfAll | None
    highest_avg_latency: SlowestFacility | None = Field(description="the facility with the highest average")


class KeydataRow(Named):
    total_requests: int
    total_packs: int
    total_items: int
    avg_volume_utilization: Number | None
    avg_latency: Number | None
    last_seen: datetime | None


class KeydataPage(Answer):
    keydata: list[KeydataRow]
    next: str | None = Field(description="pass it as `after` for the next page; null: this was the last")


class Hour(Answer):
    hour: datetime = Field(description="start of the hour, UTC")


class HourFigures(Figures, Hour):
    """One UTC hour. Of `all`, the extremes (maxLatency, firstSeen, lastSeen) are not kept by the hour: null."""


class Window(Named):
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    hours: list[HourFigures]


class Hours(Freshness, Window):
    """Hours in which something was counted, in their order; an hour that is missing had nothing."""


class Deletion(Answer):
    """What became of a request to delete."""

    event_id: str
    used_keystem: str | None = Field(description="null while pending, except for the process that took the request")
    state: Literal["pending", "applied"]
    requested_at: datetime | None
    applied_at: datetime | None
    cleared: FacilityFigures | None = Field(description="what had been counted and no longer is; null while pending")
