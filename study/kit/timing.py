"""Splits the time of a request into the database's and the rest, which is Python's."""

from time import perf_counter_ns
from types import TracebackType
from typing import Self

import msgspec


class Timing(msgspec.Struct, frozen=True, gc=False):
    """As it stands in every answer."""

    request_ms: float
    database_ms: float
    calls: int
    rows: int

    def header(self) -> str:
        """The value of Server-Timing."""
        read = f"{self.calls} calls, {self.rows} rows"
        return f'db;dur={self.database_ms};desc="{read}", total;dur={self.request_ms}'


class Clock:
    """Of one request. `began_ns` is when the application got it."""

    __slots__ = ("_began_ns", "_calls", "_database_ns", "_rows")

    def __init__(self, began_ns: int) -> None:
        self._began_ns = began_ns
        self._database_ns = self._calls = self._rows = 0

    def call(self) -> "Call":
        """To be entered before the database is asked, and left when all rows are there; may be used in any thread."""
        return Call(self)

    def add(self, took_ns: int, rows: int) -> None:
        self._database_ns += took_ns
        self._calls += 1
        self._rows += rows

    def timing(self) -> Timing:
        took_ns = perf_counter_ns() - self._began_ns
        return Timing(round(took_ns / 1e6, 3), round(self._database_ns / 1e6, 3), self._calls, self._rows)


class Call:
    """One question to the database; `rows` is set by the one who asks."""

    __slots__ = ("_began_ns", "_clock", "rows")

    def __init__(self, clock: Clock) -> None:
        self._clock, self._began_ns, self.rows = clock, 0, 0

    def __enter__(self) -> Self:
        self._began_ns = perf_counter_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clock.add(perf_counter_ns() - self._began_ns, self.rows)
