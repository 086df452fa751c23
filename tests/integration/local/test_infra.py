"""`python -m local infra`: the real Kafka and MongoDB, as a person starts, kills and stops them."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pymongo
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from local.ports import LOOPBACK, free_port, holder, is_free
from local.state import Endpoint, Endpoints, StateDir
from tests.support.eventually import eventually
from tests.support.servers import REPO

pytestmark = pytest.mark.integration


@contextmanager
def infra(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    env = {**os.environ, "LOCAL__STATE_DIR": str(folder)}
    with (folder.parent / "output").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "infra", "--json"], cwd=REPO, env=env, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()  # its parts die with it
        process.wait()


def ready(folder: Path) -> Endpoints:
    def read() -> Endpoints | None:
        endpoints = StateDir(folder).read()
        return endpoints if endpoints is not None and endpoints.state == "ready" else None

    found = eventually(read, 90)
    assert found is not None
    return found


def part(endpoints: Endpoints, name: str) -> Endpoint:
    return next(part for part in endpoints.parts if part.name == name)


def database(endpoints: Endpoints) -> "pymongo.MongoClient[dict[str, Any]]":
    return pymongo.MongoClient(endpoints.address("mongodb"), serverSelectionTimeoutMS=30_000)


def test_data_and_addresses_outlive_kills_and_restarts(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with infra(folder) as process:
        first = ready(folder)
        admin = AdminClient({"bootstrap.servers": first.address("kafka"), "log_level": 0})
        admin.create_topics([NewTopic("kept", 3, 1)])["kept"].result(30)
        with database(first) as client:
            client.x.y.insert_one({"_id": "kept"})
        for name in ("kafka", "mongodb"):
            pid = part(first, name).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        second = eventually(lambda: restarted(folder), 90)
        assert second is not None
        assert len(admin.list_topics(timeout=30).topics["kept"].partitions) == 3
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert not any(psutil.pid_exists(part.pid) for part in second.parts if part.pid)
    told = [json.loads(line) for line in (tmp_path / "output").read_text().splitlines()]
    assert [line["state"] for line in told if line["name"] == "kafka"] == [
        *["starting", "ready", "waiting"],
        *["starting", "ready", "stopped"],
    ]
    assert json.loads((folder / "endpoints.json").read_text())["state"] == "stopped"
    with infra(folder) as again:
        third = ready(folder)
        assert third.supervisor_pid == again.pid
        assert [part.address for part in third.parts] == [part.address for part in first.parts]
        admin = AdminClient({"bootstrap.servers": third.address("kafka"), "log_level": 0})
        assert len(admin.list_topics(timeout=30).topics["kept"].partitions) == 3
        with database(third) as client:
            assert client.x.y.find_one({}) == {"_id": "kept"}


def restarted(folder: Path) -> Endpoints | None:
    endpoints = StateDir(folder).read()
    if endpoints is None or endpoints.state != "ready":
        return None
    return endpoints if all(part.restarts == 1 for part in endpoints.parts) else None


def test_servers_follow_their_data_to_other_ports(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with infra(folder):
        first = ready(folder)
        with database(first) as client:
            client.x.y.insert_one({"_id": "kept"})
    kept = json.loads((folder / "ports.json").read_text())
    with ExitStack() as others:
        for port in kept.values():
            eventually(partial(is_free, port))
            others.enter_context(socket.create_server((LOOPBACK, port)))
        others.enter_context(infra(folder))
        second = ready(folder)
        assert second.address("kafka") != first.address("kafka")
        assert second.address("mongodb") != first.address("mongodb")
        with database(second) as client:
            assert client.x.y.find_one({}) == {"_id": "kept"}


def test_holder_of_a_taken_port_is_this_process() -> None:
    port = free_port()
    assert is_free(port)
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)
        assert holder(port).startswith(f"process {os.getpid()} (")
    assert is_free(port)


def test_start_right_after_a_kill_has_the_same_addresses(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with infra(folder):
        first = ready(folder)
    with infra(folder):
        second = ready(folder)
    assert [part.address for part in second.parts] == [part.address for part in first.parts]
