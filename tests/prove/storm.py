"""Lets the faults of a schedule happen, one episode after the other, and measures how soon all is well after each."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.prove.cast import Cast
from tests.prove.faults import FAULTS, Fault, MissedError, Stage
from tests.prove.schedule import Episode, Kind, Planned
from tests.prove.show import Show
from tests.prove.tail import Tail
from tests.prove.traffic import Traffic
from tests.prove.watch import Recovery, Watch

TICK_S = 0.05
_BEYOND_S = 600.0  # twice what one round of every kind takes


@dataclass(slots=True)
class Injected:
    """One fault that happened."""

    kind: str
    at_s: float  # after the storm's begin
    alone: bool
    in_flight: int  # requests, when it began
    missed: bool = False  # it broke nothing, and does not count
    lasted_s: float = 0.0
    recovered_s: float | None = None  # from its end until all was well; only where it stood alone


@dataclass(slots=True)
class _Running:
    planned: Planned
    fault: Fault
    injected: Injected


@dataclass(slots=True)
class Storm:
    """Everything that is needed to break things and to see how they are; used by one thread, which starts processes."""

    stage: Stage
    traffic: Traffic
    watch: Watch
    tail: Tail
    show: Show
    path: Path  # every fault is written down there when it begins and when it ends
    patience_s: float  # all is well long before; what takes longer than this is stuck
    injected: list[Injected] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    @property
    def cast(self) -> Cast:
        return self.stage.cast

    @property
    def counts(self) -> Counter[str]:
        """How often each kind happened and broke something."""
        return Counter(each.kind for each in self.injected if not each.missed)

    def run(self, episodes: Iterator[Episode], seconds: float, kinds: Sequence[Kind]) -> None:
        """For so long, and on until every kind has happened once, within reason."""
        self._began = time.monotonic()
        for episode in episodes:
            elapsed = time.monotonic() - self._began
            missing = [kind.name for kind in kinds if not self.counts[kind.name]]
            if elapsed > seconds and (not missing or elapsed > 2 * seconds + _BEYOND_S):
                return
            self._play(episode)

    def tick(self) -> None:
        """One turn: start what ended, look whether the onlookers live, and let time pass."""
        self.cast.tend()
        for failure in (self.watch.failure, self.traffic.failure):
            if failure is not None:
                raise RuntimeError("an onlooker has failed, so nothing would be shown any more") from failure
        self.show.turn(self.traffic, self.watch, len(self.injected))
        time.sleep(TICK_S)

    def wait_well(self, since: float) -> float | None:
        """Until everything promised by now is counted and all is ready: seconds after `since`; None if it takes too long."""
        recovery = Recovery(list(self.traffic.promised), since)
        while time.monotonic() - since < self.patience_s:
            sample = self.watch.latest
            if sample is not None and recovery.is_over(sample, self.tail.seen):
                return round(time.monotonic() - since, 2)
            self.tick()
        self.stuck.append(
            f"not well {self.patience_s:.0f} s after {self._last_kinds()}: {recovery}, {self.watch.latest}"
        )
        self._write("stuck", self.stuck[-1])
        return None

    def _play(self, episode: Episode) -> None:
        began, coming, running = time.monotonic(), list(episode.faults), list[_Running]()
        while coming or running:
            for planned in [each for each in coming if time.monotonic() - began >= each.at_s]:
                coming.remove(planned)
                running.append(self._begin(planned, alone=episode.stands_alone))
            running = [each for each in running if not self._ended(each)]
            self.show.faults = [each.planned.kind.name for each in running]
            self.tick()
        recovered_s = self.wait_well(time.monotonic())
        if episode.stands_alone:
            self.injected[-1].recovered_s = recovered_s
        self._write("well", recovered_s)
        rest_until = time.monotonic() + episode.rest_s
        while time.monotonic() < rest_until:
            self.tick()

    def _begin(self, planned: Planned, *, alone: bool) -> _Running:
        injected = Injected(planned.kind.name, self._elapsed(), alone, self.traffic.in_flight)
        self.injected.append(injected)
        self._write("begins", planned.kind.name, planned.lasts_s, planned.number)
        self.show.line(f"{planned.kind.name}{'' if alone else ' (overlapping)'}")
        return _Running(planned, FAULTS[planned.kind.name](self.stage, planned), injected)

    def _ended(self, running: _Running) -> bool:
        try:
            next(running.fault)
        except StopIteration:
            pass
        except MissedError:
            running.injected.missed = True
        else:
            return False
        running.injected.lasted_s = round(self._elapsed() - running.injected.at_s, 2)
        self._write("ends", *asdict(running.injected).values())
        return True

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._began, 2)

    def _last_kinds(self) -> str:
        return ", ".join(each.kind for each in self.injected[-3:])

    def _write(self, what: str, *rest: object) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([datetime.now(UTC).isoformat(), self._elapsed(), what, *rest]) + "\n")
