"""The supervisor's decisions, with a clock and processes that a test moves by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from local.process import Part
from local.supervisor import DEATHS_ALLOWED, PartFailedError, State, Supervisor, backoff_s


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeProcess:
    def __init__(self, name: str, pid: int, journal: list[str]) -> None:
        self.name, self.pid, self.journal = name, pid, journal
        self.code: int | None = None

    def exit_code(self) -> int | None:
        return self.code

    def stop(self, *, hurry: Callable[[], bool]) -> int:
        self.journal.append(f"{'hurry' if hurry() else 'stop'} {self.name}")
        return 0


class Stage:
    """A supervisor over fake processes, and everything that happened to it."""

    def __init__(self, *names: str, one_shot: str = "", together: str = "") -> None:
        self.clock = Clock()
        self.ready: set[str] = set()
        self.journal: list[str] = []
        self.running: dict[str, FakeProcess] = {}
        parts = [self._part(name, one_shot=name == one_shot, together=name == together) for name in names]
        self.supervisor = Supervisor(parts, Path("/nowhere"), clock=self.clock, launch=self._launch)

    def _part(self, name: str, *, one_shot: bool, together: bool) -> Part:
        is_ready = self.ready.__contains__
        return Part(
            name, (name,), None, lambda: is_ready(name), one_shot=one_shot, together=together, ready_within_s=60
        )

    def _launch(self, part: Part, _log: Path) -> FakeProcess:
        self.journal.append(f"start {part.name}")
        self.running[part.name] = FakeProcess(part.name, len(self.journal), self.journal)
        return self.running[part.name]

    def turn(self, after_s: float = 0.0) -> None:
        self.clock.now += after_s
        self.supervisor.turn()

    def die(self, name: str, code: int) -> None:
        self.running[name].code = code

    def states(self) -> list[State]:
        return [member.state for member in self.supervisor.members]

    def bring_up(self) -> None:
        for member in self.supervisor.members:
            self.turn()
            self.ready.add(member.part.name)
            self.turn()
        assert self.supervisor.all_ready


def test_next_part_waits_until_the_one_before_it_is_ready() -> None:
    stage = Stage("kafka", "proxy")
    for _ in range(3):
        stage.turn(1)
    assert stage.journal == ["start kafka"]
    stage.ready.add("kafka")
    stage.turn()
    assert stage.journal == ["start kafka", "start proxy"]


def test_parts_that_start_together_hold_up_only_the_ones_after_them() -> None:
    stage = Stage("kafka", "mongodb", "proxy", together="mongodb")
    stage.turn()
    stage.ready.add("mongodb")
    stage.turn()
    assert stage.journal == ["start kafka", "start mongodb"]
    stage.ready.add("kafka")
    stage.turn()
    assert stage.journal == ["start kafka", "start mongodb", "start proxy"]


def test_one_shot_part_is_done_before_the_next_starts_and_never_starts_again() -> None:
    stage = Stage("init", "proxy", one_shot="init")
    stage.turn()
    stage.die("init", 0)
    stage.turn()
    stage.turn(50)
    assert stage.journal == ["start init", "start proxy"]
    assert stage.states() == [State.DONE, State.STARTING]


def test_failed_one_shot_part_is_tried_again() -> None:
    stage = Stage("init", one_shot="init")
    stage.turn()
    stage.die("init", 3)
    stage.turn()
    stage.turn(0.6)
    assert stage.journal == ["start init", "start init"]


@pytest.mark.parametrize("code", [0, 1, 3, 70, -9])
def test_dead_part_starts_again_after_its_back_off_and_not_before(code: int) -> None:
    stage = Stage("proxy")
    stage.bring_up()
    stage.die("proxy", code)
    stage.turn()
    stage.turn(0.4)
    assert stage.journal == ["start proxy"]
    stage.turn(0.1)
    assert stage.journal == ["start proxy", "start proxy"]
    assert stage.supervisor.members[0].restarts == 1


def test_part_that_lost_its_place_starts_again_at_once() -> None:
    stage = Stage("aggregator")
    stage.bring_up()
    stage.die("aggregator", 75)
    stage.turn()
    stage.turn()
    assert stage.journal == ["start aggregator"] * 2


def test_back_off_doubles_up_to_ten_seconds() -> None:
    assert [backoff_s(deaths, 1) for deaths in (1, 2, 3, 4, 5, 6, 7)] == [0.5, 1, 2, 4, 8, 10, 10]
    assert backoff_s(2, 75) == 1  # only the first time has no wait


def test_dead_part_does_not_hold_up_the_others() -> None:
    stage = Stage("kafka", "proxy")
    stage.bring_up()
    stage.die("kafka", -9)
    stage.die("proxy", 1)
    stage.turn()
    stage.turn(0.5)
    assert stage.journal[2:] == ["start kafka", "start proxy"]


def test_five_deaths_within_a_minute_end_it_with_the_log() -> None:
    stage = Stage("proxy")
    for death in range(DEATHS_ALLOWED):
        stage.turn(11)
        stage.die("proxy", 1)
        if death == DEATHS_ALLOWED - 1:
            with pytest.raises(
                PartFailedError, match=r"proxy died 5 times within 60 s.*\n--- the end of /nowhere/proxy"
            ):
                stage.turn()
        else:
            stage.turn()


def test_deaths_far_apart_never_end_it() -> None:
    stage = Stage("proxy")
    for _ in range(3 * DEATHS_ALLOWED):
        stage.turn(16)
        stage.die("proxy", 1)
        stage.turn()
    assert stage.supervisor.members[0].restarts == 3 * DEATHS_ALLOWED


def test_part_that_never_becomes_ready_ends_it() -> None:
    stage = Stage("kafka")
    stage.turn()
    stage.turn(60)
    with pytest.raises(PartFailedError, match="kafka was not ready within 60 s"):
        stage.turn(0.1)


def test_part_that_was_ready_once_may_take_its_time_after_a_restart() -> None:
    stage = Stage("aggregator")
    stage.bring_up()
    stage.ready.clear()
    stage.die("aggregator", 1)
    stage.turn()
    stage.turn(1)
    stage.turn(1000)
    assert stage.states() == [State.STARTING]
    assert not stage.supervisor.all_ready


def test_stop_goes_from_the_last_to_the_first() -> None:
    stage = Stage("kafka", "proxy", "aggregator")
    stage.bring_up()
    stage.supervisor.stop()
    assert stage.journal[3:] == ["stop aggregator", "stop proxy", "stop kafka"]
    assert stage.states() == [State.STOPPED] * 3


def test_second_request_to_stop_does_not_wait() -> None:
    stage = Stage("kafka")
    stage.bring_up()
    stage.supervisor.request_stop()
    stage.supervisor.request_stop()
    stage.supervisor.stop()
    assert stage.journal[1:] == ["hurry kafka"]


def test_nothing_starts_once_a_stop_is_asked_for() -> None:
    stage = Stage("kafka", "proxy")
    stage.supervisor.request_stop()
    stage.turn()
    assert stage.journal == []
    assert stage.supervisor.stopping
