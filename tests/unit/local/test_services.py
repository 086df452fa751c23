"""What the local stack is made of, for each way in which parts of it are given from outside."""

from pathlib import Path

import pytest
from rich.console import Console

import local.kafka
import local.mongod
from common.errors import SettingsError, StartupError
from common.settings import load
from local import ports, services, stack
from local.kafka import Kafka
from local.mongod import Mongod
from local.ports import PortBook
from local.process import Part
from local.settings import LocalSettings
from local.stack import Stack
from local.state import StateDir


@pytest.fixture(autouse=True)
def _outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka and MongoDB are elsewhere and every port is free, unless a test says otherwise."""
    monkeypatch.setenv("KAFKA__BOOTSTRAP_SERVERS", "kafka.example:9092")
    monkeypatch.setenv("MONGO__URI", "mongodb://mongo.example/?replicaSet=rs0")
    monkeypatch.setattr(ports, "is_free", lambda _: True)


def composed(folder: Path) -> Stack:
    book = PortBook(folder / "ports.json")
    return services.everything(load(LocalSettings), StateDir(folder), book, Console(quiet=True))


def part(stack_: Stack, name: str) -> Part:
    return next(part for part in stack_.parts if part.name == name)


def test_services_start_in_the_order_in_which_they_need_each_other(tmp_path: Path) -> None:
    names = [part.name for part in composed(tmp_path).parts]
    assert names == ["sandbox", "init", "proxy", "aggregator-1", "aggregator-2"]


def test_servers_that_are_given_are_named_and_not_started(tmp_path: Path) -> None:
    found = composed(tmp_path)
    assert [(part.name, part.state, part.address, part.pid) for part in found.elsewhere] == [
        ("kafka", "elsewhere", "kafka.example:9092", None),
        ("mongodb", "elsewhere", "mongodb://mongo.example/?replicaSet=rs0", None),
    ]
    assert "KAFKA__REPLICATION" not in found.env  # theirs is not known here


def test_servers_that_are_not_given_come_first_and_the_services_are_led_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAFKA__BOOTSTRAP_SERVERS")
    monkeypatch.delenv("MONGO__URI")
    monkeypatch.setattr(stack, "prepare", lambda *_: (Path("/jars"), Path("/mongod")))
    monkeypatch.setattr(Kafka, "format", lambda _: None)
    monkeypatch.setattr(Mongod, "prepare_folder", lambda _: None)
    found = composed(tmp_path)
    assert [part.name for part in found.parts][:3] == ["kafka", "mongodb", "sandbox"]
    for name in ("init", "proxy", "aggregator-1"):
        env = part(found, name).env
        assert env["KAFKA__BOOTSTRAP_SERVERS"] == "127.0.0.1:9092"
        assert env["KAFKA__REPLICATION"] == "1"
        assert env["MONGO__URI"] == "mongodb://127.0.0.1:27017/?replicaSet=rs0"


def test_topic_alone_does_not_count_as_a_kafka_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA__BOOTSTRAP_SERVERS")
    monkeypatch.setenv("KAFKA__TOPIC", "mine")
    monkeypatch.delenv("MONGO__URI")
    monkeypatch.setenv("MONGO__DATABASE", "mine")
    monkeypatch.setattr(local.kafka, "prepare", lambda *_: Path("/jars"))
    monkeypatch.setattr(local.mongod, "prepare", lambda *_: Path("/mongod"))
    assert stack.prepare(load(LocalSettings), Console(quiet=True)) == (Path("/jars"), Path("/mongod"))


def test_packs_go_to_the_sandbox_and_the_spool_lies_with_the_other_data(tmp_path: Path) -> None:
    found = composed(tmp_path)
    env = part(found, "proxy").env
    assert env["PROXY__UPSTREAM_URL"] == "http://127.0.0.1:8090/"
    assert env["PROXY__SPOOL_DIR"] == str(tmp_path / "spool")
    assert part(found, "proxy").address == "http://127.0.0.1:8080"


def test_given_upstream_makes_the_sandbox_superfluous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY__UPSTREAM_URL", "https://api.paccurate.io/")
    found = composed(tmp_path)
    assert [part.name for part in found.parts][:2] == ["init", "proxy"]
    assert found.elsewhere[-1].address == "https://api.paccurate.io/"


def test_every_aggregator_has_a_port_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL__AGGREGATORS", "3")
    found = composed(tmp_path)
    assert [part.env["AGGREGATOR__PORT"] for part in found.parts[3:]] == ["9102", "9103", "9104"]


def test_proxy_port_is_not_exchanged_and_nothing_is_fetched_before_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port != 8080)
    monkeypatch.setattr(stack, "prepare", lambda *_: pytest.fail("fetched"))
    with pytest.raises(StartupError, match="port 8080 is taken"):
        composed(tmp_path)


def test_sandbox_keeps_out_of_the_way_of_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY__PORT", "8090")
    found = composed(tmp_path)
    assert part(found, "sandbox").address != part(found, "proxy").address


def test_proxy_is_given_longer_to_stop_than_it_gives_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY__GRACE_S", "90")
    assert part(composed(tmp_path), "proxy").stop_within_s > 90


def test_wrong_setting_of_a_service_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGGREGATOR__FLUSH_INTERVAL_S", "never")
    with pytest.raises(SettingsError, match="AGGREGATOR__FLUSH_INTERVAL_S"):
        composed(tmp_path)
