"""Waiting for an outcome with a deadline, because a sleep is either too short or too long."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], deadline_s: float = 20, every_s: float = 0.05) -> T:
    """Call `check` until it returns something true, and return that; AssertionErrors of `check` count as not yet.

    After the deadline the last AssertionError is raised, or one that shows the last value.
    """
    last = time.monotonic() + deadline_s
    while True:
        try:
            found = check()
        except AssertionError:
            if time.monotonic() > last:
                raise
        else:
            if found:
                return found
            assert time.monotonic() <= last, f"not within {deadline_s} s: {check!r}, the last value was {found!r}"
        time.sleep(every_s)


async def eventually_async(check: Callable[[], Awaitable[T]], deadline_s: float = 20, every_s: float = 0.05) -> T:
    """The same for a check that is awaited."""
    last = time.monotonic() + deadline_s
    while True:
        try:
            found = await check()
        except AssertionError:
            if time.monotonic() > last:
                raise
        else:
            if found:
                return found
            assert time.monotonic() <= last, f"not within {deadline_s} s: {check!r}, the last value was {found!r}"
        await asyncio.sleep(every_s)
