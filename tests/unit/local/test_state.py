"""The state folder: who may use it, and what others read in it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from common.errors import StartupError
from local import status
from local.state import Endpoint, Endpoints, StateDir

ENDPOINTS = Endpoints(
    "ready",
    os.getpid(),
    (
        Endpoint("kafka", "ready", "127.0.0.1:9092", 4712, "/logs/kafka.log", 2),
        Endpoint("mongodb", "elsewhere", "mongodb://x"),
    ),
)


def test_endpoints_are_read_as_they_were_written() -> None:
    assert Endpoints.from_json(ENDPOINTS.to_json()) == ENDPOINTS


def test_address_of_a_part_that_is_not_there_is_refused() -> None:
    assert ENDPOINTS.address("kafka") == "127.0.0.1:9092"
    with pytest.raises(StartupError, match="no proxy"):
        ENDPOINTS.address("proxy")


def test_second_stack_in_one_folder_is_refused_with_the_first_one_named(tmp_path: Path) -> None:
    with (
        StateDir(tmp_path).held(),
        pytest.raises(StartupError, match=r"is in use by process \d+.*LOCAL__STATE_DIR"),
        StateDir(tmp_path).held(),
    ):
        pass


def test_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with StateDir(tmp_path).held():
        assert StateDir(tmp_path).is_held()
    assert not StateDir(tmp_path).is_held()
    with StateDir(tmp_path).held():
        pass


def test_endpoints_of_a_stack_that_is_gone_are_not_read(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with state.held():
        state.write(ENDPOINTS)
        assert state.read() == ENDPOINTS
    assert state.read() is None


def test_endpoints_of_a_killed_stack_are_not_taken_for_those_of_the_next(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with state.held():
        state.write(replace(ENDPOINTS, supervisor_pid=1))
        assert state.read() is None


def test_status_of_a_ready_stack_is_0_and_shows_every_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = StateDir(tmp_path)
    with state.held():
        state.write(ENDPOINTS)
        assert status.show(state, Console(width=200), as_json=False) == 0
        shown = capsys.readouterr().out
        assert status.show(state, Console(soft_wrap=True), as_json=True) == 0
    assert "127.0.0.1:9092" in shown
    assert "mongodb://x" in shown
    assert Endpoints.from_json(capsys.readouterr().out) == ENDPOINTS


def test_status_of_nothing_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status.show(StateDir(tmp_path), Console(soft_wrap=True), as_json=False) == 1
    assert "nothing runs" in capsys.readouterr().out
    assert status.show(StateDir(tmp_path), Console(soft_wrap=True), as_json=True) == 1
    assert capsys.readouterr().out == '{"state": "not running"}\n'
