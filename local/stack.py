"""What the local stack consists of: each part's command, address, readiness and environment, in the order of start."""

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

import local.kafka
import local.kafka_archive
import local.mongod
from local.kafka import Kafka
from local.mongod import Mongod
from local.ports import PortBook
from local.process import Part
from local.settings import LocalSettings
from local.state import Endpoint, StateDir


@dataclass(slots=True)
class Stack:
    """Parts to run here, and those that somebody else runs."""

    parts: list[Part] = field(default_factory=list)
    elsewhere: list[Endpoint] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)  # where the services find Kafka and MongoDB


def prepare(settings: LocalSettings, console: Console) -> tuple[Path | None, Path | None]:
    """Fetch what is to be run and is not there yet: the folder of Kafka's jars, and mongod; None if not needed."""
    jars = None
    if not _kafka_given(settings):
        jars = local.kafka.prepare(settings.local.cache_dir, console)
        local.kafka_archive.prepare(jars, console)
    mongod = settings.local.mongod
    program = None if _mongo_given(settings) else local.mongod.prepare(mongod, settings.local.cache_dir, console)
    return jars, program


def infrastructure(settings: LocalSettings, state: StateDir, ports: PortBook, console: Console) -> Stack:
    """Kafka and MongoDB, ready to be started."""
    jars, program = prepare(settings, console)
    stack = Stack()
    if jars is None:
        _add_elsewhere(stack, "kafka", settings.kafka.bootstrap_servers)
    else:
        kafka = Kafka(state.path / "kafka", jars, ports.choose("kafka", 9092), ports.choose("kafka-controller"))
        kafka.format()
        stack.parts.append(kafka_part(kafka))
        stack.env |= {"KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "KAFKA__REPLICATION": "1"}
    if program is None:
        _add_elsewhere(stack, "mongodb", settings.mongo.uri)
    else:
        mongod = Mongod(state.path / "mongodb", program, ports.choose("mongodb", 27017))
        mongod.prepare_folder()
        stack.parts.append(mongod_part(mongod))
        stack.env["MONGO__URI"] = mongod.uri
    return stack


def kafka_part(kafka: Kafka) -> Part:
    return Part("kafka", tuple(kafka.command()), kafka.bootstrap_servers, kafka.is_ready)


def mongod_part(mongod: Mongod) -> Part:
    return Part("mongodb", tuple(mongod.command()), mongod.uri, mongod.is_ready, together=True)


def _kafka_given(settings: LocalSettings) -> bool:
    return "bootstrap_servers" in settings.kafka.model_fields_set


def _mongo_given(settings: LocalSettings) -> bool:
    return "uri" in settings.mongo.model_fields_set


def _add_elsewhere(stack: Stack, name: str, address: str) -> None:
    stack.elsewhere.append(Endpoint(name, "elsewhere", address))
