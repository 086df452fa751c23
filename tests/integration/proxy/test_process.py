"""The proxy as a process: how it refuses to start, drains and ends; Kafka and MongoDB are away all the time."""

import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.ports import LOOPBACK, free_port
from tests.support import answers, web
from tests.support.answers import content
from tests.support.eventually import eventually
from tests.support.services import Service
from tests.support.web import Reply

pytestmark = pytest.mark.integration

BODY = b'{"itemSets":[{"quantity":2}]}'
REQUEST = b"POST / HTTP/1.1\r\nHost: proxy\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
PACKED = content(answers.pack())

ROOM = 20  # files that a proxy has left

Start = Callable[..., Service]


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Start]:
    """Starts proxies on free ports: `proxy(PROXY__GRACE_S="60")`."""
    started: list[Service] = []

    def start(*, wait: bool = True, **env: str) -> Service:
        own = {
            "PROXY__PORT": str(free_port()),
            "PROXY__SPOOL_DIR": str(tmp_path / "spool"),
            "PROXY__UPSTREAM_URL": "http://127.0.0.1:1/",
            "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "MONGO__URI": "mongodb://127.0.0.1:1/",
        }
        log = tmp_path / f"proxy-{len(started)}.log"
        started.append(Service("proxy", "proxy", own | env, log, "/readyz"))
        return started[-1].start(wait=wait)

    yield start
    for service in started:
        service.kill()


