"""What can become of the log while members run: each time one partition stops with an alarm and the others go on."""

import pytest
from bson import Int64
from confluent_kafka import Producer
from confluent_kafka.cimpl import NewPartitions

from common import progress
from common.events import encode
from tests.support.admin import admin
from tests.support.eventually import eventually
from tests.support.feed import feed, feed_values
from tests.support.retention import expire
from tests.support.rig import outage
from tests.support.services import Services
from tests.support.stack import MakeWorkspace
from tests.support.totals import Maker, position, quick, sample, wait_counted, wait_stopped
from tests.support.workspace import Workspace


@pytest.fixture
def two(make_workspace: MakeWorkspace, services: Services) -> Workspace:
    """A workspace of two partitions."""
    workspace = make_workspace(2)
    services.init(workspace)
    return workspace


def test_retention_that_passes_a_member_stops_one_partition_until_an_operator_says_so(
    two: Workspace, services: Services
) -> None:
    maker = Maker(2)
    aggregator = quick(services, two)
    feed(two, [maker.pack(0), maker.pack(0), maker.pack(1)])
    wait_counted(two, 3)
    aggregator.freeze()
    outage(1)  # until what it had asked of the broker is answered, empty: nothing that expires may be in its socket
    feed(two, [*(maker.pack(0) for _ in range(5)), maker.pack(1)])
    expire(two, 0, 5)
    aggregator.thaw()
    wait_stopped(aggregator, {"0": "gap in the log"})
    wait_counted(two, 4)
    assert not aggregator.is_ready()
    assert sample(aggregator, "packstats_partition_stopped", 'partition="0",reason="gap in the log"') == 1
    assert position(two)["next_offset"] == 2, "a silent jump"
    [line] = admin(two, "status", "--json").json["attention"]
    assert line.startswith("partition 0 is stopped: gap in the log")
    assert line.endswith("python -m admin accept-gap 0")

    assert admin(two, "accept-gap", "0", "--yes").code == 0
    wait_counted(two, 4 + 2)  # of the five, three had expired
    wait_stopped(aggregator, {})
    assert aggregator.is_ready()
    assert sample(aggregator, "packstats_partition_stopped", 'partition="0",reason="gap in the log"') is None


def test_a_hole_in_the_log_is_tried_three_times_and_then_stops_its_partition(
    two: Workspace, services: Services
) -> None:
    """Somebody else's transaction: its end takes up an offset that is never handed out."""
    maker = Maker(2)
    aggregator = quick(services, two)
    foreign = Producer({"bootstrap.servers": two.bootstrap_servers, "transactional.id": two.name, "log_level": 0})
    foreign.init_transactions(30)
    foreign.begin_transaction()
    foreign.produce(two.name, encode(maker.pack(0)), b"key", 0)
    foreign.commit_transaction(30)
    feed(two, [maker.pack(0), maker.pack(1)])
    wait_stopped(aggregator, {"0": "records missing"})
    wait_counted(two, 2)
    assert position(two)["next_offset"] == 1
    assert aggregator.log_text().count('"event": "gap"') == 3
    feed(two, [maker.pack(1)])
    wait_counted(two, 3)

    assert admin(two, "accept-gap", "0", "--yes").code == 0
    wait_counted(two, 4)
    wait_stopped(aggregator, {})


def test_partitions_added_to_a_topic_in_use_are_named_and_not_counted(two: Workspace, services: Services) -> None:
    maker = Maker(2)
    aggregator = quick(services, two)
    feed(two, [maker.pack(0), maker.pack(1)])
    wait_counted(two, 2)
    client = two.admin()
    [added] = client.create_partitions([NewPartitions(two.name, 3)]).values()
    added.result(30)
    wait_stopped(aggregator, {"2": "beyond the configured partitions"})
    feed_values(two, [(2, encode(maker.pack(0)))])
    feed(two, [maker.pack(0), maker.pack(1)])
    wait_counted(two, 4)
    assert aggregator.exit_code() is None


def test_a_log_of_an_earlier_leader_epoch_stops_its_partition(two: Workspace, services: Services) -> None:
    """As after an unclean election: the leader of now has not seen what was counted under a later one."""
    maker = Maker(2)
    feed(two, [maker.pack(0), maker.pack(0)])
    aggregator = quick(services, two)
    wait_counted(two, 2)
    assert aggregator.stop() == 0
    change = {"$set": {"leader_epoch": 1000, "next_offset": Int64(2)}}
    two.documents[progress.POSITIONS].update_one({"partition": 0}, change)
    feed(two, [maker.pack(0), maker.pack(1)])
    aggregator.start(wait=False)
    eventually(lambda: position(two).get("stopped"), 60)
    wait_counted(two, 3)
    assert position(two)["stopped"]["reason"] in {"leader epoch went back", "gap in the log"}
    assert position(two)["next_offset"] == 2
