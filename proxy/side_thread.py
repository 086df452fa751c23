"""Threads that the process cannot do without: how one ended is a future of the event loop, so nobody overlooks it."""

import asyncio
import threading
import time
from collections.abc import Callable


class Stop:
    """A stop that leaves time: it ends the pause that is going on, and no later one goes beyond its deadline."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._deadline: float | None = None

    def ask(self, within_s: float) -> None:
        self._deadline = time.monotonic() + within_s
        self._asked.set()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    @property
    def over(self) -> bool:
        """Whether the time that was left is used up."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def pause(self, seconds: float) -> None:
        if self._deadline is None:
            self._asked.wait(seconds)
        else:
            time.sleep(max(0.0, min(seconds, self._deadline - time.monotonic())))


class SideThread:
    """Runs `run` in a thread that does not keep the process alive; `ended` has its exception, or None if it returned."""

    def __init__(self, name: str, run: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self.ended: asyncio.Future[None] = loop.create_future()
        self.name = name
        self._run = run
        self._loop = loop
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _main(self) -> None:
        failure: BaseException | None = None
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001  # whatever it was, the event loop raises it
            failure = error
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish, failure)

    def _finish(self, failure: BaseException | None) -> None:
        if self.ended.done():
            return
        if failure is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(failure)
