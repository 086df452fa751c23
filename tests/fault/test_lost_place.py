"""Members that die in the middle of a transaction, or that are given nothing although the log goes on."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from pymongo import MongoClient

from common.events import encode
from tests.support.feed import feed
from tests.support.services import Services
from tests.support.stack import MakeWorkspace
from tests.support.totals import Maker, position, quick, requests, wait_counted

LONG_S = 120


@pytest.fixture
def patient_server(mongo_client: "MongoClient[dict[str, Any]]") -> Iterator[None]:
    """A server that ends nobody's transaction by itself while a test lasts."""
    name = "transactionLifetimeLimitSeconds"
    before = mongo_client.admin.command({"getParameter": 1, name: 1})[name]
    mongo_client.admin.command({"setParameter": 1, name: LONG_S})
    yield
    mongo_client.admin.command({"setParameter": 1, name: before})


def test_what_a_killed_member_held_in_a_transaction_is_free_for_the_next_owner(
    make_workspace: MakeWorkspace, services: Services, patient_server: None
) -> None:
    workspace, maker = make_workspace(1), Maker(1)
    services.init(workspace)
    mark = workspace.folder / "mark"
    feed(workspace, [maker.pack(0)])
    dying = quick(services, workspace, wait=False, TEST__CRASH_POINT="flush.written:kill:2", TEST__CRASH_MARK=str(mark))
    wait_counted(workspace, 1)
    feed(workspace, [maker.pack(0), maker.pack(0)])
    assert dying.wait_exit() == -9
    assert requests(workspace) == 1
    # Its locks would stay for two minutes. The next owner ends its session, and folds as soon as the group lets it.
    quick(services, workspace, wait=False)
    wait_counted(workspace, 3, LONG_S / 2)
    feed(workspace, [maker.pack(0)])
    wait_counted(workspace, 4)


def test_a_member_that_is_given_nothing_although_the_log_goes_on_ends_with_75(
    make_workspace: MakeWorkspace, services: Services
) -> None:
    """Behind somebody's open transaction the broker hands nothing out."""
    workspace, maker = make_workspace(1), Maker(1)
    services.init(workspace)
    feed(workspace, [maker.pack(0)])
    aggregator = quick(services, workspace, module="tests.support.hurried_aggregator")
    wait_counted(workspace, 1)
    foreign = Producer(
        {"bootstrap.servers": workspace.bootstrap_servers, "transactional.id": workspace.name, "log_level": 0}
    )
    foreign.init_transactions(30)
    foreign.begin_transaction()
    foreign.produce(workspace.name, encode(maker.pack(0)), b"key", 0)
    assert foreign.flush(30) == 0
    feed(workspace, [maker.pack(0)])

    assert aggregator.wait_exit() == 75
    assert aggregator.log_text().count('"event": "fetching anew"') == 3
    assert (requests(workspace), position(workspace)["next_offset"]) == (1, 1)
    foreign.commit_transaction(30)
    quick(services, workspace, wait=False)
    wait_counted(workspace, 3)
