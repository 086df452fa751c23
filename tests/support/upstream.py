"""An upstream that answers with the bytes it is told to and remembers what it was asked, for tests of "unchanged"."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from local.ports import LOOPBACK

JSON = ("Content-Type", "application/json")


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer, byte for byte. Content-Length is added; `reason` is the text behind the status."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (JSON,)
    reason: str = "As Told"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came over the wire, its headers in their order and with their repetitions."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.headers}


PACKED = Canned(
    200,
    b'{"boxes":[{"box":{"items":[{"item":{"refId":0}}],"lenItems":1,"name":"5x6x8","price":240,"refId":7,'
    b'"volumeMax":240,"volumeNet":120,"volumeUsed":120,"weightUsed":2}}],"host":"api.paccurate.io","leftovers":[],'
    b'"lenBoxes":1,"lenItems":1,"lenLeftovers":0,"lenUnits":1,"totalCost":240,"totalVolume":240,"totalVolumeNet":120,'
    b'"totalVolumeUsed":120,"totalVolumeUtilization":0.5,"totalWeight":2,"version":"1.9.2"}',
)


@dataclass(slots=True)
class RecordingUpstream:
    """Set `answer`, send, look at `asked`."""

    url: str
    answer: Canned = PACKED
    asked: list[Asked] = field(default_factory=list)

    def reset(self) -> None:
        self.answer = PACKED
        self.asked.clear()

    @property
    def last(self) -> Asked:
        assert self.asked, "upstream was not called"
        return self.asked[-1]


@contextmanager
def recording_upstream() -> Iterator[RecordingUpstream]:
    """One that listens on a free port of the loopback address for the time of the context."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        disable_nagle_algorithm = True  # head and body are two writes, and the second would wait for the first

        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if (steer := self.headers.get("X-Sandbox", "")).startswith("status="):
                answer = Canned(int(steer.removeprefix("status=")), b"{}")  # a marker, not what the test asks
            else:
                upstream.asked.append(Asked(self.command, self.path, tuple(self.headers.items()), body))
                answer = upstream.answer
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def do_GET(self) -> None:
            """What a followed redirect would be: never asked."""
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature of http.server
            """What was asked is in `asked`."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    upstream = RecordingUpstream(f"http://{LOOPBACK}:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="upstream")
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
