"""One proxy for the tests of its reading side; its upstream is nobody. Each test begins with an empty database."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.support.admin import admin
from tests.support.reading import Reading
from tests.support.servers import Server
from tests.support.services import Services
from tests.support.workspace import Workspace, unique_name

NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="package")
def running(
    shared_kafka: Server,
    shared_mongo: Server,
    mongo_client: "MongoClient[dict[str, Any]]",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Reading]:
    folder = tmp_path_factory.mktemp("reading")
    workspace = Workspace(shared_kafka.address, shared_mongo.address, unique_name(), 3, folder, mongo_client)
    services = Services(folder)
    try:
        assert admin(workspace, "init").code == 0
        reading = Reading(workspace, services.proxy(workspace, NOBODY))
        yield reading
        assert reading.proxy.stop() == 0
    finally:
        services.end()
        workspace.drop()


@pytest.fixture
def reading(running: Reading, mongo: Server) -> Reading:
    """The proxy and its database, with nothing counted."""
    running.clear()
    return running
