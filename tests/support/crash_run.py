"""One run in which a process meets its crash point: the parts, and the steps that every run is made of.

1. one proxy, one aggregator; one of them is armed
2. load, and whatever else it takes to reach the point: the mark must appear
3. killed or ended: started again as it was, and the mark keeps it from falling twice; frozen: another takes over
   where there is another, then it is thawed
4. the load goes on, settles, and every total is exact
"""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from common.crash_points import MARK, POINT, Action, CrashPoint
from tests.support.deleted import Deleted
from tests.support.eventually import eventually
from tests.support.ledger import Ledger
from tests.support.load import Load, Plan
from tests.support.rig import Rig, held_by, outage
from tests.support.services import Service

PLAN = Plan(rate_per_s=40, facilities=6)
FROZEN_S = 1.0  # of a proxy: nobody takes its place
REACHED_S = 90
EXIT_CRASH = 1

Process = Literal["proxy", "aggregator"]
# What a mistake that nobody foresaw costs there: the process, or one request.
Cost = Literal["process", "request"]


@dataclass
class CrashRun:
    """The parts are there once they are started; `deleted` once a keystem was deleted."""

    rig: Rig
    point: CrashPoint
    action: Action
    arms: Process
    times: int = 1  # how often the point is passed before it does anything
    flush_interval_s: float = 0.3
    proxy: Service = field(init=False)
    aggregator: Service = field(init=False)
    load: Load = field(init=False)
    earlier: Ledger = field(default_factory=Ledger)  # of what was sent before the armed process began
    other: Service | None = None  # the aggregator that takes the armed one's place while that is frozen
    deleted: Deleted | None = None
    aside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4))  # for what waits for a frozen one

    @property
    def armed(self) -> Service:
        return self.proxy if self.arms == "proxy" else self.aggregator

    @property
    def mark(self) -> Path:
        return self.rig.workspace.folder / "mark"

    def trap(self, process: Process) -> dict[str, str]:
        """What arms this process, if it is the one."""
        if process != self.arms:
            return {}
        return {POINT: f"{self.point.label}:{self.action.value}:{self.times}", MARK: str(self.mark)}

    # --- starting ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.start_proxy()
        self.start_aggregator()
        for service in (self.proxy, self.aggregator):
            if service is not self.armed:  # which may meet its point before it is ready
                service.wait_ready()

    def start_proxy(self) -> None:
        rig = self.rig
        self.proxy = rig.services.proxy(rig.workspace, rig.sandbox.url, wait=False, **self.trap("proxy"))
        rig.proxies = [self.proxy]

    def start_aggregator(self, **env: str) -> None:
        self.aggregator = self.another_aggregator(**self.trap("aggregator"), **env)
        self.rig.aggregators = [self.aggregator]

    def another_aggregator(self, **env: str) -> Service:
        settings = {"AGGREGATOR__FLUSH_INTERVAL_S": str(self.flush_interval_s)} | env
        return self.rig.services.aggregator(self.rig.workspace, wait=False, **settings)

    @contextmanager
    def under_load(self) -> Iterator[None]:
        self.load = Load(PLAN, self.proxy.url)
        with self.aside, self.load:
            yield

    def send(self, number: signal.Signals) -> None:
        """Tell the armed process to stop, without waiting for it."""
        os.kill(self.armed.pid, number)

    # --- what it meets, and what then --------------------------------------------------------------------------------

    def wait_fired(self) -> None:
        """Until the point was reached and did what it is armed with."""

        def fired() -> bool:
            assert self.mark.exists(), f"{self.point.label} was not reached"
            return self.mark.read_text() == f"{self.point.label}:{self.action.value}\n"

        eventually(fired, REACHED_S)

    def recover(self, cost: Cost, exits: int | None) -> None:
        """Make good what the action did; `exits` is how a process ends that was told to stop before it was frozen."""
        if self.action is Action.FREEZE:
            self._thaw(exits)
        elif self.action is Action.KILL:
            assert self.armed.wait_exit() == -signal.SIGKILL
            self._start_again()
        elif cost == "process":
            assert self.armed.wait_exit() == EXIT_CRASH
            self._start_again()
        else:
            assert self.armed.exit_code() is None
        if self.action is Action.EXCEPTION:
            eventually(lambda: "CrashError" in self.armed.log_text())

    def _start_again(self) -> None:
        if self.armed is self.aggregator and self.action is Action.KILL:
            # The group would wait six seconds for the one that was killed; another group has its partitions at once.
            self.armed.env["KAFKA__GROUP"] += "-again"
        self.armed.start()

    def _thaw(self, exits: int | None) -> None:
        armed = self.armed
        eventually(lambda: psutil.Process(armed.pid).status() == psutil.STATUS_STOPPED)
        if armed is self.aggregator:
            other = self.other or self.another_aggregator()
            eventually(lambda: holds_all(other, self.rig.workspace.partitions), 60)
        else:
            outage(FROZEN_S)
        armed.thaw()
        if exits is None:
            armed.wait_ready()
        else:
            assert armed.wait_exit() == exits
            armed.start()

    def settle(self) -> None:
        """Replies have gone on; now every total must be exact."""
        assert self.armed.exit_code() is None
        self.load.ledger.entries.update(self.earlier.entries)
        if self.deleted is None:
            self.rig.assert_exact(self.load)
        else:
            self.deleted.assert_exact(self.rig, self.load)


def holds_all(aggregator: Service, partitions: int) -> bool:
    return aggregator.is_ready() and held_by(aggregator) == list(range(partitions))
