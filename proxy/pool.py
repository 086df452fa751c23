"""Connections to upstream that are kept and shared: no more than so many, first come first served, none kept too long."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from proxy.connection import Connection, too_slow


class Pool:
    """For one event loop. The connection that was used last is used next, so that what is not needed grows old."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], limit: int, keep_s: float) -> None:
        self._connect = connect
        self._keep_s = keep_s
        self._loop = asyncio.get_running_loop()
        self._places = limit  # that are free
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle: deque[Connection] = deque()  # the oldest first
        self._sweep: asyncio.TimerHandle | None = None

    async def take(self, until_s: float) -> Connection:
        """A connection of one's own until `give_back`. Raises NoAnswerError; waits until that time of the loop."""
        if self._places and not self._waiting:
            self._places -= 1
            if (kept := self._kept()) is not None:
                return kept
        else:
            async with _until(until_s):
                await self._turn()
        try:
            async with _until(until_s):
                return self._kept() or await self._connect()
        except BaseException:
            self._free_place()
            raise

    def give_back(self, connection: Connection) -> None:
        """Keep it for the next, if it can be used again."""
        if connection.reusable and connection.is_open:
            connection.idle_since = self._loop.time()
            self._idle.append(connection)
            if self._sweep is None:
                self._sweep = self._loop.call_later(self._keep_s, self._close_old)
        else:
            connection.close()
        self._free_place()

    def close(self) -> None:
        """Let go of those that are idle."""
        if self._sweep is not None:
            self._sweep.cancel()
        while self._idle:
            self._idle.popleft().close()

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.is_open and not self._is_old(connection):
                return connection
            connection.close()
        return None

    async def _turn(self) -> None:
        """Wait for the place of somebody who gives one back, in the order of coming."""
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # the place was already ours
                self._free_place()
            raise

    def _free_place(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._places += 1

    def _is_old(self, connection: Connection) -> bool:
        return self._loop.time() - connection.idle_since >= self._keep_s

    def _close_old(self) -> None:
        while self._idle and (self._is_old(self._idle[0]) or not self._idle[0].is_open):
            self._idle.popleft().close()
        due_s = self._idle[0].idle_since + self._keep_s if self._idle else None
        self._sweep = None if due_s is None else self._loop.call_at(due_s, self._close_old)


@asynccontextmanager
async def _until(when_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout_at(when_s):
            yield
    except TimeoutError as error:
        raise too_slow() from error
