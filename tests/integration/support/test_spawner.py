"""Programs that are forked behave as those that `python -m` starts."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.spawner import Spawned

PROGRAM = """
import os, sys, time
print(sys.argv[1:], sorted(os.environ), __name__, flush=True)
print("told apart", file=sys.stderr, flush=True)
if sys.argv[1] == "wait":
    time.sleep(60)
sys.exit(7)
"""


Start = Callable[..., Spawned]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    (tmp_path / "program.py").write_text(PROGRAM)

    def spawn(*arguments: str) -> Spawned:
        out, errors = tmp_path / "out", tmp_path / "errors"
        return Spawned("program", *arguments, env={"A": "b"}, folder=tmp_path, out=out, errors=errors)

    return spawn


def test_it_has_its_arguments_its_environment_and_no_other_and_its_code_is_told(start: Start, tmp_path: Path) -> None:
    assert start("x", "y").wait(30) == 7
    assert (tmp_path / "out").read_text() == "['x', 'y'] ['A'] __main__\n"
    assert (tmp_path / "errors").read_text() == "told apart\n"


def test_a_signal_that_ended_it_is_told(start: Start, tmp_path: Path) -> None:
    program = start("wait")
    eventually(lambda: "wait" in (tmp_path / "out").read_text() if (tmp_path / "out").exists() else False)
    assert program.exit_code() is None
    program.send(signal.SIGTERM)
    assert program.wait(30) == -signal.SIGTERM
    assert program.kill() == -signal.SIGTERM, "it has ended already"


def test_killed_it_is_gone_at_once(start: Start) -> None:
    program = start("wait")
    assert program.kill() == -signal.SIGKILL
    assert not Path(f"/proc/{program.pid}").exists()
