"""A side thread's end is never overlooked, and a stop leaves exactly the time it was given."""

import asyncio

import pytest

from proxy.side_thread import SideThread, Stop


async def test_a_thread_that_returns_has_ended() -> None:
    thread = SideThread("quiet", lambda: None, asyncio.get_running_loop())
    thread.start()
    await thread.ended
    assert thread.ended.exception() is None


async def test_the_exception_of_a_thread_is_raised_in_the_loop() -> None:
    def bug() -> None:
        raise ZeroDivisionError

    thread = SideThread("broken", bug, asyncio.get_running_loop())
    thread.start()
    with pytest.raises(ZeroDivisionError):
        await thread.ended


async def test_nobody_minds_a_thread_whose_end_nobody_waits_for_any_more() -> None:
    loop = asyncio.get_running_loop()
    thread = SideThread("late", lambda: None, loop)
    thread.ended.cancel()
    thread._main()
    await asyncio.sleep(0)
    assert thread.ended.cancelled()


def test_a_thread_may_outlive_the_loop() -> None:
    loop = asyncio.new_event_loop()
    thread = SideThread("later", lambda: None, loop)
    loop.close()
    thread._main()
    assert not thread.ended.done()


def test_a_stop_is_asked_for_once_and_over_after_its_time() -> None:
    stop = Stop()
    assert (stop.asked, stop.over) == (False, False)
    stop.pause(0)
    stop.ask(1000)
    assert (stop.asked, stop.over) == (True, False)
    stop.pause(0)
    stop.ask(0)
    assert stop.over
    stop.pause(1000)  # there is no time left, so this does not wait
