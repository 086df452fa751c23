"""The durable queue between a reply and Kafka, as the event loop sees it: nothing here blocks.

`admit` a request before upstream is called, then `next_seq`, encode and `append` in one synchronous step, and reply
when the future of `append` is done: from then on the event survives everything but the loss of the disk.
"""

import asyncio
import time
from collections import defaultdict

from common.crash_points import CrashPoint, reach
from common.identity import new_session, started_ms
from proxy.admission import Admission
from proxy.admission import SpoolFullError as SpoolFullError  # noqa: PLC0414  # part of this interface
from proxy.spool_record import SpoolRecord as SpoolRecord  # noqa: PLC0414  # part of this interface
from proxy.spool_writer import SpoolWriter

# Aggregators do not count a record of a session that they do not know and that began 45 days before it. A record is
# sent for at most 30 days, so a session must be much younger than 15 days when it makes one.
SESSION_LIVES_MS = 7 * 24 * 3600 * 1000

SpoolFuture = asyncio.Future[None]


class Spool:
    """For the event loop's thread alone."""

    def __init__(self, writer: SpoolWriter[SpoolFuture], admission: Admission, loop: asyncio.AbstractEventLoop) -> None:
        self.session = new_session()
        self._writer = writer
        self._admission = admission
        self._loop = loop
        self._seqs: defaultdict[int, int] = defaultdict(int)
        self._last: SpoolFuture | None = None
        self._gathered: list[tuple[SpoolRecord, SpoolFuture]] = []  # in this turn of the loop
        self._closed = False

    def admit(self) -> None:
        """Take the place of one event, or raise SpoolFullError; may begin a new session.

        The place is used up by `append`, or given back by `release`.
        """
        self._admission.take()
        age_ms = time.time_ns() // 1_000_000 - (started_ms(self.session) or 0)
        if abs(age_ms) > SESSION_LIVES_MS:
            self.session = new_session()
            self._seqs.clear()

    def release(self) -> None:
        """Give the admitted place back, because nothing will be appended."""
        self._admission.give_back(1)

    def next_seq(self, partition: int) -> int:
        """1, 2, 3 … per session and partition; to be used with the `session` of the same moment, and appended at once."""
        self._seqs[partition] += 1
        return self._seqs[partition]

    def append(self, record: SpoolRecord) -> SpoolFuture:
        """Queue the record; the future is done when it is durable. Not to be cancelled: await it through shield."""
        if self._closed:
            raise RuntimeError("the spool is closed")
        self._last = future = self._loop.create_future()
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append((record, future))
        return future

    def _hand_over(self) -> None:
        """What one turn of the loop appended goes to the writer together: it is woken once."""
        gathered, self._gathered = self._gathered, []
        self._writer.append(gathered)

    async def close(self) -> None:
        """Take no more events, and wait until those that were appended are durable."""
        self._closed = True
        if self._last is not None:
            await asyncio.wait([self._last])

    def committed(self, futures: list[SpoolFuture]) -> None:
        """The writer's word that these are durable, on the event loop's thread."""
        reach(CrashPoint.SPOOL_TOLD)
        self._admission.give_back(len(futures))
        for future in futures:
            if not future.done():
                future.set_result(None)
