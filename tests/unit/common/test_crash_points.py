"""Crash points are inert until one is armed, fire once, and are all written down and all reachable."""

import os
import re
import signal
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from common import crash_points
from common.crash_points import MARK, POINT, Action, CrashError, CrashPoint, arm, reach
from common.errors import EXIT_CANNOT_START, SettingsError

PAGE = Path(__file__).parents[3] / "docs" / "crash-points.md"
Signals = list[tuple[int, int]]


@pytest.fixture(autouse=True)
def armed(monkeypatch: pytest.MonkeyPatch) -> dict[CrashPoint, object]:
    """Whatever a test arms is forgotten after it."""
    armed: dict[CrashPoint, object] = {}
    monkeypatch.setattr(crash_points, "_armed", armed)
    return armed


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Signals:
    """What would have been sent."""
    sent: Signals = []
    monkeypatch.setattr(signal, "pthread_kill", lambda thread, number: sent.append((thread, number)))
    return sent


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


def test_without_the_variable_nothing_is_armed_and_nothing_happens(
    armed: dict[CrashPoint, object], signals: Signals
) -> None:
    arm({MARK: "/nowhere"})
    for point in CrashPoint:
        reach(point)
    assert (armed, signals) == ({}, [])


def test_an_exception_is_raised_at_its_point_alone_and_once(mark: Path) -> None:
    with capture_logs() as logged:
        arm({POINT: "flush.moved:exception", MARK: str(mark)})
    assert [(line["event"], line["log_level"]) for line in logged] == [("crash point armed", "critical")]
    reach(CrashPoint.FLUSH_BEGUN)
    assert not mark.exists()
    with pytest.raises(CrashError, match=r"flush\.moved"):
        reach(CrashPoint.FLUSH_MOVED)
    assert mark.read_text() == "flush.moved:exception\n"
    reach(CrashPoint.FLUSH_MOVED)


@pytest.mark.parametrize(("action", "number"), [(Action.KILL, signal.SIGKILL), (Action.FREEZE, signal.SIGSTOP)])
def test_a_signal_goes_to_the_thread_that_is_there_so_that_it_gets_no_further(
    action: Action, number: int, mark: Path, signals: Signals
) -> None:
    arm({POINT: f"proxy.queued:{action.value}", MARK: str(mark)})
    reach(CrashPoint.QUEUED)
    assert signals == [(threading.get_ident(), number)]
    assert mark.exists()


def test_a_point_can_be_passed_before_it_fires(mark: Path, signals: Signals) -> None:
    arm({POINT: "sender.next:kill:3", MARK: str(mark)})
    for fired in (False, False, True):
        reach(CrashPoint.SENDER_NEXT)
        assert (mark.exists(), bool(signals)) == (fired, fired)


def test_a_process_that_finds_the_mark_is_not_armed(
    armed: dict[CrashPoint, object], mark: Path, signals: Signals
) -> None:
    environ = {POINT: "sender.next:kill", MARK: str(mark)}
    arm(environ)
    reach(CrashPoint.SENDER_NEXT)
    arm(environ)
    assert armed == {}
    reach(CrashPoint.SENDER_NEXT)
    assert len(signals) == 1


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({POINT: "sender.nxt:kill", MARK: "m"}, "there is no such point"),
        ({POINT: "", MARK: "m"}, "there is no such point"),
        ({POINT: "sender.next", MARK: "m"}, "must be sender.next:kill"),
        ({POINT: "sender.next:die", MARK: "m"}, "must be sender.next:kill"),
        ({POINT: "sender.next:kill:0", MARK: "m"}, ":N for the N-th time"),
        ({POINT: "sender.next:kill:two", MARK: "m"}, ":N for the N-th time"),
        ({POINT: "sender.next:kill"}, f"{MARK}: must name the file"),
    ],
)
def test_what_makes_no_sense_is_refused(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)) as caught:
        arm(environ)
    assert caught.value.exit_code == EXIT_CANNOT_START


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(SettingsError) as caught:
        arm({POINT: "nowhere:kill", MARK: "m"})
    assert all(f"{point.label}: {point.meaning}" in str(caught.value) for point in CrashPoint)


def test_every_point_is_reached_by_one_place_in_the_code() -> None:
    root = Path(__file__).parents[3]
    code = "".join(path.read_text() for part in ("proxy", "aggregator") for path in (root / part).glob("*.py"))
    assert {point.name: code.count(f"CrashPoint.{point.name}") for point in CrashPoint} == {
        point.name: 1 for point in CrashPoint
    }


def test_the_page_has_every_point_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z.-]+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(point.label, point.meaning) for point in CrashPoint]


def test_this_run_arms_nothing() -> None:
    assert POINT not in os.environ
