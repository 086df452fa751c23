"""Spool, sender and adoption as one thing that a process starts, watches and stops.

Data flow: Spool (event loop) → SpoolWriter (thread, the file) → Sender (thread, Kafka) → removals back to the writer.
Stopping goes the same way: no more appends, drain for a bounded time, leave the rest in the spool, let go of the slot.
"""

import asyncio
from pathlib import Path
from typing import NoReturn

import msgspec
import structlog

from common import metrics
from common.crash_points import CrashPoint, reach
from common.errors import StartupError
from common.settings import KafkaSettings
from proxy.admission import DISK_MARGIN_BYTES, Admission
from proxy.adoption import Adoption
from proxy.backoff import Backoff
from proxy.kafka_link import KafkaLink
from proxy.reserve import RESERVE_BYTES, Reserve
from proxy.sender import LinkState, Sender
from proxy.side_thread import SideThread, Stop
from proxy.slots import Slot, take_slot
from proxy.spool import Spool, SpoolFuture
from proxy.spool_file import DiskFullError, SpoolFile
from proxy.spool_writer import SpoolWriter, age_s

_CLOSE_WITHIN_S = 10.0
_GATHER_S = 0.005  # the writer makes hundreds of small groups a second; a turn for each costs more than what is in it
_LET_GO_WITHIN_S = 4.0  # a question to Kafka is given up after three seconds

log = structlog.get_logger()


class SpoolStatus(msgspec.Struct, frozen=True):
    """The spool and its way to Kafka at one moment, for readiness, status and alarms."""

    slot: str
    bytes: int
    limit_bytes: int
    fill: float  # share of the limit
    accepting: bool
    refusing: str | None  # why packs are refused
    waiting: int  # events that Kafka has not acknowledged
    oldest_s: float | None  # age of the oldest of them
    growth_bytes_per_s: float
    full_in_s: float | None  # at this rate; None where the spool does not grow
    set_aside: int  # events too old to be sent
    orphans: tuple[str, ...]  # slots that nobody holds and that still hold events
    kafka: LinkState
    problem: str | None  # what is wrong with Kafka or the topic


