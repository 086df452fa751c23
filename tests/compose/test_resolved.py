"""Both compose files through compose-go, the library behind docker compose: they load, and mean what the other tests read.

Needs Go. Where it is not installed these tests are skipped and say so: the files can then be looked at with
`docker compose config` alone.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.compose.files import CLUSTER, FILES, REPO, SINGLE, services, source_of, target_of

CHECK = Path(__file__).parent / "check"
GO = shutil.which("go", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/go/bin"]))

pytestmark = pytest.mark.skipif(GO is None, reason="go is not installed: compose-go has not seen the compose files")


def _environment(**own: str) -> Mapping[str, str]:
    """This one without what the compose files would take from it."""
    ours = ("PACKSTATS_", "COMPOSE_", "PROXY__", "AGGREGATOR__", "SANDBOX__", "KAFKA_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"GOFLAGS": "-mod=readonly -buildvcs=false"} | own


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("check") / "check"
    assert GO is not None
    command = [GO, "build", "-o", str(program), "."]
    done = subprocess.run(command, cwd=CHECK, check=False, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


def _run(check: Path, *files: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(check), *map(str, files)]
    return subprocess.run(command, check=False, env=_environment(**environment), capture_output=True, text=True)


def _resolved(check: Path, name: str, **environment: str) -> dict[str, Any]:
    done = _run(check, REPO / name, **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", FILES)
def test_file_means_what_the_other_tests_read(check: Path, name: str) -> None:
    found = _resolved(check, name)["services"]
    assert found.keys() == services(name).keys()
    for key, read in services(name).items():
        resolved = found[key]
        for field in (
            "image",
            "user",
            "read_only",
            "cap_drop",
            "security_opt",
            "restart",
            "tmpfs",
            "profiles",
            "hostname",
        ):
            assert resolved.get(field) == read.get(field), (key, field)
        assert (resolved.get("command") or []) == read.get("command", []), key
        assert (resolved.get("entrypoint") or []) == read.get("entrypoint", []), key
        assert set(resolved.get("networks") or ()) == set(read.get("networks", ())), key
        assert resolved.get("depends_on", {}).keys() == read.get("depends_on", {}).keys(), key
        assert resolved.get("environment", {}).keys() == read.get("environment", {}).keys(), key
        mounts = {volume["target"]: volume["source"] for volume in resolved.get("volumes", ())}
        assert mounts.keys() == {target_of(volume) for volume in read.get("volumes", ())}, key
        for volume in read.get("volumes", ()):
            source = source_of(volume)
            assert mounts[target_of(volume)] == (str(REPO / source) if source.startswith(".") else source), key


@pytest.mark.parametrize("name", FILES)
def test_environment_is_merged_value_by_value(check: Path, name: str) -> None:
    found = _resolved(check, name)["services"]
    for key, read in services(name).items():
        for variable, value in read.get("environment", {}).items():
            if value is None or not value.startswith("${"):
                assert found[key]["environment"][variable] == value, (key, variable)


def test_proxy_listens_on_loopback_unless_told(check: Path) -> None:
    (port,) = _resolved(check, SINGLE)["services"]["proxy"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8080", 8080)
    (port,) = _resolved(check, SINGLE, PACKSTATS_PUBLISH="0.0.0.0:80")["services"]["proxy"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("0.0.0.0", "80", 8080)


def test_deployer_sets_what_is_left_open(check: Path) -> None:
    own = {"PROXY__ADMIN_TOKEN": "secret", "PROXY__UPSTREAM_URL": "http://sandbox:8090/"}
    for name in (SINGLE, CLUSTER):
        given = _resolved(check, name, **own)["services"]["proxy"]["environment"]
        assert own.items() <= given.items()
        assert given["PROXY__HASH_KEY"] is None


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("services: {a: {image: x, depends_on: [b]}}", "undefined service"),
        ("services: {a: {image: x, volumes: ['data:/data']}}", "undefined volume"),
        ("services: {a: {image: x, restrat: always}}", "restrat"),
        ("services: {a: {}}", "neither an image nor a build"),
    ],
)
def test_a_wrong_file_is_refused(check: Path, tmp_path: Path, wrong: str, named: str) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(wrong)
    done = _run(check, file)
    assert done.returncode == 1
    assert named in done.stderr
