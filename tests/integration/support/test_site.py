"""Whoever uses a site's addresses is cut off by its links, and by nothing else, and comes back when they pass."""

from collections.abc import Iterator
from pathlib import Path

import pymongo
import pytest
from pymongo.errors import PyMongoError

from tests.support.eventually import eventually
from tests.support.evidence import ends_of
from tests.support.fault_link import is_kafka_produce, is_mongo_commit
from tests.support.one_record import OneRecord
from tests.support.services import Services
from tests.support.site import Site, single
from tests.support.sites import workspace_on
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = single(tmp_path_factory.mktemp("site"))
    try:
        yield site
    finally:
        site.close()


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    yield shared_site
    shared_site.heal()


@pytest.fixture
def workspace(site: Site, services: Services, tmp_path: Path) -> Iterator[Workspace]:
    with workspace_on(site, tmp_path, partitions=2) as workspace:
        services.init(workspace)
        yield workspace


def write(workspace: Workspace, number: int) -> None:
    with workspace.client.start_session() as session, session.start_transaction():
        workspace.documents["x"].insert_one({"_id": number}, session=session)


def test_clients_are_led_to_the_links(site: Site, workspace: Workspace) -> None:
    admin = workspace.admin()
    brokers = admin.list_topics(timeout=10).brokers.values()
    assert [broker.port for broker in brokers] == [site.links["kafka-1"].port]
    write(workspace, 1)
    assert workspace.client.nodes == {("127.0.0.1", site.links["mongo-1"].port)}


def test_a_broken_link_stops_records_until_it_heals(site: Site, workspace: Workspace) -> None:
    site.links["kafka-1"].refuse()
    sent = OneRecord(workspace, timeout_ms=1500)
    eventually(sent.reported)
    assert sent.reports[0] is not None
    site.links["kafka-1"].heal()
    again = OneRecord(workspace)
    eventually(again.reported)
    assert again.reports == [None]


def test_a_broken_link_stops_transactions_until_it_heals(site: Site, workspace: Workspace) -> None:
    write(workspace, 1)
    site.links["mongo-1"].refuse()
    with pymongo.timeout(2), pytest.raises(PyMongoError):
        write(workspace, 2)
    site.links["mongo-1"].heal()
    write(workspace, 3)


def test_a_record_whose_answer_was_lost_is_written_once(site: Site, workspace: Workspace) -> None:
    swallowed = site.links["kafka-1"].swallow(is_kafka_produce)
    sent = OneRecord(workspace)
    eventually(sent.reported)
    assert swallowed.eaten.is_set()
    assert sent.reports == [None]
    assert ends_of(workspace)[0] == 1


def test_a_commit_whose_answer_was_lost_is_committed_again(site: Site, workspace: Workspace) -> None:
    swallowed = site.links["mongo-1"].swallow(is_mongo_commit)
    write(workspace, 1)
    assert swallowed.eaten.is_set()
    assert workspace.documents["x"].count_documents({}) == 1


def test_a_primary_that_stepped_down_is_one_again(site: Site, workspace: Workspace) -> None:
    site.step_down()
    assert site.primary() == "mongo-1"
    write(workspace, 1)


def test_everything_that_was_broken_is_healed(site: Site, workspace: Workspace) -> None:
    site.brokers["kafka-1"].kill()
    site.members["mongo-1"].kill()
    for link in site.links.values():
        link.refuse()
    site.members["mongo-1"].begin_start()  # as it finds itself past its link
    site.heal()
    assert site.leader_of(workspace.name, 0) == site.controller() == "kafka-1"
    write(workspace, 1)
