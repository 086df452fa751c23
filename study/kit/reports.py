"""The questions a stage has to answer, and the rows its answers are made of; README.md here says what they mean."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import msgspec

from study.kit.timing import Clock


class DatabaseDownError(Exception):
    """The database did not answer. The caller gets 503 with this text."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `start` on, before `end`."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Span:
    """A period of one tenant."""

    tenant: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class FloorDay:
    tenant: str
    facility: str
    day: date


class DayRow(msgspec.Struct, frozen=True, gc=False):
    day: str
    orders: int
    units: int


class HourRow(msgspec.Struct, frozen=True, gc=False):
    hour: str
    orders: int
    units: int


class StateRow(msgspec.Struct, frozen=True, gc=False):
    state: str
    orders: int


class ItemRow(msgspec.Struct, frozen=True, gc=False):
    item_id: str
    units: int
    orders: int


class SizeRow(msgspec.Struct, frozen=True, gc=False):
    units: int
    orders: int


class TenantRow(msgspec.Struct, frozen=True, gc=False):
    tenant: str
    orders: int
    units: int


class MinuteRow(msgspec.Struct, frozen=True, gc=False):
    minute: str
    orders: int


class Reports(Protocol):
    """Parameters have been checked. Every call to the database is timed by `clock.call()`."""

    async def days(self, span: Span, clock: Clock) -> list[DayRow]: ...

    async def hours(self, span: Span, clock: Clock) -> list[HourRow]: ...

    async def states(self, span: Span, clock: Clock) -> list[StateRow]: ...

    async def items(self, span: Span, limit: int, clock: Clock) -> list[ItemRow]: ...

    async def sizes(self, span: Span, clock: Clock) -> list[SizeRow]: ...

    async def league(self, period: Period, limit: int, clock: Clock) -> list[TenantRow]: ...

    async def floor(self, day: FloorDay, clock: Clock) -> list[MinuteRow]: ...
