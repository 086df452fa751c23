"""The whole pipeline, started once for all tests of this folder; a test is alone with a keystem of its own."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.support.facility import Facility
from tests.support.pipeline import Pipeline
from tests.support.servers import Server
from tests.support.services import Services
from tests.support.upstream import RecordingUpstream, recording_upstream
from tests.support.workspace import Workspace, unique_name

_STARTED = pytest.StashKey[Services]()


@pytest.fixture(scope="package")
def pipeline(
    request: pytest.FixtureRequest,
    shared_kafka: Server,
    shared_mongo: Server,
    mongo_client: "MongoClient[dict[str, Any]]",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pipeline]:
    """Sandbox, proxy and aggregator before real Kafka and MongoDB."""
    name = unique_name()
    folder = tmp_path_factory.mktemp("contract")
    workspace = Workspace(shared_kafka.address, shared_mongo.address, name, 6, folder, mongo_client)
    services = request.session.stash[_STARTED] = Services(folder)
    try:
        with recording_upstream() as double:
            yield Pipeline.start(workspace, services, double)
    finally:
        services.end()
        workspace.drop()


@pytest.fixture
def facility(pipeline: Pipeline) -> Facility:
    """A facility that nothing was counted of yet, before the proxy whose upstream is the sandbox."""
    return Facility(pipeline.proxy.url)


@pytest.fixture
def double(pipeline: Pipeline) -> RecordingUpstream:
    """The upstream of `pipeline.passing`, as new."""
    pipeline.double.reset()
    return pipeline.double


@pytest.fixture
def passing(pipeline: Pipeline, double: RecordingUpstream) -> Facility:
    """A facility before the proxy whose upstream is the recording double."""
    return Facility(pipeline.passing.url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the pipeline's logs with a failed test."""
    report = yield
    started = item.session.stash.get(_STARTED, None)
    if report.failed and started is not None:
        for service in started.started:
            report.sections.append((f"log of the pipeline's {service.name}", service.log_text()[-3000:]))
    return report
