"""Handles on a real Kafka broker and a real mongod, to use them and to break them."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from testcontainers.core.container import DockerContainer

import local.kafka
import local.mongod
from local.kafka import GROUP_SETTINGS, Kafka
from local.mongod import Mongod
from local.ports import LOOPBACK, free_port
from local.process import Part, PartProcess
from local.stack import kafka_part, mongod_part
from tests.support.eventually import eventually

REPO = Path(__file__).parents[2]
CACHE = REPO / ".cache"
KAFKA_IMAGE = f"apache/kafka:{local.kafka.VERSION}"
MONGO_IMAGE = "mongo:8.0"
_READY_WITHIN_S = 180


class Power(Protocol):
    """What can be done to a server, whether it is a process or a container."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    def runs(self) -> bool: ...


class Server:
    """A broker or a database on a port that it keeps, whatever is done to it. Every method blocks until it is so."""

    def __init__(self, address: str, power: Power, is_ready: Callable[[], bool]) -> None:
        self.address = address  # bootstrap servers, or a MongoDB URI
        self._power = power
        self._is_ready = is_ready

    def start(self) -> None:
        """Start it again after `stop` or `kill`, and wait until it serves."""
        self._power.start()
        self.wait_ready()

    def begin_start(self) -> None:
        """Start it again and do not wait."""
        self._power.start()

    def stop(self) -> None:
        """Ask it to end (SIGTERM) and wait until it has."""
        self._power.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self._power.kill()

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        self._power.freeze()

    def thaw(self) -> None:
        """SIGCONT."""
        self._power.thaw()

    def wait_ready(self) -> None:
        eventually(self._is_ready, _READY_WITHIN_S, every_s=0.2)

    def runs(self) -> bool:
        """Whether there is a process, frozen or not."""
        return self._power.runs()

    def heal(self) -> None:
        """Whatever a test did to it: make it run and serve again."""
        self.begin_heal()
        self.wait_ready()

    def begin_heal(self) -> None:
        """Make it run again and do not wait: one of a cluster may need the others to become ready."""
        if self._power.runs():
            self._power.thaw()
        else:
            self._power.start()


class ProcessPower:
    """A server that is a process of ours."""

    def __init__(self, part: Part, log: Path) -> None:
        self._part = part
        self._log = log
        self._process: PartProcess | None = None

    def start(self) -> None:
        assert not self.runs(), f"{self._part.name} runs already"
        self._process = PartProcess(self._part, self._log)

    def stop(self) -> None:
        self._running().stop()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def freeze(self) -> None:
        self._running().send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running().send(signal.SIGCONT)

    def runs(self) -> bool:
        return self._process is not None and self._process.exit_code() is None

    def _running(self) -> PartProcess:
        assert self._process is not None
        return self._process


class ContainerPower:
    """A server that is a container of ours."""

    def __init__(self, container: DockerContainer) -> None:
        self._container = container
        self._made = False
        self._frozen = False

    def start(self) -> None:
        if self._made:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._made = True

    def stop(self) -> None:
        self._container.get_wrapped_container().stop()

    def kill(self) -> None:
        self.thaw()  # the engine refuses to kill what is paused
        if self.runs():
            self._container.get_wrapped_container().kill()

    def freeze(self) -> None:
        self._container.get_wrapped_container().pause()
        self._frozen = True

    def thaw(self) -> None:
        if self._frozen:
            self._container.get_wrapped_container().unpause()
            self._frozen = False

    def runs(self) -> bool:
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        return bool(wrapped.status in {"running", "paused"})

    def remove(self) -> None:
        self._container.stop()


def docker_answers() -> bool:
    """Whether there is a Docker engine to run containers."""
    try:
        done = subprocess.run(["docker", "info"], check=False, capture_output=True, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def free_ports(count: int) -> list[int]:
    """So many ports that are free, none of them twice."""
    found: list[int] = []
    for _ in range(count):
        found.append(free_port(found))
    return found


def local_kafka(folder: Path) -> tuple[Server, Callable[[], None]]:
    """A broker as a process on a free port; with the function that ends it."""
    jars = local.kafka.prepare(CACHE, Console(stderr=True))
    port = free_port()
    kafka = Kafka(folder / "kafka", jars, port, free_port({port}))
    kafka.format()
    power = ProcessPower(kafka_part(kafka), folder / "kafka.log")
    return Server(kafka.bootstrap_servers, power, kafka.is_ready), power.kill


def local_mongo(folder: Path) -> tuple[Server, Callable[[], None]]:
    """A replica set of one process on a free port; with the function that ends it."""
    program = local.mongod.prepare(None, CACHE, Console(stderr=True))
    mongod = Mongod(folder / "mongodb", program, free_port(), cache_gb=0.25)
    mongod.prepare_folder()
    power = ProcessPower(mongod_part(mongod), folder / "mongodb.log")
    return Server(mongod.uri, power, mongod.is_ready), power.kill


def container_kafka(folder: Path) -> tuple[Server, Callable[[], None]]:
    """A broker as a container, published on a free port of the loopback address."""
    port = free_port()
    kafka = Kafka(folder / "kafka", folder, port, free_port({port}))
    container = DockerContainer(KAFKA_IMAGE)
    for name, value in container_kafka_environment(kafka).items():
        container.with_env(name, value)
    power = ContainerPower(_publish(container, port))
    return Server(kafka.bootstrap_servers, power, kafka.is_ready), power.remove


def container_kafka_environment(kafka: Kafka) -> dict[str, str]:
    """The same settings as the local broker's, as the image wants them; it listens on every address of its own."""
    settings = dict(line.split("=", 1) for line in kafka.properties().splitlines())
    settings |= GROUP_SETTINGS
    del settings["controller.quorum.bootstrap.servers"]
    settings["controller.quorum.voters"] = f"1@localhost:{kafka.controller_port}"
    settings["listeners"] = f"BROKER://:{kafka.port},CONTROLLER://:{kafka.controller_port}"
    settings["log.dirs"] = "/tmp/kafka-data"
    return {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in settings.items()}


def container_mongo(folder: Path) -> tuple[Server, Callable[[], None]]:
    """A replica set of one container, published on a free port of the loopback address."""
    mongod = Mongod(folder / "mongodb", Path("mongod"), free_port(), cache_gb=0.25)
    options = [word for word in mongod.command() if word != str(folder.absolute() / "mongodb" / "data")]
    options.remove("--dbpath")
    options[options.index(LOOPBACK)] = "*"
    container = DockerContainer(MONGO_IMAGE).with_command(options)
    power = ContainerPower(_publish(container, mongod.port))
    return Server(mongod.uri, power, mongod.is_ready), power.remove


def _publish(container: DockerContainer, port: int) -> DockerContainer:
    ports: dict[str, Any] = container.ports
    ports[str(port)] = (LOOPBACK, port)
    return container
