"""A time limit of one task: it ends what takes too long, and nothing else."""

import asyncio

import pytest

from proxy.deadline import Within


async def never() -> None:
    await asyncio.Event().wait()


async def test_what_takes_too_long_is_ended_and_the_task_goes_on() -> None:
    with pytest.raises(TimeoutError), Within(0):
        await never()

    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_what_is_done_in_time_is_left_alone() -> None:
    with Within(0):
        done = True

    await asyncio.sleep(0.01)  # it would go off now
    assert done


async def test_a_task_that_somebody_else_cancels_is_cancelled() -> None:
    async def work() -> None:
        with Within(60):
            await never()

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_fails_by_itself_says_why() -> None:
    with pytest.raises(ZeroDivisionError), Within(60):
        raise ZeroDivisionError
