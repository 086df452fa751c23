"""Named moments at which a test makes a process die, stop or stumble, so that each is hit every time and not once a year.

Without TEST__CRASH_POINT nothing happens at any of them. `NAME:kill`, `NAME:freeze` or `NAME:exception` arms one, for
the first time it is reached or, as in `NAME:kill:3`, the third. It fires once: the file that TEST__CRASH_MARK names
says that it did, and a process that finds the file at its start arms nothing.
"""

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import structlog

from common.errors import SettingsError

POINT = "TEST__CRASH_POINT"
MARK = "TEST__CRASH_MARK"
log = structlog.get_logger()


class CrashError(Exception):
    """Stands for a mistake of ours that nobody has foreseen."""


class Action(Enum):
    """What happens where a process is armed."""

    KILL = "kill"
    FREEZE = "freeze"
    EXCEPTION = "exception"


class CrashPoint(Enum):
    """Every moment that can be named, in the order in which a pack meets them, with what is true there."""

    def __init__(self, label: str, meaning: str) -> None:
        self.label = label
        self.meaning = meaning

    ADMITTED = "proxy.admitted", "a place in the spool is taken, upstream is not asked yet"
    ANSWERED = "proxy.answered", "upstream has answered, no event is made"
    QUEUED = "proxy.queued", "the event waits for the spool's writer"
    DURABLE = "proxy.durable", "the event is on disk and its request knows, no status line is out"
    REPLIED = "proxy.replied", "the reply is out"
    DELETE_DURABLE = "proxy.delete-durable", "a delete is on disk, its caller does not know"
    STOPPING = "proxy.stopping", "told to stop, all requests are answered, the spool is still open"
    SPOOL_APPENDED = "spool.appended", "a group is written, its transaction open"
    SPOOL_COMMITTED = "spool.committed", "a group is on disk, no request knows"
    SPOOL_TOLD = "spool.told", "the event loop learns that a group is on disk, its requests do not know"
    SPOOL_REMOVED = "spool.removed", "groups that Kafka has are deleted, the transaction open"
    SPOOL_FORGOTTEN = "spool.forgotten", "their removal is on disk"
    SENDER_NEXT = "sender.next", "a record may leave, and has not"
    SENDER_PRODUCED = "sender.produced", "the producer has the record, the window does not know"
    SENDER_REPORTED = "sender.reported", "Kafka has acknowledged a record, the window does not know (in the callback)"
    SENDER_SETTLED = "sender.settled", "a group is acknowledged, its removal is not queued"
    SENDER_REMOVING = "sender.removing", "its removal waits for the spool's writer"
    SENDER_GAVE_UP = "sender.gave-up", "a delivery failed, the producer is given up"
    ADOPTION_LOCKED = "adoption.locked", "an orphaned slot is ours, nothing of it is sent"
    ADOPTION_DRAINED = "adoption.drained", "all of it is sent, its file is still there"
    CLAIM_READ = "claim.read", "position and sessions are read, nobody is told"
    CLAIM_KILLED = "claim.killed", "the session of the member before is ended"
    CLAIM_TAKEN = "claim.taken", "the position names us, nothing is fetched"
    FOLD_ADDED = "fold.added", "an event is added to the batch, the position is before it"
    FLUSH_SWAPPED = "flush.swapped", "a batch is folded and set apart, others that go with it may not be"
    FLUSH_BEGUN = "flush.begun", "its transaction is begun, nothing is written"
    FLUSH_MOVED = "flush.moved", "the positions are moved in the transaction (compare-and-set)"
    FLUSH_HALF = "flush.half", "one collection is written in the transaction"
    FLUSH_WRITTEN = "flush.written", "all is written, not committed"
    FLUSH_COMMITTED = "flush.committed", "committed, the memory still has the batches"
    REVOKE_BEGUN = "revoke.begun", "partitions go, what is folded of them is not written (in the callback)"
    REVOKE_WRITTEN = "revoke.written", "all of a partition is written, its position still names us"
    REVOKE_LEFT = "revoke.left", "the positions name nobody, the group has not its answer"
    LOST_TOLD = "lost.told", "partitions are gone, what is folded of them is in memory (in the callback)"
    ERASE_SLICE = "erase.slice", "a slice of a delete is written, not committed"
    ERASE_BETWEEN = "erase.between", "a slice is committed, the next not begun"
    ERASE_LAST = "erase.last", "the last transaction of a delete has moved the position, no more"
    ERASE_WRITTEN = "erase.written", "the last transaction is written, not committed"
    ERASE_COMMITTED = "erase.committed", "the delete is applied, the memory still stands before it"
    HALT_UNRECORDED = "halt.unrecorded", "a partition stops for an operator, which is not written anywhere"
    RENEWED = "renew.written", "an idle partition's end is renewed"
    DRAINED = "drain.written", "told to stop, all is written, the group is not left"


@dataclass(slots=True)
class _Trap:
    action: Action
    left: int  # how often it is still passed
    mark: Path

    def spring(self, point: CrashPoint) -> None:
        self.left -= 1
        if self.left:
            return
        _armed.clear()
        with self.mark.open("x", encoding="utf-8") as file:  # a second process that is armed fails here, loudly
            file.write(f"{point.label}:{self.action.value}\n")
            file.flush()
            os.fsync(file.fileno())
        if self.action is Action.EXCEPTION:
            raise CrashError(f"crash point {point.label}")
        # To this very thread, so that it does not get any further; both signals mean the whole process.
        number = signal.SIGKILL if self.action is Action.KILL else signal.SIGSTOP
        signal.pthread_kill(threading.get_ident(), number)


_armed: dict[CrashPoint, _Trap] = {}


def reach(point: CrashPoint) -> None:
    """What the code calls at the moment that `point` names."""
    if _armed and (trap := _armed.get(point)) is not None:
        trap.spring(point)


def arm(environ: Mapping[str, str]) -> None:
    """Arm what the environment says, once, at the start of a process. Raises SettingsError where it makes no sense."""
    if (value := environ.get(POINT)) is None:
        return
    name, _, rest = value.partition(":")
    action, _, times = rest.partition(":")
    point = next((each for each in CrashPoint if each.label == name), None)
    if point is None:
        raise SettingsError(f"{POINT}={value}: there is no such point; there are\n{_names()}")
    times = times or "1"
    if action not in {each.value for each in Action} or not times.isdecimal() or not int(times):
        raise SettingsError(f"{POINT}={value}: must be {name}:kill, :freeze or :exception, and :N for the N-th time")
    if not (mark := environ.get(MARK)):
        raise SettingsError(f"{MARK}: must name the file that will say that {name} was reached")
    if Path(mark).exists():
        log.warning("crash point has fired before, not armed", point=name, mark=mark)
        return
    log.critical("crash point armed", point=name, action=action, times=times, mark=mark)
    _armed[point] = _Trap(Action(action), int(times), Path(mark))


def _names() -> str:
    return "\n".join(f"  {point.label}: {point.meaning}" for point in CrashPoint)
