"""The services as processes on free ports, with their logs kept, and ended whatever a test does."""

import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from admin import init
from admin.settings import Settings
from common.settings import load
from local.ports import LOOPBACK, free_port
from tests.support import web
from tests.support.eventually import eventually
from tests.support.spawner import REPO, Spawned
from tests.support.workspace import Workspace

_INIT_WITHIN_S = 60.0
_STOPS_WITHIN_S = 60.0
_LAST_LINES = 12


class Service:
    """One service under test. It keeps its port and environment over a restart."""

    def __init__(self, name: str, module: str, env: Mapping[str, str], log: Path, ready_path: str) -> None:
        self.name = name
        self.log = log
        self.env = dict(env)
        self._module = module
        self._ready_path = ready_path
        self._process: Spawned | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at the end."""
        port = next(value for name, value in self.env.items() if name.endswith("__PORT"))
        return f"http://{LOOPBACK}:{port}"

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self, *, wait: bool = True) -> "Service":
        """Start it (again); `wait` until its readiness route says 200."""
        assert self._process is None or self._process.exit_code() is not None, f"{self.name} runs already"
        module, *arguments = self._module.split()
        env = {**os.environ, **self.env}
        self._process = Spawned(module, *arguments, env=env, folder=REPO, out=self.log)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, deadline_s: float = 120) -> None:
        eventually(self._ready_or_dead, deadline_s)

    def is_ready(self) -> bool:
        try:
            return web.request("GET", self.url + self._ready_path, timeout_s=5).status == 200
        except OSError:
            return False

    def accepts(self) -> bool:
        """Whether its port takes connections."""
        try:
            socket.create_connection((LOOPBACK, int(self.url.rpartition(":")[2])), 5).close()
        except OSError:
            return False
        return True

    def wait_exit(self, deadline_s: float = 60) -> int:
        """Wait until it ends by itself; its exit code."""
        process = self._running()
        eventually(lambda: process.exit_code() is not None, deadline_s)
        code = process.exit_code()
        assert code is not None
        return code

    def stop(self) -> int:
        """SIGTERM, and its exit code once it is gone."""
        self.terminate()
        code = self._running().wait(_STOPS_WITHIN_S)
        return self._running().kill() if code is None else code

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        self._running().send(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL; gone when this returns."""
        if self._process is not None:
            self._process.kill()

    def freeze(self) -> None:
        """SIGSTOP."""
        self._running().send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._running().send(signal.SIGCONT)

    def exit_code(self) -> int | None:
        """None while it runs; −N if signal N ended it."""
        return self._running().exit_code()

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def account(self) -> str:
        """How it stands and what it said last, in a few lines, for somebody who sees only that a test failed."""
        code = None if self._process is None else self.exit_code()
        said = [line for line in self.log_text().splitlines() if '"flushed"' not in line and '"claimed"' not in line]
        return "\n    ".join([f"{self.name} {'runs' if code is None else f'ended with {code}'}", *said[-_LAST_LINES:]])

    def _running(self) -> Spawned:
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    def _ready_or_dead(self) -> bool:
        code = self.exit_code()
        if code is not None:
            raise RuntimeError(f"{self.name} ended with {code} instead of becoming ready:\n{self.log_text()[-4000:]}")
        return self.is_ready()


class Services:
    """Starts services and remembers them, so that the fixture can end them and show their logs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[int] = set()
        self.started: list[Service] = []

    def sandbox(self, *, wait: bool = True, **env: str) -> Service:
        """The local Paccurate; `env` are further settings, like SANDBOX__ERROR_RATE="0.1"."""
        return self._make("sandbox", "SANDBOX", env, "/livez").start(wait=wait)

    def proxy(self, workspace: Workspace, upstream: str, *, wait: bool = True, **env: str) -> Service:
        """A proxy before the upstream with this URL; its spool is the workspace's, so a second one shares the parent."""
        own = {"PROXY__UPSTREAM_URL": upstream, "PROXY__SPOOL_DIR": str(workspace.spool)}
        return self._make("proxy", "PROXY", workspace.env() | own | env, "/readyz").start(wait=wait)

    def aggregator(self, workspace: Workspace, *, wait: bool = True, module: str = "aggregator", **env: str) -> Service:
        """An aggregator; `module` is what runs in its place, for one that a test has altered."""
        return self._make(module, "AGGREGATOR", workspace.env() | env, "/readyz").start(wait=wait)

    def init(self, workspace: Workspace) -> None:
        """`admin init`: makes the workspace's topic, collections and positions. In this process, which saves a start."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in workspace.env().items():
                patch.setenv(name, value)
            settings = load(Settings)
        init.run(settings, Console(quiet=True), _INIT_WITHIN_S, new_topic=False)

    def end(self) -> None:
        """Kill what still runs."""
        for service in reversed(self.started):
            service.kill()

    def _make(self, module: str, prefix: str, env: Mapping[str, str], ready_path: str) -> Service:
        name = f"{module}-{len(self.started)}"
        port = free_port(self._taken)
        self._taken.add(port)
        settings = {f"{prefix}__HOST": LOOPBACK, f"{prefix}__PORT": str(port)} | dict(env)
        service = Service(name, module, settings, self._folder / f"{name}.log", ready_path)
        self.started.append(service)
        return service
