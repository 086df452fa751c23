"""A fault breaks, lasts and heals, and says so where it broke nothing."""

from dataclasses import dataclass, field

import pytest

from tests.prove import faults
from tests.prove.faults import Fault, MissedError
from tests.prove.schedule import Kind, Planned
from tests.support.fault_link import Swallow

PLANNED = Planned(Kind("any", frozenset({"any"}), 0, 9), at_s=0, lasts_s=3, number=2)


@dataclass
class Clock:
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(faults, "time", clock)
    return clock


@dataclass
class Part:
    """A process or link that notes what is done to it."""

    done: list[str] = field(default_factory=list)
    connections: int = 0
    swallowing: list[Swallow] = field(default_factory=list)

    def kill(self) -> None:
        self.done.append("kill")

    def revive(self) -> None:
        self.done.append("revive")

    def freeze(self) -> None:
        self.done.append("freeze")

    def thaw(self) -> None:
        self.done.append("thaw")

    def heal(self) -> None:
        self.done.append("heal")

    def cut(self, *, reset: bool) -> int:
        self.done.append(f"cut {reset}")
        return self.connections

    def swallow(self, matches: object, nth: int) -> Swallow:
        self.swallowing.append(Swallow(lambda _: True, nth))
        return self.swallowing[-1]


def goes_on(fault: Fault) -> bool:
    return next(fault, "over") is None


def test_killed_process_is_revived_when_its_time_is_over(clock: Clock) -> None:
    part = Part()
    fault = faults.killed([part], 3)  # type: ignore[list-item]  # a stand-in
    assert goes_on(fault)
    clock.now = 2.9
    assert goes_on(fault)
    assert part.done == ["kill"]
    clock.now = 3.1
    assert not goes_on(fault)
    assert part.done == ["kill", "revive"]


def test_frozen_server_is_thawed(clock: Clock) -> None:
    part = Part()
    fault = faults.frozen(part, 3)  # type: ignore[arg-type]  # a stand-in
    assert goes_on(fault)
    clock.now = 3.1
    assert not goes_on(fault)
    assert part.done == ["freeze", "thaw"]


def test_cut_without_a_connection_is_missed() -> None:
    idle, busy = Part(), Part(connections=2)
    with pytest.raises(MissedError):
        goes_on(faults.cut([idle], reset=True))  # type: ignore[list-item]  # a stand-in
    assert goes_on(faults.cut([idle, busy], reset=True))  # type: ignore[list-item]  # a stand-in


def test_lost_answer_ends_when_one_was_eaten_and_heals_every_link(clock: Clock) -> None:
    links = [Part(), Part()]
    fault = faults.answer_lost(links, lambda _: True, PLANNED)  # type: ignore[arg-type]  # stand-ins
    assert goes_on(fault)
    assert [link.swallowing[0].countdown for link in links] == [3, 3]
    links[1].swallowing[0].eaten.set()
    assert not goes_on(fault)
    assert [link.done for link in links] == [["heal"], ["heal"]]


def test_lost_answer_that_never_came_is_missed(clock: Clock) -> None:
    link = Part()
    fault = faults.answer_lost([link], lambda _: True, PLANNED)  # type: ignore[list-item]  # a stand-in
    assert goes_on(fault)
    clock.now = 3.1
    with pytest.raises(MissedError):
        goes_on(fault)
    assert link.done == ["heal"]
