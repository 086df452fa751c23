"""What can stand before the upstream: packstats, nginx, what a user would write, or nothing."""

import shutil
import string
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bench.errors import BenchError, UnavailableError
from bench.http import get
from bench.measurement import DIRECT, PRODUCT
from bench.process_cost import Cost, cost
from bench.proxy.upstream import Upstream, Upstreams
from bench.site import Running, Site, Workspace
from local.ports import LOOPBACK, free_port
from local.process import Part
from local.services import answers

NGINX = "nginx"
FASTAPI = "FastAPI + httpx"
UVICORN = "uvicorn, fixed reply"
"""What asks no upstream at all: what remains of a Python server when it does nothing."""

_FOLDER = Path(__file__).parents[1] / "peers"
_DRAINED_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.1
_QUIET_LOOKS = 3
# Of several workers a look sees one spool; those that still send are seen by the time they take.
_IDLE_SHARE = 0.2


class _Spool(msgspec.Struct):
    waiting: int


class _Readiness(msgspec.Struct):
    spool: _Spool


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send packs, and what that costs."""

    url: str
    running: Running | None  # None: nobody, the upstream itself is asked
    waiting: Callable[[], int] = lambda: 0  # events that are not in Kafka yet

    def cost(self) -> Cost:
        return Cost(0, 0) if self.running is None else cost(self.running.pid)

    def drain(self) -> None:
        """Wait until nothing of the load is left to do: work put off is work too, and is not to fall into what follows."""
        deadline, quiet, before = time.monotonic() + _DRAINED_WITHIN_S, 0, self.cost()
        while quiet < _QUIET_LOOKS:
            if time.monotonic() > deadline:
                raise BenchError(f"{self.waiting()} events were still in the spool {_DRAINED_WITHIN_S:.0f} s later")
            time.sleep(_LOOK_EVERY_S)
            idle = (after := self.cost()).cpu_s - before.cpu_s <= _LOOK_EVERY_S * _IDLE_SHARE
            before, quiet = after, quiet + 1 if idle and not self.waiting() else 0


@dataclass(slots=True)
class Peers:
    """Starts them, all before the same upstream, which like the topic is kept from one measurement to the next."""

    site: Site
    upstreams: Upstreams
    _workspaces: dict[Path, Workspace] = field(default_factory=dict)

    @property
    def upstream(self) -> Upstream:
        return self.upstreams.upstream

    @contextmanager
    def started(
        self, peer: str, size: str, delay_ms: int = 0, env: Mapping[str, str] | None = None
    ) -> Iterator[Target]:
        """The peer, when it is ready for packs whose answers have that size; `env` are settings for packstats."""
        path = self.upstream.path(size, delay_ms)
        if peer == DIRECT:
            yield Target(f"http://{self.upstream.address}{path}", None)
        elif peer == NGINX:
            with self._nginx() as running:
                yield Target(running.url + path, running)
        elif peer == FASTAPI:
            with self._fastapi(path) as running:
                yield Target(f"{running.url}/", running)
        elif peer == UVICORN:
            with self._uvicorn(size) as running:
                yield Target(f"{running.url}/", running)
        elif peer.startswith(PRODUCT):
            with self._packstats(path, env or {}) as running:
                yield Target(f"{running.url}/?view=pack", running, lambda: _waiting(running))
        else:
            raise BenchError(f"there is no peer {peer}")

    @contextmanager
    def _packstats(self, path: str, env: Mapping[str, str]) -> Iterator[Running]:
        own = self.upstream.proxy_env(self._workspace(), path)
        with self.site.service("proxy", {**own, **env}) as running:
            yield running

    def _workspace(self) -> Workspace:
        product = self.site.product
        if product not in self._workspaces:
            self._workspaces[product] = self.site.keep(self.site.workspace())
        return self._workspaces[product]

    @contextmanager
    def _nginx(self) -> Iterator[Running]:
        program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            raise UnavailableError("nginx is not installed: apt-get install nginx")
        port, folder = free_port(), self.site.folder / "nginx"
        folder.mkdir(exist_ok=True)
        template = string.Template((_FOLDER / "nginx.conf").read_text())
        config = folder / "nginx.conf"
        config.write_text(template.substitute(folder=folder, upstream=self.upstream.address, port=port))
        command = (program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config))
        with self._server("nginx", command, port, "/", {}) as running:
            yield running

    def _fastapi(self, path: str) -> AbstractContextManager[Running]:
        python = self.site.peer_python("httpx")
        env = {"UPSTREAM_URL": f"http://{self.upstream.address}{path}"}
        return self._asgi(python, "fastapi_httpx", "/livez", env)

    def _uvicorn(self, size: str) -> AbstractContextManager[Running]:
        env = {"ANSWER": str(self.upstream.answer(size))}
        return self._asgi(sys.executable, "fixed_reply", "/", env)

    def _asgi(self, python: str, module: str, ready: str, env: Mapping[str, str]) -> AbstractContextManager[Running]:
        port = free_port()
        words = ("-m", "uvicorn", "--app-dir", str(_FOLDER), "--port", str(port), "--no-access-log")
        return self._server(module.replace("_", "-"), (python, *words, f"{module}:app"), port, ready, env)

    @contextmanager
    def _server(
        self, name: str, command: tuple[str, ...], port: int, ready: str, env: Mapping[str, str]
    ) -> Iterator[Running]:
        url = f"http://{LOOPBACK}:{port}"
        with self.site.running(Part(name, command, url, lambda: answers(url + ready), env=env)) as running:
            yield running


def _waiting(running: Running) -> int:
    return msgspec.json.decode(get(f"{running.url}/readyz"), type=_Readiness).spool.waiting
