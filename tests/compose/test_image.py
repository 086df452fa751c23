"""That the image holds all that the compose files run in it, belongs to the same user, and names no registry."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.files import FILES, REPO, document, environment, service, services, source_of, target_of

DOCKERFILE = (REPO / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
PROCESSES = [(name, key) for name in FILES for key in services(name) if "build" in service(name, key)]
OURS = {path.parent.name for path in REPO.glob("*/__init__.py")}


def _instructions(word: str) -> list[str]:
    return [line.partition(" ")[2].strip() for line in DOCKERFILE.splitlines() if line.startswith(f"{word} ")]


def _copied() -> set[str]:
    """Folders of the project that the image gets."""
    return {words.split()[0].rstrip("/") for words in _instructions("COPY") if not words.startswith("--")} - {
        "requirements/runtime.txt"
    }


def _imports(folder: Path) -> Iterator[str]:
    for module in folder.glob("**/*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield str(node.module).partition(".")[0]


def test_image_holds_whatever_its_packages_import() -> None:
    needed = {name for folder in _copied() for name in _imports(REPO / folder)} & OURS
    assert needed <= _copied()


@pytest.mark.parametrize(("name", "key"), PROCESSES)
def test_command_is_a_package_of_the_image(name: str, key: str) -> None:
    package = service(name, key)["command"][0]
    assert package in _copied()
    assert _instructions("ENTRYPOINT") == ['["python", "-m"]']
    assert "entrypoint" not in service(name, key)


@pytest.mark.parametrize(("name", "key"), PROCESSES)
def test_container_runs_as_the_user_of_the_image(name: str, key: str) -> None:
    assert _instructions("USER") == [service(name, key)["user"]]
    uid, gid = service(name, key)["user"].split(":")
    assert f"--uid {uid} " in DOCKERFILE
    assert f"--gid {gid} " in DOCKERFILE


@pytest.mark.parametrize("name", FILES)
def test_spool_lies_in_a_volume_that_its_user_may_write(name: str) -> None:
    folder = environment(name, "proxy")["PROXY__SPOOL_DIR"]
    volumes = {target_of(volume): source_of(volume) for volume in service(name, "proxy")["volumes"]}
    assert volumes[folder] == "spool"
    assert re.search(rf"install -d -o packstats -g packstats -m 0700 {folder}\b", DOCKERFILE)


def test_base_is_pinned_and_named_without_a_registry() -> None:
    bases = {words.split()[0] for words in _instructions("FROM")}
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", base) for base in bases)
    assert len(bases) == 1


def test_only_reviewed_wheels_are_installed() -> None:
    assert "--require-hashes" in DOCKERFILE
    assert "--only-binary=:all:" in DOCKERFILE
    assert "http" not in DOCKERFILE


@pytest.mark.parametrize(("name", "key"), PROCESSES)
def test_image_has_the_version_of_the_project(name: str, key: str) -> None:
    version = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert service(name, key)["image"] == f"packstats:{version}"


def test_builder_gets_what_is_copied_and_no_more() -> None:
    lines = (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    stages = [path.read_text(encoding="utf-8") for path in REPO.glob("study/stages/*/docker-compose.yml")]
    of_stages = {
        source.rstrip("/")
        for text in stages
        for line in re.findall(r"^ +COPY (.+)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == {
        *_copied(),
        "requirements/runtime.txt",
        *of_stages,
    }


@pytest.mark.parametrize("name", FILES)
def test_every_process_of_the_pipeline_is_deployed(name: str) -> None:
    commands = {service(name, key)["command"][0] for file, key in PROCESSES if file == name}
    assert commands == {"admin", "proxy", "aggregator", "sandbox"}
    assert service(name, "sandbox")["profiles"] == ["sandbox"]
    assert service(name, "aggregator")["deploy"]["replicas"] == 2
    assert document(name)["services"].keys() >= {"secrets", "mongo-init"}