class Outbox:
    """Made and used on the event loop's thread."""

    def __init__(self, slot: Slot, spool_file: SpoolFile, reserve: Reserve, link: KafkaLink, max_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        self._slot = slot
        self._admission = Admission(max_bytes)
        if not reserve.held:
            self._admission.closed = "the disk was full at the start; what is in the spool is sent first"
        self._writer: SpoolWriter[SpoolFuture] = SpoolWriter(spool_file, self._admission, reserve, self._release)
        self._stop = Stop()
        self._sender = Sender(self._writer, link, Backoff(self._stop.pause))
        self._adoption = Adoption(slot.folder.parent, link)
        self._loop = loop
        self.spool = Spool(self._writer, self._admission, loop)
        self._writing = SideThread("spool-writer", self._writer.run, loop)
        self._sending = SideThread("sender", self._send, loop)
        self._adopting = SideThread("spool-adoption", self._adoption.run, loop)
        self._mistaken: asyncio.Future[None] = loop.create_future()  # failed once a callback on the loop has
        for thread in (self._writing, self._sending, self._adopting):
            thread.start()
        metrics.SPOOL_LIMIT_BYTES.set(max_bytes)

    @classmethod
    def open(
        cls, spool_dir: str | Path, max_bytes: int, kafka: KafkaSettings, *, reserve_bytes: int = RESERVE_BYTES
    ) -> "Outbox":
        """Lock a slot, open its spool and begin to send what it holds; works while Kafka is away.

        Raises SettingsError or StartupError (say what to do), or StorageError where the spool cannot be read.
        """
        link = KafkaLink(kafka)
        slot = take_slot(Path(spool_dir))
        try:
            reserve = Reserve(slot.reserve_path, reserve_bytes)
            spool_file = _open_file(slot, reserve)
            outbox = cls(slot, spool_file, reserve, link, max_bytes)
        except BaseException:
            slot.release()
            raise
        log.info("spool_opened", slot=str(slot.folder), events=spool_file.records, session=outbox.spool.session)
        return outbox

    def status(self) -> SpoolStatus:
        admission, writer = self._admission, self._writer
        refusing = admission.refusing
        growth = writer.growth.per_s
        return SpoolStatus(
            slot=self._slot.name,
            bytes=admission.used_bytes,
            limit_bytes=admission.limit_bytes,
            fill=admission.fill,
            accepting=refusing is None,
            refusing=refusing,
            waiting=writer.records,
            oldest_s=age_s(writer.oldest_ms),
            growth_bytes_per_s=growth,
            full_in_s=max(0.0, (admission.limit_bytes - admission.used_bytes) / growth) if growth > 0 else None,
            set_aside=writer.aside,
            orphans=self._adoption.orphans,
            kafka=self._sender.state,
            problem=self._sender.problem,
        )

    async def watch(self) -> NoReturn:
        """Raises when a side thread has ended that should not have, or a callback failed: the process cannot go on then."""
        threads = [self._writing.ended, self._sending.ended, self._adopting.ended]
        done, _ = await asyncio.wait([*threads, self._mistaken], return_when=asyncio.FIRST_COMPLETED)
        if self._stop.asked:
            await self._loop.create_future()
        for ended in done:
            ended.result()
        raise RuntimeError("a thread of the spool has ended")

    async def stop(self, grace_s: float) -> None:
        """After the last request: make durable what was appended, send for at most `grace_s`, keep the rest."""
        closing = asyncio.ensure_future(self.spool.close())
        await asyncio.wait([closing, self._writing.ended, self._mistaken], return_when=asyncio.FIRST_COMPLETED)
        closing.cancel()
        reach(CrashPoint.STOPPING)
        self._adoption.stop()
        self._stop.ask(grace_s)
        threads = {self._sending, self._adopting}
        await asyncio.wait([thread.ended for thread in threads], timeout=grace_s + _LET_GO_WITHIN_S)
        self._writer.close()
        await asyncio.wait([self._writing.ended], timeout=_CLOSE_WITHIN_S)
        left = [thread.name for thread in (*threads, self._writing) if not thread.ended.done()]
        log.info("spool_closed", slot=self._slot.name, events=self._writer.records, threads_left=left)
        if self._writing.ended.done():
            self._slot.release()

    def _send(self) -> None:
        while not (self._stop.over or (self._stop.asked and self._sender.is_drained())):
            self._sender.turn()
            if self._sender.is_abreast:
                self._stop.pause(_GATHER_S)
        self._sender.close()

    def _release(self, futures: list[SpoolFuture]) -> None:
        """From the writer's thread: a group is durable. One call into the loop for all of its callers."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, futures)

    def _tell(self, futures: list[SpoolFuture]) -> None:
        """The loop would log what is raised here and go on, and the callers would wait for ever."""
        try:
            self.spool.committed(futures)
        except BaseException as mistake:  # noqa: BLE001  # `watch` raises it
            if not self._mistaken.done():
                self._mistaken.set_exception(mistake)


def _open_file(slot: Slot, reserve: Reserve) -> SpoolFile:
    """The spool of a slot; where the disk is full, the reserve is given up so that the spool can be drained at all."""
    reserve.take()
    try:
        spool_file = SpoolFile(slot.spool_path)
    except DiskFullError:
        reserve.release()
        try:
            spool_file = SpoolFile(slot.spool_path)
        except DiskFullError as error:
            raise StartupError(f"{error}: the disk is full, and there is no reserve left; free some space") from error
    if spool_file.usage().room < DISK_MARGIN_BYTES:
        reserve.release()
    if not reserve.held:
        log.warning("spool_disk_full", slot=str(slot.folder), events=spool_file.records)
    return spool_file
