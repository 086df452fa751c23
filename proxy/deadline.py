"""One timer of one connection: begun once, ended in time, or it acts."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls `then` so many seconds after it began, unless it ended before. To begin twice changes nothing."""

    __slots__ = ("_loop", "_seconds", "_then", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, then: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._then = then
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._fire)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        self._then()
