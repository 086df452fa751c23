"""Three brokers and three members do what a cluster is for, and heal; and the pipeline on them loses and doubles nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from pymongo import WriteConcern

from tests.support.eventually import eventually
from tests.support.load import Plan
from tests.support.one_record import OneRecord
from tests.support.rig import Rig
from tests.support.services import Services
from tests.support.site import Site, cluster
from tests.support.sites import workspace_on
from tests.support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
PARTITIONS = 6


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = cluster(tmp_path_factory.mktemp("site"))
    try:
        yield site
    finally:
        site.close()


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    yield shared_site
    shared_site.heal()


@pytest.fixture
def workspace(site: Site, tmp_path: Path) -> Iterator[Workspace]:
    with workspace_on(site, tmp_path, PARTITIONS) as workspace:
        yield workspace


def copies_wanted(workspace: Workspace) -> str:
    """The topic's min.insync.replicas."""
    admin: AdminClient = workspace.admin()
    resource = ConfigResource(ResourceType.TOPIC, workspace.name)
    value: str = admin.describe_configs([resource])[resource].result(20)["min.insync.replicas"].value
    return value


def leaders(site: Site, workspace: Workspace) -> list[str]:
    return [site.leader_of(workspace.name, number) for number in range(PARTITIONS)]


def write_to_the_majority(workspace: Workspace, number: int) -> None:
    majority = WriteConcern("majority", wtimeout=20_000)
    eventually(lambda: workspace.documents.get_collection("x", write_concern=majority).insert_one({"n": number}), 60)


def test_another_broker_leads_and_records_go_on(site: Site, services: Services, workspace: Workspace) -> None:
    services.init(workspace)
    assert copies_wanted(workspace) == "2"
    killed = site.leader_of(workspace.name, 0)
    site.brokers[killed].kill()
    record = OneRecord(workspace)
    eventually(record.reported, 60)
    assert record.reports == [None]
    assert site.leader_of(workspace.name, 0) != killed
    site.heal()
    before = leaders(site, workspace)
    site.move_leaders(workspace.name)
    eventually(lambda: all(one != other for one, other in zip(leaders(site, workspace), before, strict=True)))


def test_a_frozen_controller_is_replaced(site: Site) -> None:
    frozen = site.controller()
    site.brokers[frozen].freeze()
    eventually(lambda: site.controller() != frozen, 60)
    site.brokers[frozen].thaw()


def test_another_member_is_primary_and_writes_go_on(site: Site, workspace: Workspace) -> None:
    for fault in (Site.step_down, kill_primary, freeze_primary, cut_primary_off):
        before = site.primary()
        fault(site)
        eventually(lambda before=before: site.primary() != before, 60)  # type: ignore[misc]  # bound now
        write_to_the_majority(workspace, 1)
        site.heal()


def kill_primary(site: Site) -> None:
    site.members[site.primary()].kill()


def freeze_primary(site: Site) -> None:
    site.members[site.primary()].freeze()


def cut_primary_off(site: Site) -> None:
    site.links[site.primary()].refuse()


def test_members_that_could_not_find_themselves_are_healed(site: Site, workspace: Workspace) -> None:
    for name, member in site.members.items():
        member.kill()
        site.links[name].refuse()
        member.begin_start()
    site.heal()
    write_to_the_majority(workspace, 1)


def test_totals_are_exact_when_leader_and_primary_go(site: Site, services: Services, workspace: Workspace) -> None:
    rig = Rig.start(workspace, services)
    with rig.load(Plan(rate_per_s=15)) as load:
        load.wait_replies(20)
        site.step_down()
        load.wait_replies(30)
        site.brokers[site.leader_of(workspace.name, 0)].kill()
        site.members[site.primary()].kill()
        load.wait_replies(60)
        site.heal()
        site.move_leaders(workspace.name)
        load.wait_replies(30)
        site.brokers[site.coordinator(workspace.name)].kill()
        load.wait_replies(60)
    site.heal()
    assert load.ledger.unanswered == []
    rig.assert_exact(load)
