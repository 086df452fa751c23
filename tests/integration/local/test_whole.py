"""`python -m local`: what a person does with it, from the first line to Ctrl-C."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.ports import free_port
from local.state import Endpoints, StateDir
from local.welcome import KEYSTEM
from tests.support import web
from tests.support.eventually import eventually
from tests.support.servers import REPO
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration


def environment(folder: Path, workspace: Workspace) -> dict[str, str]:
    """A stack of its own beside whatever runs here, over the servers of the test run."""
    own = {"LOCAL__STATE_DIR": str(folder), "PROXY__PORT": str(free_port())}
    return {**os.environ, **workspace.env(), **own}


def ready(folder: Path) -> Endpoints:
    def read() -> Endpoints | None:
        endpoints = StateDir(folder).read()
        return endpoints if endpoints is not None and endpoints.state == "ready" else None

    found = eventually(read, 120)
    assert found is not None
    return found


def pasted(line: str) -> web.Reply:
    """Do what the curl line says."""
    words = shlex.split(line)
    url = next(word for word in words if word.startswith("http://"))
    if "-d" not in words:
        return web.get(url)
    headers = [words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H"]
    return web.request("POST", url, words[words.index("-d") + 1].encode(), dict(headers))


def test_pasted_lines_show_the_pack_in_the_totals_and_parts_come_back(tmp_path: Path, workspace: Workspace) -> None:
    folder, output = tmp_path / "state", tmp_path / "output"
    env = environment(folder, workspace)
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "local"], cwd=REPO, env=env, stdout=file, stderr=file)
    try:
        endpoints = ready(folder)
        post, one, everything = (line for line in output.read_text().splitlines() if line.startswith("curl "))
        reply = pasted(post)
        assert reply.status == 200
        assert reply.json["usedKeystem"] == KEYSTEM
        eventually(lambda: pasted(one).json.get("totalItems") == 23, 30)
        assert pasted(everything).json["totalRequests"] == 1

        for part in endpoints.parts:
            if part.name in {"proxy", "aggregator-1"}:
                assert part.pid is not None
                os.kill(part.pid, signal.SIGKILL)
        eventually(lambda: sum(part.restarts for part in ready(folder).parts) == 2, 60)
        assert pasted(post).status == 200
        eventually(lambda: pasted(everything).json["totalRequests"] == 2, 30)

        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
        sys.stdout.write(output.read_text())


def test_demo_counts_every_pack_of_every_facility(tmp_path: Path, workspace: Workspace) -> None:
    command = [sys.executable, "-m", "local", "demo", "--json", "--facilities", "20", "--seconds", "3", "--rate", "40"]
    env = environment(tmp_path / "state", workspace)
    done = subprocess.run(command, cwd=REPO, env=env, check=False, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["difference"] == 0
    assert outcome["facilities_that_differ"] == 0
    assert outcome["packs_sent"] >= 20
    assert outcome["packs_counted"] == outcome["packs_counted_in_all"] == outcome["packs_sent"]
    assert workspace.documents["keydata"].count_documents({}) >= 20


def test_interrupted_demo_says_so_and_leaves_nothing_running(tmp_path: Path, workspace: Workspace) -> None:
    folder = tmp_path / "state"
    env = environment(folder, workspace)
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "demo", "--seconds", "600"],
        cwd=REPO,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        endpoints = ready(folder)
        proxy = endpoints.address("proxy")
        eventually(lambda: web.get(f"{proxy}/api/keydata/all").json["totalRequests"] > 0, 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130
    finally:
        process.kill()
        process.wait()
    assert not StateDir(folder).is_held()
    assert json.loads((folder / "endpoints.json").read_text())["state"] == "stopped"
