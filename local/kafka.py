"""Apache Kafka on this machine: the real broker and controller in one Java process, from Maven's jars."""

import base64
import shutil
import subprocess
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import confluent_kafka.admin
from confluent_kafka import KafkaException
from rich.console import Console

from common.errors import StartupError
from local.cache import filled
from local.ports import LOOPBACK

VERSION = "4.2.0"
ARCHIVE = "classes.jsa"  # beside the jars; see `local.kafka_archive`
_HERE = Path(__file__).parent
_POM = _HERE / "kafka-pom.xml"
_LOGGING = _HERE / "log4j2.properties"

# What the broker is told about consumer groups: a joining member has its share after a second, a killed one is
# replaced after six. The client's own session settings are refused with this group protocol.
GROUP_SETTINGS = {
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "1000",
    "group.consumer.min.session.timeout.ms": "6000",
    "group.consumer.session.timeout.ms": "6000",
}
_SMALL = {
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A broker that was killed is let back in when the session of its former life is over: after 3 s instead of 9.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
}


def prepare(cache: Path, console: Console) -> Path:
    """The folder of Kafka's jars, fetched by Maven the first time."""
    return filled(cache, f"kafka-{VERSION}", _POM, lambda folder: _fetch(folder, console))


def _fetch(folder: Path, console: Console) -> None:
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise StartupError(f"{program} is not on the PATH: `make doctor` says what to install")
    command = ["mvn", "-B", "--strict-checksums", "-f", str(_POM), "dependency:copy-dependencies"]
    command += [f"-DoutputDirectory={folder}"]
    last: deque[str] = deque(maxlen=15)
    console.print(f"Apache Kafka {VERSION}: fetching its jars, about 43 MB, once")
    with (
        console.status("asking Maven") as status,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as maven,
    ):
        assert maven.stdout is not None
        fetched = 0
        for line in maven.stdout:
            last.append(line)
            if "Downloaded from" in line:
                fetched += 1
                status.update(f"{fetched} files fetched")
    jars = list(folder.glob("*.jar"))
    if maven.returncode or not jars:
        raise StartupError(f"Maven could not fetch Apache Kafka:\n{''.join(last)}")
    console.print(f"Apache Kafka {VERSION}: {len(jars)} jars fetched")


def new_cluster() -> str:
    """An id as Kafka wants it; never with a dash at its front, which its tool would take for an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")


@dataclass(frozen=True, slots=True)
class Kafka:
    """One broker with its own controller; its data lies in `state`, so it is the same one after a restart."""

    state: Path
    jars: Path
    port: int
    controller_port: int
    heap_mb: int = 512
    node: int = 1
    voters: tuple[str, ...] = ()  # "1@127.0.0.1:9093" for each broker of a cluster, this one too; none: it is alone
    settings: Mapping[str, str] = field(default_factory=dict)  # beside the usual ones, or instead of them

    @property
    def bootstrap_servers(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def properties(self) -> str:
        """The text of server.properties."""
        own = {
            "process.roles": "broker,controller",
            "node.id": str(self.node),
            **self._quorum(),
            "listeners": f"BROKER://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{self.controller_port}",
            "advertised.listeners": f"BROKER://{LOOPBACK}:{self.port}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "BROKER",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self._data),
        }
        return "".join(
            f"{name}={value}\n" for name, value in {**own, **_SMALL, **GROUP_SETTINGS, **self.settings}.items()
        )

    def format(self, cluster: str | None = None) -> None:
        """Write the configuration, and the first time make the data folder what Kafka wants it to be.

        Brokers of one cluster are given the same id of it, made by `new_cluster`.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        self._config.write_text(self.properties())
        if (self._data / "bootstrap.checkpoint").exists():
            return
        tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster or new_cluster()]
        tool += ["-c", str(self._config), *([] if self.voters else ["--standalone"])]
        done = subprocess.run([*self._java(), *tool], check=False, capture_output=True, text=True)
        if done.returncode:
            raise StartupError(f"Kafka could not format {self._data}:\n{(done.stdout + done.stderr)[-2000:]}")

    def command(self) -> list[str]:
        return [*self._java(), "kafka.Kafka", str(self._config)]

    def is_ready(self) -> bool:
        """Whether the broker answers as one of its cluster; blocks for two seconds at most."""
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            return self.node in admin.list_topics(timeout=2).brokers
        except KafkaException:
            return False

    def _quorum(self) -> dict[str, str]:
        if self.voters:
            return {"controller.quorum.voters": ",".join(self.voters)}
        return {"controller.quorum.bootstrap.servers": f"{LOOPBACK}:{self.controller_port}"}

    @property
    def _data(self) -> Path:
        return self.state.absolute() / "data"

    @property
    def _config(self) -> Path:
        return self.state.absolute() / "server.properties"

    def _java(self) -> list[str]:
        # The quick compiler alone, and the collector without threads: two fifths less work until the broker is up,
        # and one machine's load asks for no more. No shell: the star is for Java to expand.
        lean = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Xmx{self.heap_mb}m", "-Xms128m"]
        if (archive := self.jars / ARCHIVE).exists():
            lean.append(f"-XX:SharedArchiveFile={archive}")
        return ["java", *lean, f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", f"{self.jars}/*"]
