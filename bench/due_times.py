"""Wakes at given moments with the kernel's precision: event loops count in whole milliseconds, which is too coarse here."""

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Self

_CLOCK_MONOTONIC = 1  # what asyncio's own loop counts in
_ABSOLUTE = 1
_NANO = 1_000_000_000


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class DueTimes:
    """Gives each of the moments (in the event loop's time, ascending) once it has come, those that are past at once."""

    def __init__(self, times: Iterable[float]) -> None:
        self._times: Iterator[float] = iter(times)
        self._loop = asyncio.get_running_loop()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._came = asyncio.Event()
        self._timer = -1

    async def __aenter__(self) -> Self:
        self._timer = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._timer < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop.add_reader(self._timer, self._ring)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop.remove_reader(self._timer)
        os.close(self._timer)

    async def __aiter__(self) -> AsyncIterator[float]:
        for due in self._times:
            if due > self._loop.time():
                await self._until(due)
            else:
                await asyncio.sleep(0)  # late: answers are read all the same
            yield due

    async def _until(self, due: float) -> None:
        self._came.clear()
        seconds, nanoseconds = divmod(round(due * _NANO), _NANO)
        once = _Itimerspec(_Timespec(0, 0), _Timespec(seconds, nanoseconds))
        if self._libc.timerfd_settime(self._timer, _ABSOLUTE, ctypes.byref(once), None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        await self._came.wait()

    def _ring(self) -> None:
        os.read(self._timer, 8)
        self._came.set()
