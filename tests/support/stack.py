"""Fixtures of the real servers, started once per run, and of what each test has to itself."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.support.servers import (
    Server,
    container_kafka,
    container_mongo,
    docker_answers,
    local_kafka,
    local_mongo,
)
from tests.support.services import Services
from tests.support.workspace import Workspace, unique_name

_PREFIXES = ("KAFKA__", "MONGO__", "PROXY__", "AGGREGATOR__", "SANDBOX__", "LOCAL__", "ADMIN__")
_SERVICES = pytest.StashKey[Services]()
MakeWorkspace = Callable[..., Workspace]


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No setting of the developer's own shell reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_PREFIXES)]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def in_containers() -> bool:
    return docker_answers()


@pytest.fixture(scope="session")
def shared_kafka(tmp_path_factory: pytest.TempPathFactory, in_containers: bool) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("kafka")
    server, end = container_kafka(folder) if in_containers else local_kafka(folder)
    try:
        server.start()
        yield server
    finally:
        end()


@pytest.fixture(scope="session")
def shared_mongo(tmp_path_factory: pytest.TempPathFactory, in_containers: bool) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mongodb")
    server, end = container_mongo(folder) if in_containers else local_mongo(folder)
    try:
        server.start()
        yield server
    finally:
        end()


@pytest.fixture
def kafka(shared_kafka: Server) -> Iterator[Server]:
    """The broker of this run; whatever a test does to it is made good afterwards."""
    yield shared_kafka
    shared_kafka.heal()


@pytest.fixture
def mongo(shared_mongo: Server) -> Iterator[Server]:
    """The database of this run; whatever a test does to it is made good afterwards."""
    yield shared_mongo
    shared_mongo.heal()


@pytest.fixture(scope="session")
def mongo_client(shared_mongo: Server) -> Iterator["MongoClient[dict[str, Any]]"]:
    with MongoClient[dict[str, Any]](shared_mongo.address, serverSelectionTimeoutMS=30_000, tz_aware=True) as client:
        yield client


@pytest.fixture
def make_workspace(
    kafka: Server, mongo: Server, mongo_client: "MongoClient[dict[str, Any]]", tmp_path: Path
) -> Iterator[MakeWorkspace]:
    """Makes workspaces: `make_workspace(partitions=24)`; nothing in them exists before the test makes it."""
    made: list[Workspace] = []

    def make(partitions: int = 6) -> Workspace:
        name = unique_name()
        folder = tmp_path / name
        folder.mkdir()
        made.append(Workspace(kafka.address, mongo.address, name, partitions, folder, mongo_client))
        return made[-1]

    yield make
    kafka.heal()
    mongo.heal()
    for workspace in made:
        workspace.drop()


@pytest.fixture
def workspace(make_workspace: MakeWorkspace) -> Workspace:
    """A workspace of six partitions."""
    return make_workspace()


@pytest.fixture
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Services]:
    """Starts services as subprocesses: `services.proxy(workspace, sandbox.url)`."""
    started = Services(tmp_path)
    request.node.stash[_SERVICES] = started
    try:
        yield started
    finally:
        started.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of every service's log with a failed test."""
    report = yield
    services = item.stash.get(_SERVICES, None)
    if report.failed and services is not None:
        for service in services.started:
            report.sections.append((f"log of {service.name}", service.log_text()[-6000:]))
    return report
