"""A workspace on a site of its own, instead of on the servers that all tests share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.support.site import Site
from tests.support.workspace import Workspace, unique_name


@contextmanager
def workspace_on(site: Site, folder: Path, partitions: int = 6) -> Iterator[Workspace]:
    """A workspace whose every client, a service's or a test's, comes through the links; the site ends with its data."""
    with MongoClient[dict[str, Any]](site.mongo_uri, serverSelectionTimeoutMS=30_000, tz_aware=True) as client:
        yield Workspace(
            site.bootstrap_servers,
            site.mongo_uri,
            unique_name(),
            partitions,
            folder,
            client,
            site.partitions_replication,
        )
