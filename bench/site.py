"""Where measurements happen: real Kafka, real MongoDB and processes on loopback, in one folder, gone with this process.

Use it in the main thread: every process it starts is tied to the thread that started it, so that neither an error, a
Ctrl-C nor a kill -9 of the bench leaves one behind.
"""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from rich.console import Console

import local.kafka
import local.mongod
from bench.errors import BenchError, UnavailableError
from common.settings import KafkaSettings
from local.kafka import Kafka
from local.mongod import Mongod
from local.ports import LOOPBACK, free_port
from local.process import Part, PartProcess, tail
from local.services import answers
from local.stack import kafka_part, mongod_part

REPO = Path(__file__).resolve().parents[1]
PEERS = REPO / ".venv-bench"
_LOOK_EVERY_S = 0.05
_Kept = TypeVar("_Kept")
_PARTITIONS: int = KafkaSettings.model_fields["partitions"].default


@dataclass(frozen=True, slots=True)
class Running:
    """A process that serves."""

    process: PartProcess
    url: str  # without a slash at the end; "" for what is no HTTP server

    @property
    def pid(self) -> int:
        return self.process.pid


@dataclass(frozen=True, slots=True)
class Workspace:
    """A topic, a group and a database of this name, initialised, that nobody else uses."""

    name: str
    env: Mapping[str, str]  # for the services
    folder: Path  # for spools


@dataclass(slots=True)
class Site:
    """A context manager; everything it started has ended when it is left."""

    folder: Path
    quick: bool = False
    seed: int = 1
    product: Path = REPO  # the checkout whose services are started
    console: Console = field(default_factory=lambda: Console(stderr=True))
    _stack: ExitStack = field(default_factory=ExitStack)
    _kafka: str | None = None
    _mongo: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def seconds(self, whole: float, quick: float) -> float:
        """How long to measure, in a whole run and in a quick one; likewise for counts."""
        return quick if self.quick else whole

    def keep(self, context: AbstractContextManager[_Kept]) -> _Kept:
        """Enter a context that stays open until the site is left."""
        return self._stack.enter_context(context)

    @property
    def kafka(self) -> str:
        """Bootstrap servers; the first call starts the broker."""
        if self._kafka is None:
            jars = local.kafka.prepare(REPO / ".cache", self.console)
            port = free_port()
            kafka = Kafka(self.folder / "kafka", jars, port, free_port({port}))
            kafka.format()
            self.keep(self.running(kafka_part(kafka)))
            self._kafka = kafka.bootstrap_servers
        return self._kafka

    @property
    def mongo(self) -> str:
        """The URI; the first call starts mongod."""
        if self._mongo is None:
            program = local.mongod.prepare(None, REPO / ".cache", self.console)
            mongod = Mongod(self.folder / "mongodb", program, free_port())
            mongod.prepare_folder()
            self.keep(self.running(mongod_part(mongod)))
            self._mongo = mongod.uri
        return self._mongo

    @contextmanager
    def workspace(self, partitions: int = _PARTITIONS) -> Iterator[Workspace]:
        """A new one, made by `admin init` of the product; its folder is removed at the end, its topic stays."""
        name = f"bench-{uuid.uuid4().hex[:8]}"
        env = {
            "KAFKA__BOOTSTRAP_SERVERS": self.kafka,
            "KAFKA__TOPIC": name,
            "KAFKA__GROUP": name,
            "KAFKA__PARTITIONS": str(partitions),
            "KAFKA__REPLICATION": "1",
            "MONGO__URI": self.mongo,
            "MONGO__DATABASE": name,
        }
        folder = self.folder / name
        folder.mkdir()
        self.finish(self.python("admin", "init"), env)
        try:
            yield Workspace(name, env, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def service(self, module: str, env: Mapping[str, str]) -> Iterator[Running]:
        """`python -m proxy`, `aggregator` or `sandbox` of the product on a free port, when it is ready."""
        port, prefix = free_port(), module.upper()
        url = f"http://{LOOPBACK}:{port}"
        ready = f"{url}/livez" if module == "sandbox" else f"{url}/readyz"
        own = {f"{prefix}__HOST": LOOPBACK, f"{prefix}__PORT": str(port)}
        part = Part(
            module,
            self.python(module),
            url,
            lambda: answers(ready),
            env=self._product_path() | own | dict(env),
            stop_within_s=60,
        )
        with self.running(part) as running:
            yield running

    @contextmanager
    def running(self, part: Part) -> Iterator[Running]:
        """Any process, when it is ready; asked to end at the end, and killed if it does not."""
        process = PartProcess(part, self._log(part.name))
        try:
            self._await(part, process, part.is_ready)
            yield Running(process, part.address or "")
        finally:
            process.stop()

    def finish(self, command: tuple[str, ...], env: Mapping[str, str]) -> str:
        """Run a command of the product to its end; what it printed. BenchError where it fails."""
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, **self._product_path(), **env},
        )
        if done.returncode:
            raise BenchError(
                f"{' '.join(command[1:])} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}"
            )
        return done.stdout

    def has_setting(self, name: str) -> bool:
        """Whether the product knows it: an earlier or later version of it may not."""
        return f"`{name}`" in self.finish(self.python("admin", "settings", "--markdown"), {})

    def peer_python(self, package: str) -> str:
        """The interpreter that has what peers need, which the product does not. UnavailableError without the package."""
        interpreter = PEERS / "bin" / "python"
        if not interpreter.exists() or not list(PEERS.glob(f"lib/python*/site-packages/{package}")):
            raise UnavailableError(f"{package} is not installed: `make bench` installs it into {PEERS.name}")
        return str(interpreter)

    def python(self, *words: str) -> tuple[str, ...]:
        """A module run by this interpreter."""
        return (sys.executable, "-m", *words)

    def _product_path(self) -> dict[str, str]:
        # Modules are looked up in the product's checkout alone, wherever the bench itself was started.
        return {"PYTHONPATH": str(self.product), "PYTHONSAFEPATH": "1"}

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}-{uuid.uuid4().hex[:6]}.log"

    def _await(self, part: Part, process: PartProcess, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + part.ready_within_s
        while not is_ready():
            if process.exit_code() is not None:
                raise BenchError(f"{part.name} ended with {process.exit_code()}:\n{tail(process.log, 20)}")
            if time.monotonic() > deadline:
                raise BenchError(
                    f"{part.name} was not ready within {part.ready_within_s:g} s:\n{tail(process.log, 20)}"
                )
            time.sleep(_LOOK_EVERY_S)