@contextmanager
def upstream_that_waits() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """Its address; set once it was asked; set to let it answer."""
    asked, release = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.set()
            release.wait(60)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PACKED)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature of http.server
            """Nothing of interest."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}/", asked, release
    finally:
        release.set()
        server.shutdown()
        server.server_close()
        thread.join()


def send(service: Service) -> Reply:
    return web.request("POST", service.url + "/", BODY)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"PROXY__GRACE_S": "3"}, "PROXY__GRACE_S=3"),
        ({"PROXY__TLS_CERTIFICATE": "/no/such.pem"}, "PROXY__TLS_CERTIFICATE=/no/such.pem"),
        ({"PROXY__HOST": "no-such-host.invalid"}, "PROXY__HOST=no-such-host.invalid"),
    ],
)
def test_what_it_cannot_start_with_is_told_and_ends_it(proxy: Start, env: dict[str, str], said: str) -> None:
    service = proxy(wait=False, **env)

    assert service.wait_exit() == 3
    assert said in service.log_text()
    assert "Traceback" not in service.log_text()


def test_a_port_that_is_taken_is_told_and_ends_it(proxy: Start) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        service = proxy(wait=False, PROXY__PORT=str(port))

        assert service.wait_exit() == 3
    assert f"PROXY__PORT={port}" in service.log_text()
    assert "another program has that port" in service.log_text()


def test_it_takes_packs_while_kafka_and_mongodb_are_away_and_ends_with_0(proxy: Start) -> None:
    service = proxy()
    reply = send(service)

    assert reply.status == 502
    assert "x-event-id" in reply.headers
    assert service.stop() == 0
    assert '"event": "drained"' in service.log_text()


def test_a_stop_answers_what_is_on_its_way_and_takes_nothing_new(proxy: Start) -> None:
    with upstream_that_waits() as (url, asked, release), ThreadPoolExecutor(1) as pool:
        service = proxy(PROXY__UPSTREAM_URL=url)
        pending = pool.submit(send, service)
        assert asked.wait(60)
        os.kill(service.pid, signal.SIGTERM)
        _wait_until_refusing(service)
        release.set()

        reply = pending.result(60)
        assert (reply.status, reply.json["totalItems"]) == (200, 1)
        assert "x-event-id" in reply.headers
        assert service.wait_exit() == 0


def test_what_has_reached_it_before_a_stop_is_answered(proxy: Start) -> None:
    """On connections that are used again, on such that are not accepted yet, and if the rest of a request follows."""
    with upstream_that_waits() as (url, _, release):
        release.set()
        service = proxy(PROXY__UPSTREAM_URL=url)
        used = [_connected(service) for _ in range(6)]
        for connection in used:
            connection.sendall(REQUEST)
            assert b"connection: close" not in _answer(connection)
        os.kill(service.pid, signal.SIGSTOP)
        halves, wholes = used[:3], [*used[3:], *(_connected(service) for _ in range(6))]
        for connection in halves:
            connection.sendall(REQUEST[:20])
        for connection in wholes:
            connection.sendall(REQUEST)
        os.kill(service.pid, signal.SIGTERM)
        os.kill(service.pid, signal.SIGCONT)
        _wait_until_refusing(service)
        for connection in halves:
            connection.sendall(REQUEST[20:])

        for connection in (*halves, *wholes):
            answer = _answer(connection)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"x-event-id: " in answer
        # Those whose requests came in while it stopped must not be used again: nobody would answer.
        assert all(connection.recv(1) == b"" for connection in (*halves, *wholes))
        for connection in (*halves, *wholes):
            connection.close()
        assert service.wait_exit() == 0


def test_requests_in_a_row_are_answered_to_the_last_before_a_stop(proxy: Start) -> None:
    with upstream_that_waits() as (url, asked, release):
        service = proxy(PROXY__UPSTREAM_URL=url)
        connection = _connected(service)
        connection.sendall(REQUEST)
        assert asked.wait(60)
        os.kill(service.pid, signal.SIGTERM)
        _wait_until_refusing(service)
        connection.sendall(REQUEST * 2)
        release.set()

        answers = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answers.count(b"HTTP/1.1 200 ") == 3
        assert answers.lower().count(b"connection: close") == 1
        connection.close()
        assert service.wait_exit() == 0


def test_the_second_signal_ends_it_at_once(proxy: Start) -> None:
    with upstream_that_waits() as (url, asked, _), ThreadPoolExecutor(1) as pool:
        service = proxy(PROXY__UPSTREAM_URL=url)
        pending = pool.submit(send, service)
        assert asked.wait(60)
        os.kill(service.pid, signal.SIGINT)
        _wait_until_refusing(service)
        os.kill(service.pid, signal.SIGTERM)

        assert service.wait_exit() == -signal.SIGTERM
        assert pending.exception(60) is not None


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process is set as Linux does it")
def test_without_files_callers_wait_until_others_have_gone(proxy: Start) -> None:
    service = proxy()
    files = len(list(Path(f"/proc/{service.pid}/fd").iterdir()))
    limits = resource.prlimit(service.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (files + ROOM, limits[1]))
    port = int(service.env["PROXY__PORT"])

    with ExitStack() as callers:
        for _ in range(2 * ROOM):
            callers.enter_context(socket.create_connection((LOOPBACK, port)))
        eventually(lambda: "callers_not_taken" in service.log_text())

    assert web.get(service.url + "/livez").status == 200
    assert service.exit_code() is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with the openssl command")
def test_it_speaks_https_with_a_certificate(proxy: Start, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    service = proxy(wait=False, PROXY__TLS_CERTIFICATE=str(certificate), PROXY__TLS_KEY=str(key))
    eventually(lambda: '"event": "started"' in service.log_text(), 60)
    trust = ssl.create_default_context(cafile=str(certificate))
    trust.check_hostname = False

    connection = HTTPSConnection(LOOPBACK, int(service.env["PROXY__PORT"]), timeout=60, context=trust)
    connection.request("GET", "/livez")

    assert connection.getresponse().read() == b'{"alive":true}'
    connection.close()


def _connected(service: Service) -> socket.socket:
    return socket.create_connection((LOOPBACK, int(service.env["PROXY__PORT"])), 60)


def _answer(connection: socket.socket) -> bytes:
    """One whole answer, its head in lower case but for the status line."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or pytest.fail("no answer")
    head, _, body = received.partition(b"\r\n\r\n")
    [length] = re.findall(rb"content-length: (\d+)", head.lower())
    while len(body) < int(length):
        body += connection.recv(65536)
    line, _, fields = head.partition(b"\r\n")
    return line + b"\r\n" + fields.lower()


def _wait_until_refusing(service: Service) -> None:
    eventually(lambda: not service.accepts())
