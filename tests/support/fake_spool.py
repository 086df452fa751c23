"""A spool in memory, for tests of what is put into it."""

import asyncio

from common.identity import new_session
from proxy.spool import SpoolFullError
from proxy.spool_record import SpoolRecord


class FakeSpool:
    """Takes `room` events; they are durable at once, or when `commit` is called."""

    def __init__(self, room: int = 1000, *, commits_at_once: bool = True) -> None:
        self.session = new_session()
        self.appended: list[SpoolRecord] = []
        self.places = 0  # admitted and not used yet
        self._room = room
        self._commits_at_once = commits_at_once
        self._seqs: dict[int, int] = {}
        self._waiting: list[asyncio.Future[None]] = []

    def admit(self) -> None:
        if self.places + len(self.appended) >= self._room:
            raise SpoolFullError("the spool is full", 7)
        self.places += 1

    def release(self) -> None:
        self.places -= 1

    def next_seq(self, partition: int) -> int:
        self._seqs[partition] = self._seqs.get(partition, 0) + 1
        return self._seqs[partition]

    def append(self, record: SpoolRecord) -> "asyncio.Future[None]":
        self.places -= 1
        self.appended.append(record)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._commits_at_once:
            self.commit()
        return future

    def commit(self) -> None:
        """Everything that was appended is durable now."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()
