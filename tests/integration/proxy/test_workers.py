"""Several workers on one port: all of them serve, drain together, and lose nothing when one is killed."""

import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from local.ports import LOOPBACK
from tests.support import web
from tests.support.answers import content, pack
from tests.support.eventually import eventually
from tests.support.evidence import events_of
from tests.support.services import Service, Services
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration

BODY = b'{"random":true}'
PACKED = content(pack())
NOBODY = f"{LOOPBACK}:1"
Start = Callable[..., Service]


class Gate:
    """Upstream lets nobody through until it is opened."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked = threading.Semaphore(0)
        self.open = threading.Event()


@contextmanager
def upstream() -> Iterator[Gate]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            self.rfile.read(int(self.headers["Content-Length"]))
            gate.asked.release()
            gate.open.wait(60)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PACKED)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature of http.server
            """Nothing of interest."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server((LOOPBACK, 0), Handler)
    gate = Gate(f"http://{LOOPBACK}:{server.server_address[1]}/")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield gate
    finally:
        gate.open.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def workers(services: Services, workspace: Workspace) -> Start:
    """Two workers that cannot reach Kafka, unless told otherwise."""

    def start(upstream_url: str, **env: str) -> Service:
        own = {"PROXY__WORKERS": "2", "PROXY__WORKER_PORT": "0", "KAFKA__BOOTSTRAP_SERVERS": NOBODY}
        service = services.proxy(workspace, upstream_url, wait=False, **own | env)
        eventually(lambda: service.log_text().count('"event": "started"') == 2 or service.exit_code() is not None, 120)
        return service

    return start


def own_urls(service: Service) -> list[str]:
    return [f"http://{LOOPBACK}:{port}" for port in re.findall(r'"own_port": (\d+)', service.log_text())]


def children(service: Service) -> list[int]:
    return [child.pid for child in psutil.Process(service.pid).children()]


def send(service: Service) -> web.Reply:
    return web.request("POST", service.url + "/", BODY)  # on a connection of its own


def session(reply: web.Reply) -> str:
    assert reply.status == 200
    return reply.headers["x-event-id"].partition(".")[0]


def test_all_of_them_serve_and_each_tells_its_own_figures(workers: Start) -> None:
    with upstream() as gate:
        gate.open.set()
        service = workers(gate.url)
        sessions = [session(send(service)) for _ in range(40)]

        assert len(set(sessions)) == 2
        ready = [web.get(f"{url}/readyz").json["spool"] for url in own_urls(service)]
        assert {spool["slot"] for spool in ready} == {"slot-000", "slot-001"}
        assert sum(spool["waiting"] for spool in ready) == 40
        assert sum(_packed(web.get(f"{url}/metrics").body.decode()) for url in own_urls(service)) == 40
        assert web.get(f"{service.url}/metrics").status == 404
        assert service.stop() == 0


def _packed(metrics: str) -> float:
    [number] = re.findall(r'^packstats_requests_total\{outcome="packed"\} (.*)$', metrics, re.MULTILINE)
    return float(number)


def test_a_stop_answers_what_is_on_its_way_in_each_of_them(workers: Start) -> None:
    with upstream() as gate, ThreadPoolExecutor(16) as pool:
        service = workers(gate.url)
        pending = [pool.submit(send, service) for _ in range(16)]
        for _ in pending:
            assert gate.asked.acquire(timeout=60)
        os.kill(service.pid, signal.SIGTERM)
        eventually(lambda: not service.accepts())
        gate.open.set()

        assert len({session(reply.result(60)) for reply in pending}) == 2
        assert service.wait_exit() == 0
    assert service.log_text().count('"event": "drained"') == 2


def test_the_second_signal_ends_all_of_them(workers: Start) -> None:
    with upstream() as gate, ThreadPoolExecutor(1) as pool:
        service = workers(gate.url)
        pending = pool.submit(send, service)
        assert gate.asked.acquire(timeout=60)
        own = children(service)
        os.kill(service.pid, signal.SIGTERM)
        eventually(lambda: not service.accepts())
        os.kill(service.pid, signal.SIGINT)

        assert service.wait_exit() == 1
        assert not any(psutil.pid_exists(pid) for pid in own)
        assert pending.exception(60) is not None


def test_workers_whose_watch_is_killed_drain_and_end(workers: Start) -> None:
    with upstream() as gate:
        gate.open.set()
        service = workers(gate.url)
        own = children(service)
        assert len(own) == 2
        service.kill()

        eventually(lambda: not any(_runs(pid) for pid in own), 60)
    assert service.log_text().count('"event": "drained"') == 2


def test_a_killed_worker_ends_the_whole_and_loses_nothing(
    workers: Start, services: Services, workspace: Workspace
) -> None:
    workspace.create_topic()
    with upstream() as gate:
        gate.open.set()
        service = workers(gate.url)
        counted = {reply.headers["x-event-id"] for reply in [send(service) for _ in range(40)]}
        os.kill(children(service)[0], signal.SIGKILL)

        assert service.wait_exit() == 1
        assert '"event": "worker_ended"' in service.log_text()
        after = services.proxy(workspace, gate.url)  # one worker: it takes one slot and adopts the other
        eventually(lambda: _ids(workspace) >= counted, 60)
        assert _ids(workspace) == counted
        assert after.stop() == 0


def _ids(workspace: Workspace) -> set[str]:
    return {f"{event.session}.{event.partition}.{event.seq}" for event in events_of(workspace)}


@pytest.mark.parametrize("name", ["PROXY__PORT", "PROXY__WORKER_PORT"])
def test_a_port_that_is_taken_is_told_and_ends_it(workers: Start, name: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        service = workers("http://127.0.0.1:1/", **{name: str(port)})

        assert service.wait_exit() == 3
    assert f"{name}={port}" in service.log_text()


def test_a_worker_that_cannot_start_ends_the_whole_with_its_code(workers: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    service = workers("http://127.0.0.1:1/", PROXY__SPOOL_DIR=str(tmp_path / "file"))

    assert service.wait_exit() == 3
    assert "PROXY__SPOOL_DIR=" in service.log_text()


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
