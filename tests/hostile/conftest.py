"""The whole pipeline, started once for the tests of this folder that go through all of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.support.facility import Facility
from tests.support.pipeline import Pipeline
from tests.support.servers import Server
from tests.support.services import Services
from tests.support.upstream import RecordingUpstream, recording_upstream
from tests.support.workspace import Workspace, unique_name


@pytest.fixture(scope="package")
def pipeline(
    shared_kafka: Server,
    shared_mongo: Server,
    mongo_client: "MongoClient[dict[str, Any]]",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("hostile")
    workspace = Workspace(shared_kafka.address, shared_mongo.address, unique_name(), 6, folder, mongo_client)
    services = Services(folder)
    try:
        with recording_upstream() as double:
            yield Pipeline.start(workspace, services, double)
    finally:
        services.end()
        workspace.drop()


@pytest.fixture
def double(pipeline: Pipeline) -> RecordingUpstream:
    """The upstream of `pipeline.passing`, as new."""
    pipeline.double.reset()
    return pipeline.double


@pytest.fixture
def passing(pipeline: Pipeline, double: RecordingUpstream) -> Facility:
    """A facility before the proxy whose upstream is the recording double."""
    return Facility(pipeline.passing.url)
