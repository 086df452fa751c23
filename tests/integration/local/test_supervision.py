"""The supervisor with real processes: what it does to them, and what becomes of them without it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local.process import Part, PartProcess
from local.state import StateDir
from local.supervisor import Member, PartFailedError, State, Supervisor
from tests.integration.local.parts import journal, stand_in
from tests.support.eventually import eventually
from tests.support.servers import REPO

pytestmark = pytest.mark.integration


def supervised(folder: Path, *names: str, stop_within_s: float = 20) -> Supervisor:
    return Supervisor([stand_in(name, folder, stop_within_s) for name in names], folder / "logs")


def test_killed_part_runs_again_and_the_others_never_stopped(tmp_path: Path) -> None:
    supervisor = supervised(tmp_path, "kafka", "proxy")
    pids: list[int] = []

    def kill_first() -> None:
        pids.extend(member.process.pid for member in supervisor.members if member.process)
        os.kill(pids[0], signal.SIGKILL)

    def changed(member: Member) -> None:
        if member.restarts and member.state is State.READY:
            supervisor.request_stop()

    supervisor._changed = changed
    supervisor.run(kill_first)
    assert journal(tmp_path) == ["start kafka", "start proxy", "start kafka", "end proxy", "end kafka"]
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_part_that_keeps_dying_ends_everything_with_its_last_lines(tmp_path: Path) -> None:
    supervisor = supervised(tmp_path, "kafka", "dying")
    with pytest.raises(PartFailedError, match=r"dying died 5 times(.|\n)*a line of dying"):
        supervisor.run()
    assert journal(tmp_path) == ["start kafka", *["start dying"] * 5, "end kafka"]


def test_parts_end_in_reverse_order_on_request(tmp_path: Path) -> None:
    supervisor = supervised(tmp_path, "a", "b", "c")
    supervisor.run(supervisor.request_stop)
    assert journal(tmp_path)[3:] == ["end c", "end b", "end a"]


def test_part_that_ignores_the_request_is_killed_and_the_rest_still_ends_in_order(tmp_path: Path) -> None:
    supervisor = supervised(tmp_path, "a", "stubborn", "c", stop_within_s=0.5)
    supervisor.run(supervisor.request_stop)
    assert journal(tmp_path)[3:] == ["end c", "end a"]
    assert supervisor.members[1].last_exit == -signal.SIGKILL


def test_second_request_does_not_wait_for_the_stubborn(tmp_path: Path) -> None:
    supervisor = supervised(tmp_path, "stubborn", stop_within_s=3600)

    def twice() -> None:
        supervisor.request_stop()
        supervisor.request_stop()

    supervisor.run(twice)
    assert supervisor.members[0].last_exit == -signal.SIGKILL


SUPERVISE = """
import sys
from pathlib import Path
from tests.integration.local.parts import stand_in
from local.supervisor import Supervisor
folder = Path(sys.argv[1])
Supervisor([stand_in(name, folder) for name in ("kafka", "stubborn")], folder / "logs").run()
"""


def test_parts_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(tmp_path)], cwd=REPO)
    parts: list[psutil.Process] = []
    try:
        eventually(lambda: "start stubborn" in journal(tmp_path))
        parts += psutil.Process(supervisor.pid).children()
        assert len(parts) == 2
        supervisor.kill()
        eventually(lambda: not any(map(lives, parts)))
    finally:
        supervisor.kill()
        supervisor.wait()
        for part in filter(lives, parts):
            part.kill()


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_program_that_is_not_there_is_said_in_the_log(tmp_path: Path) -> None:
    process = PartProcess(Part("x", ("/no/such/program",), None, lambda: False), tmp_path / "x.log")
    assert eventually(process.exit_code) == 1
    assert "/no/such/program: No such file or directory" in (tmp_path / "x.log").read_text()


def test_long_log_is_put_aside_at_the_next_start(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_bytes(b"x" * (17 << 20))
    process = PartProcess(stand_in("kafka", tmp_path), log)
    eventually((tmp_path / "kafka.ready").exists)
    process.stop()
    assert log.read_text() == "a line of kafka\n"
    assert (tmp_path / "kafka.log.1").stat().st_size == 17 << 20


@pytest.mark.parametrize("command", ["infra", "run", "demo"])
def test_second_stack_in_a_folder_is_refused(tmp_path: Path, command: str) -> None:
    env = {**os.environ, "LOCAL__STATE_DIR": str(tmp_path)}
    with StateDir(tmp_path).held():
        done = subprocess.run(
            [sys.executable, "-m", "local", command], cwd=REPO, env=env, check=False, capture_output=True, text=True
        )
    assert done.returncode == 3
    assert f"is in use by process {os.getpid()}" in done.stdout.replace("\n", " ")
