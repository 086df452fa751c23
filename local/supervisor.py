"""Keeps the parts running: starts them in order, starts a dead one again, stops them in reverse."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from common.errors import EXIT_LOST_PLACE, PackstatsError
from local.process import Part, PartProcess, tail

DEATHS_ALLOWED = 5
DEATHS_WINDOW_S = 60.0
_TURN_S = 0.1


class State(StrEnum):
    """Where a part is in its life."""

    WAITING = "waiting"  # for its turn, or for its back-off
    STARTING = "starting"
    READY = "ready"
    DONE = "done"  # a one-shot part that ended well
    STOPPED = "stopped"


class Running(Protocol):
    """What the supervisor asks of a started part."""

    @property
    def pid(self) -> int: ...

    def exit_code(self) -> int | None: ...

    def stop(self, *, hurry: Callable[[], bool]) -> int: ...


class PartFailedError(PackstatsError):
    """A part keeps dying, or never became ready; the text ends with the last lines of its log."""


@dataclass(slots=True)
class Member:
    """A part and what became of it so far."""

    part: Part
    log: Path
    state: State = State.WAITING
    process: Running | None = None
    deaths: deque[float] = field(default_factory=deque)
    restarts: int = 0
    since: float = 0.0
    was_ready: bool = False
    last_exit: int | None = None


Launch = Callable[[Part, Path], Running]


def backoff_s(deaths: int, exit_code: int) -> float:
    """How long to wait before the next start, after so many deaths within the window.

    A process that lost its place asks for its restart; the first time it has it at once.
    """
    if exit_code == EXIT_LOST_PLACE and deaths <= 1:
        return 0.0
    return min(10.0, 0.5 * 2.0 ** (deaths - 1))


class Supervisor:
    """Runs parts until told to stop; `changed` is called after each change of a member's state.

    Not thread-safe. Start it in the thread that will outlive it: the parts die with that thread.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        logs: Path,
        changed: Callable[[Member], None] = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        launch: Launch = PartProcess,
    ) -> None:
        self.members = [Member(part, logs / f"{part.name}.log") for part in parts]
        self._changed = changed
        self._clock = clock
        self._launch = launch
        self._signals = 0

    @property
    def all_ready(self) -> bool:
        """Whether every part has been ready once, and is now."""
        return all(member.state in {State.READY, State.DONE} for member in self.members)

    @property
    def stopping(self) -> bool:
        """Whether somebody asked for the end."""
        return self._signals > 0

    def request_stop(self) -> None:
        """Ask for the end, as a signal does: the first time in order, the second time at once. Safe in a signal hook."""
        self._signals += 1

    def run(self, when_ready: Callable[[], None] = lambda: None) -> None:
        """Run the parts until a stop is asked for; they are all gone when this returns or raises PartFailedError."""
        told = False
        try:
            while not self._signals:
                self.turn()
                if self.all_ready and not told:
                    told = True
                    when_ready()
                time.sleep(_TURN_S)
        finally:
            self.stop()

    def turn(self) -> None:
        """Look at each part once; one that was never ready holds up those after it, but for those that start with it."""
        holds_up = False
        for member in self.members:
            if self._signals or (holds_up and not member.part.together):
                return
            self._look(member)
            holds_up = holds_up or not member.was_ready

    def stop(self) -> None:
        """End every part, the last started first, each within its own time."""
        for member in reversed(self.members):
            if member.process is not None:
                member.last_exit = member.process.stop(hurry=lambda: self._signals > 1)
                member.process = None
                self._enter(member, State.STOPPED)

    def _look(self, member: Member) -> None:
        now = self._clock()
        if member.state is State.WAITING and now >= member.since:
            member.process = self._launch(member.part, member.log)
            self._enter(member, State.STARTING)
        elif member.process is not None:
            code = member.process.exit_code()
            if code is not None:
                self._ended(member, code, now)
            elif member.state is State.STARTING:
                self._await_readiness(member, now)

    def _await_readiness(self, member: Member, now: float) -> None:
        part = member.part
        if not part.one_shot and part.is_ready():
            member.was_ready = True
            self._enter(member, State.READY)
        elif not member.was_ready and now - member.since > part.ready_within_s:
            # Only at the first start: later a part may have to wait for another one, for as long as that takes.
            raise PartFailedError(f"{part.name} was not ready within {part.ready_within_s:g} s{_log_of(member)}")

    def _ended(self, member: Member, code: int, now: float) -> None:
        member.process = None
        member.last_exit = code
        if member.part.one_shot and code == 0:
            member.was_ready = True
            self._enter(member, State.DONE)
            return
        member.deaths.append(now)
        while member.deaths[0] < now - DEATHS_WINDOW_S:
            member.deaths.popleft()
        if len(member.deaths) >= DEATHS_ALLOWED:
            times = f"{len(member.deaths)} times within {DEATHS_WINDOW_S:.0f} s"
            raise PartFailedError(f"{member.part.name} died {times}, the last time with {code}{_log_of(member)}")
        member.restarts += 1
        self._enter(member, State.WAITING)
        member.since = now + backoff_s(len(member.deaths), code)

    def _enter(self, member: Member, state: State) -> None:
        member.state = state
        member.since = self._clock()
        self._changed(member)


def _log_of(member: Member) -> str:
    return f"\n--- the end of {member.log}\n{tail(member.log, 20)}"
