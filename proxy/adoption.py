"""Sends what processes that are gone left in their slots: at the start and every minute, one slot after the other."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from common import metrics
from common.crash_points import CrashPoint, reach
from common.errors import StorageError
from proxy.backoff import Backoff
from proxy.sender import Link, Sender
from proxy.slots import Slot, free_slots, try_slot
from proxy.spool_file import SpoolFile
from proxy.spool_record import Group, Removal

EVERY_S = 60.0
log = structlog.get_logger()


class FileSource:
    """A spool that nobody appends to, read and emptied by the thread that sends it."""

    def __init__(self, file: SpoolFile) -> None:
        self._file = file

    @property
    def last_id(self) -> int:
        return self._file.last_id

    def read(self, after: int, max_bytes: int) -> list[Group]:
        return self._file.read(after, max_bytes)

    def remove(self, removals: Sequence[Removal]) -> None:
        self._file.commit([], removals)

    def wait(self, timeout_s: float) -> None:
        """There is never any news."""


class Adoption:
    """`run` is a thread of its own; `orphans` names the slots that nobody holds and that still hold events."""

    def __init__(self, parent: Path, link: Link) -> None:
        self.orphans: tuple[str, ...] = ()
        self._parent = parent
        self._link = link
        self._stop = threading.Event()

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        while not self._stop.is_set():
            self.sweep()
            self._stop.wait(EVERY_S)

    def sweep(self) -> None:
        """Look for orphans, and send what they hold. One that cannot be read stays an orphan, for an operator."""
        self._note(tuple(slot.name for slot in free_slots(self._parent) if not self._is_empty(slot)))
        for name in self.orphans:
            if self._stop.is_set():
                return
            slot = try_slot(self._parent / name)
            # One that is held by now has an owner again, who sends what is in it.
            if slot is None or self._drained(slot):
                self._note(tuple(other for other in self.orphans if other != name))

    def _note(self, orphans: tuple[str, ...]) -> None:
        self.orphans = orphans
        metrics.SPOOL_ORPHANS.set(len(orphans))

    def _is_empty(self, slot: Slot) -> bool:
        try:
            with _opened(slot) as file:
                return file.empty
        except StorageError:
            return False  # `_drained` says why
        finally:
            slot.release()

    def _drained(self, slot: Slot) -> bool:
        """Send what is in the slot until there is nothing left, or the process is to stop."""
        try:
            with _opened(slot) as file:
                log.info("spool_orphan_adopted", slot=slot.name, events=file.records)
                reach(CrashPoint.ADOPTION_LOCKED)
                sender = Sender(FileSource(file), self._link, Backoff(self._stop.wait))
                try:
                    while not (file.empty or self._stop.is_set()):
                        sender.turn()
                finally:
                    sender.close()
                reach(CrashPoint.ADOPTION_DRAINED)
                return file.empty
        except StorageError as error:
            log.error("spool_orphan_unreadable", slot=slot.name, reason=str(error))  # noqa: TRY400  # the reason says it all
            return False
        finally:
            slot.release()


@contextmanager
def _opened(slot: Slot) -> Iterator[SpoolFile]:
    """The file of a slot, closed again; one with nothing at all in it is removed, so that an empty slot takes no room."""
    file = SpoolFile(slot.spool_path)
    try:
        yield file
    finally:
        file.close()
    if file.empty and not file.aside:
        slot.clear()
