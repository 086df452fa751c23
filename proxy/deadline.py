"""Timers that cost little where they do not go off: of one connection, and of one task."""

import asyncio
from collections.abc import Callable
from types import TracebackType


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


class Within:
    """`with Within(s): await …` raises TimeoutError after that time, as asyncio.timeout does, for less."""

    __slots__ = ("_cancelling", "_late", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._late = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "only for a task"
        self._task = task
        self._cancelling = task.cancelling()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._fire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        # Somebody else may have cancelled the task as well; then it is theirs.
        if self._late and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _fire(self) -> None:
        self._late = True
        self._task.cancel()
