"""Answers of Kafka and MongoDB that get lost on the way: it has happened or not, and nobody may count twice or not at all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.fault_link import FaultLink, is_kafka_produce, is_mongo_commit
from tests.support.rig import Rig
from tests.support.services import Services
from tests.support.site import Site, single
from tests.support.sites import workspace_on
from tests.support.workspace import Workspace


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = single(tmp_path_factory.mktemp("site"))
    yield found
    found.close()


@pytest.fixture
def linked(site: Site, tmp_path: Path) -> Iterator[Workspace]:
    with workspace_on(site, tmp_path) as workspace:
        yield workspace


@pytest.mark.parametrize(
    ("link", "matches"), [("kafka-1", is_kafka_produce), ("mongo-1", is_mongo_commit)], ids=["produce", "commit"]
)
def test_lost_answers_change_nothing(
    linked: Workspace, services: Services, site: Site, link: str, matches: Callable[[bytes], bool]
) -> None:
    rig = Rig.start(linked, services, aggregators=1)
    between: FaultLink = site.links[link]
    with rig.load() as load:
        load.wait_replies(20)
        for nth in (1, 2, 3, 1, 2):
            swallow = between.swallow(matches, nth)
            assert swallow.eaten.wait(60)
            load.wait_replies(10)
        between.refuse()  # away for a while, and what was under way is cut
        load.wait_replies(40)
        between.heal()
        eventually(rig.aggregators[0].is_ready, 60)
        load.wait_replies(20)
    assert load.ledger.unanswered == []
    rig.assert_exact(load)
    assert rig.aggregators[0].exit_code() is None
