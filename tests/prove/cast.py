"""The processes of a campaign: they are broken on purpose, started again as an orchestrator would, and every end is noted.

All of them are started by the thread that made the cast: they end with the thread that started them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.process import tail
from tests.support.eventually import eventually
from tests.support.rig import held_by
from tests.support.services import Service, Services
from tests.support.workspace import Workspace

PROXIES, AGGREGATORS = 2, 3
RESTART_AFTER_S = 0.5
# Storage failure and lost place: the process says that it wants to be started again.
RESTARTABLE = frozenset({70, 75})
KILLED = -9
_SHOWN_LINES = 15

UPSTREAM = {
    "SANDBOX__LATENCY_MS": "60",
    "SANDBOX__LATENCY_DISTRIBUTION": "lognormal",
    "SANDBOX__ERROR_RATE": "0.03",
    "SANDBOX__GARBAGE_RATE": "0.02",
    "SANDBOX__DROP_RATE": "0.02",
    "SANDBOX__HANG_RATE": "0.003",
}
PROXY = {"PROXY__UPSTREAM_TIMEOUT_S": "6", "PROXY__CONNECT_TIMEOUT_S": "2", "PROXY__GRACE_S": "20"}
GRACE_S = 30.0  # the longest that any process may take to end after SIGTERM


@dataclass(frozen=True, slots=True)
class Ending:
    """A process that has ended, and whether that was wanted."""

    at_s: float
    name: str
    code: int
    wanted: bool

    @property
    def violation(self) -> bool:
        return self.code not in ({0, KILLED} if self.wanted else RESTARTABLE)


class Actor:
    """One process, and whether it is meant to run."""

    def __init__(self, service: Service, note: Callable[["Actor", int], None]) -> None:
        self.service = service
        self.wanted = True
        self.not_before = 0.0
        self._note = note
        self._running = True

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def pid(self) -> int:
        return self.service.pid

    @property
    def runs(self) -> bool:
        """Whether it runs; its end is noted when it is first seen."""
        if self._running and (code := self.service.exit_code()) is not None:
            self._running = False
            self._note(self, code)
        return self._running

    def kill(self) -> None:
        self.wanted = False
        self.service.kill()
        assert not self.runs

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        self.wanted = False
        self.service.terminate()

    def ended(self) -> Iterator[None]:
        """Until it has ended after `ask_to_stop`; killed, which is then noted as an end that nobody wanted, if it is late."""
        deadline = time.monotonic() + GRACE_S
        while self.runs:
            if time.monotonic() > deadline:
                self.wanted = True
                self.service.kill()
            yield

    def revive(self) -> None:
        """Let it run (again); `tend` starts what has ended by itself."""
        self.wanted = True
        if not self.runs:
            self.service.start(wait=False)
            self._running = True


@dataclass(slots=True)
class Cast:
    """Everything of ours that runs."""

    workspace: Workspace
    services: Services
    sandbox: Actor = field(init=False)
    proxies: list[Actor] = field(default_factory=list)
    aggregators: list[Actor] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    last_lines: list[str] = field(default_factory=list)  # of processes that ended as they should not
    _began: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, workspace: Workspace, folder: Path) -> "Cast":
        """Start everything and wait until all of it is ready and every partition has an aggregator."""
        cast = cls(workspace, Services(folder))
        try:
            cast._start()
        except BaseException:
            cast.end()
            raise
        return cast

    @property
    def actors(self) -> Sequence[Actor]:
        return (self.sandbox, *self.proxies, *self.aggregators)

    def tend(self) -> None:
        """Start what ended by itself, a moment later; to be called often."""
        for actor in self.actors:
            if actor.runs or not actor.wanted:
                continue
            if not actor.not_before:
                actor.not_before = time.monotonic() + RESTART_AFTER_S
            elif time.monotonic() > actor.not_before:
                actor.not_before = 0.0
                actor.revive()

    def heal(self) -> None:
        """Everything runs and is ready."""
        for actor in self.actors:
            actor.revive()
            actor.service.thaw()
        for actor in self.actors:
            actor.service.wait_ready()

    def stop(self) -> None:
        """The way an operator ends it: SIGTERM, one after the other; every end is noted."""
        for actor in self.actors:
            actor.ask_to_stop()
        for actor in self.actors:
            for _ in actor.ended():
                time.sleep(0.05)

    def end(self) -> None:
        self.services.end()

    @property
    def violations(self) -> list[Ending]:
        return [ending for ending in self.endings if ending.violation]

    def _start(self) -> None:
        services, workspace = self.services, self.workspace
        services.init(workspace)
        sandbox = services.sandbox(wait=False, **UPSTREAM)
        self.sandbox = Actor(sandbox, self._note)
        self.proxies += [
            Actor(services.proxy(workspace, sandbox.url, wait=False, **PROXY), self._note) for _ in range(PROXIES)
        ]
        self.aggregators += [Actor(services.aggregator(workspace, wait=False), self._note) for _ in range(AGGREGATORS)]
        for actor in self.actors:
            actor.service.wait_ready()
        eventually(lambda: sum(self._held()) == workspace.partitions and all(self._held()), 60)

    def _held(self) -> list[int]:
        return [len(held_by(actor.service)) for actor in self.aggregators]

    def _note(self, actor: Actor, code: int) -> None:
        ending = Ending(round(time.monotonic() - self._began, 1), actor.name, code, not actor.wanted)
        self.endings.append(ending)
        if ending.violation or not ending.wanted:
            self.last_lines.append(f"{actor.name} ended with {code}:\n{tail(actor.service.log, _SHOWN_LINES)}")
