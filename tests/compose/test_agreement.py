"""That the compose files say what the code says: settings, ports, versions, deadlines, numbers of replicas."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

import admin.schema
import admin.settings
import aggregator.consumer
import aggregator.settings
import local.kafka
import local.mongod
import proxy.settings
import sandbox.settings
from common.settings import ProcessSettings, load, rows
from common.topic import min_insync_replicas
from tests.compose.files import FILES, REPO, environment, named, seconds, service, source_of, target_of

MODELS: dict[str, type[ProcessSettings]] = {
    "init": admin.settings.Settings,
    "proxy": proxy.settings.Settings,
    "aggregator": aggregator.settings.AggregatorSettings,
    "sandbox": sandbox.settings.Settings,
}
DATABASE_ATTEMPT_S = 3.0

every_file = pytest.mark.parametrize("name", FILES)
every_process = pytest.mark.parametrize("key", MODELS)


def _settings(name: str, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ProcessSettings:
    """What the process makes of its environment in the container, with a file where the address of MongoDB is kept."""
    for variable in [variable for variable in os.environ if "__" in variable]:
        monkeypatch.delenv(variable)
    given = environment(name, key)
    if "MONGO__URI_FILE" in given:
        address = tmp_path / "mongo-uri"
        address.write_text("mongodb://packstats:secret@mongo:27017/?replicaSet=rs0&authSource=admin\n")
        given["MONGO__URI_FILE"] = str(address)
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    return load(MODELS[key])


@every_file
@every_process
def test_process_takes_its_environment(name: str, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = _settings(name, key, monkeypatch, tmp_path)
    mongo = found.model_dump().get("mongo")
    assert (mongo is None) is (key == "sandbox")
    assert mongo is None or mongo["uri"].startswith("mongodb://packstats:secret@")


@every_file
@every_process
def test_every_variable_is_a_setting(name: str, key: str) -> None:
    known = {row.name for row in rows(MODELS[key])}
    given = {variable.removesuffix("_FILE") for variable in service(name, key)["environment"]}
    assert given <= known


@every_file
def test_services_reach_every_broker_and_every_member(name: str) -> None:
    brokers, members = named(name, "kafka"), named(name, "mongo")
    for key in ("init", "proxy", "aggregator"):
        assert environment(name, key)["KAFKA__BOOTSTRAP_SERVERS"] == ",".join(f"{broker}:9092" for broker in brokers)
    for key in ("secrets", "mongo-init"):
        assert environment(name, key)["MONGO_MEMBERS"] == ",".join(f"{member}:27017" for member in members)
        assert environment(name, key)["MONGO_DATABASE"] == environment(name, "init")["MONGO__DATABASE"]
    assert service(name, "mongo-init")["network_mode"] == f"service:{members[0]}"
    for key in (*brokers, *members):
        assert service(name, key)["hostname"] == key


@every_file
def test_brokers_are_one_cluster(name: str) -> None:
    brokers = named(name, "kafka")
    voters = ",".join(f"{number}@{broker}:9093" for number, broker in enumerate(brokers, 1))
    for number, broker in enumerate(brokers, 1):
        given = environment(name, broker)
        assert given["KAFKA_NODE_ID"] == str(number)
        assert given["KAFKA_CONTROLLER_QUORUM_VOTERS"] == voters
        assert given["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{broker}:9092"
        assert given["CLUSTER_ID"] == environment(name, brokers[0])["CLUSTER_ID"]
        assert given["KAFKA_LOG_DIRS"] in {target_of(volume) for volume in service(name, broker)["volumes"]}


@every_file
def test_replication_is_the_number_of_brokers(name: str) -> None:
    replication = len(named(name, "kafka"))
    for key in ("init", "proxy", "aggregator"):
        assert environment(name, key)["KAFKA__REPLICATION"] == str(replication)
    for broker in named(name, "kafka"):
        given = environment(name, broker)
        factors = {value for variable, value in given.items() if variable.endswith("REPLICATION_FACTOR")}
        assert factors == {str(replication)}
        least = {value for variable, value in given.items() if variable.endswith(("MIN_ISR", "MIN_INSYNC_REPLICAS"))}
        assert least == {str(min_insync_replicas(replication))}


@every_file
def test_brokers_are_configured_like_the_one_that_is_tested_with(name: str) -> None:
    tested = local.kafka.Kafka(state=Path("x"), jars=Path("x"), port=1, controller_port=2).properties()
    wanted = dict(line.split("=", maxsplit=1) for line in tested.splitlines())
    same = [*local.kafka.GROUP_SETTINGS, "auto.create.topics.enable", "unclean.leader.election.enable"]
    for broker in named(name, "kafka"):
        given = environment(name, broker)
        for setting in same:
            assert given["KAFKA_" + setting.upper().replace(".", "_")] == wanted[setting], setting
        assert service(name, broker)["image"] == f"apache/kafka:{local.kafka.VERSION}"


@every_file
def test_database_is_configured_like_the_one_that_is_tested_with(name: str) -> None:
    tested = local.mongod.Mongod(state=Path("x"), program=Path("x"), port=1).command()
    limit = next(word for word in tested if word.startswith("transactionLifetimeLimitSeconds="))
    for member in named(name, "mongo"):
        command = service(name, member)["command"]
        assert f"--setParameter={limit}" in command
        assert f"--replSet={environment(name, 'mongo-init')['MONGO_REPLICA_SET']}" in command
        keyfile = next(word.partition("=")[2] for word in command if word.startswith("--keyFile="))
        folders = {target_of(volume): source_of(volume) for volume in service(name, member)["volumes"]}
        assert folders[str(Path(keyfile).parent)] == "mongo-secrets"


@every_file
def test_init_script_is_given_all_that_it_reads(name: str) -> None:
    script = (REPO / "mongo-init" / "init.js").read_text(encoding="utf-8")
    assert set(re.findall(r"process\.env\.(\w+)", script)) <= environment(name, "mongo-init").keys()
    assert set(re.findall(r"__dirname}/([\w.]+)", script)) == {admin.schema.DECLARATION.name}
    assert service(name, "mongo-init")["entrypoint"][-1] == "/mongo-init/init.js"


@every_file
def test_a_stop_ends_before_the_engine_kills(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = _settings(name, "proxy", monkeypatch, tmp_path)
    assert isinstance(settings, proxy.settings.Settings)
    grace = seconds(service(name, "proxy")["stop_grace_period"])
    assert grace > settings.proxy.grace_s >= settings.proxy.upstream_timeout_s + 10
    # A turn of the loop may be in a database attempt when the signal comes; then what is folded is written.
    grace = seconds(service(name, "aggregator")["stop_grace_period"])
    assert grace > DATABASE_ATTEMPT_S + aggregator.consumer.DRAIN_S


@every_file
@pytest.mark.parametrize("key", ["proxy", "aggregator", "sandbox"])
def test_health_check_asks_the_port_and_a_path_of_the_process(name: str, key: str) -> None:
    script = service(name, key)["healthcheck"]["test"][-1]
    found = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)'", script)
    assert found
    prefix = key.upper()
    assert found[1] == environment(name, key)[f"{prefix}__PORT"]
    assert environment(name, key)[f"{prefix}__HOST"] == "0.0.0.0"
    assert found[2] in _strings(key), "no module of the process has such a path"
    assert seconds(service(name, key)["healthcheck"]["timeout"]) > float(script.rpartition("timeout=")[2].rstrip(")"))


def _strings(package: str) -> set[str]:
    trees = [ast.parse(module.read_text(encoding="utf-8")) for module in (REPO / package).glob("*.py")]
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {node.value for node in nodes if isinstance(node.value, str)}


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.rpartition("/")[2]))
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing: the answers are what is tested."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Answering)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
def test_health_check_fails_where_the_process_is_not_well(port: int, status: int, healthy: bool) -> None:
    program, *arguments, script = service(FILES[0], "proxy")["healthcheck"]["test"][1:]
    assert program == "python"
    asked = re.sub(r":\d+/\w+'", f":{port}/{status}'", script)
    done = subprocess.run(
        [sys.executable, *arguments, asked], check=False, capture_output=True, env=_plain_environment()
    )
    assert (done.returncode == 0) is healthy


def _plain_environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
