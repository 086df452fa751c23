"""Kafka and MongoDB of the project's local stack, which share the memory that one server of the study gets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

import local.kafka
from local.kafka import Kafka
from local.ports import PortBook
from local.settings import LocalSettings
from local.stack import kafka_part
from study.servers import mongodb
from study.servers.parts import started
from study.servers.running import Running

# Of 2 GiB in all: both need about as much again besides.
KAFKA_HEAP_MB = 512
MONGODB_CACHE_GB = 0.5


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """Start both on data in `folder`, which stay there: with the same folder it is the same log and database again."""
    jars = local.kafka.prepare(LocalSettings().local.cache_dir, Console(stderr=True))
    state = folder / "kafka"
    state.mkdir(parents=True, exist_ok=True)
    ports = PortBook(state / "ports.json")
    kafka = Kafka(state, jars, ports.choose("kafka"), ports.choose("controller"), KAFKA_HEAP_MB)
    kafka.format()
    with (
        started(kafka_part(kafka), folder / "kafka.log") as process,
        mongodb.running(folder / "mongodb", MONGODB_CACHE_GB) as mongo,
    ):
        yield Running(f"kafka://{kafka.bootstrap_servers} {mongo.url}", (process.pid, *mongo.pids))
