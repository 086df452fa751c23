"""`python -m aggregator` between a real topic and a real database: totals are exact, and what stands in the way is named."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from bson import Int64
from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewPartitions

from common import documents, progress
from common.events import Event, encode
from common.identity import new_session
from tests.support import web
from tests.support.eventually import eventually
from tests.support.fake_mongo import FakeMongo
from tests.support.feed import feed, feed_values
from tests.support.made_events import delete, keystem_in, pack
from tests.support.members import added_up, numbers
from tests.support.servers import Server
from tests.support.services import Service, Services
from tests.support.stack import MakeWorkspace
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration


def quick(services: Services, workspace: Workspace, *, wait: bool = True) -> Service:
    return services.aggregator(workspace, wait=wait, AGGREGATOR__FLUSH_INTERVAL_S="0.1")


class Facility:
    """One session of one proxy: its packs are numbered per partition."""

    def __init__(self, partitions: int) -> None:
        self.partitions, self.session = partitions, new_session()
        self._seqs: dict[int, int] = {}

    def _next(self, partition: int) -> int:
        self._seqs[partition] = self._seqs.get(partition, 0) + 1
        return self._seqs[partition]

    def pack(self, partition: int, nth: int = 0, **changed: Any) -> Event:
        keystem = keystem_in(partition, self.partitions, nth)
        now = {"occurred_at": datetime.now(UTC), "partitions": self.partitions}
        return pack(self.session, self._next(partition), keystem, **(now | changed))

    def delete(self, partition: int, nth: int = 0) -> Event:
        keystem = keystem_in(partition, self.partitions, nth)
        now = {"occurred_at": datetime.now(UTC), "partitions": self.partitions}
        return delete(self.session, self._next(partition), keystem, **now)


@pytest.fixture
def facility(workspace: Workspace) -> Facility:
    return Facility(workspace.partitions)


def position(workspace: Workspace, partition: int) -> dict[str, Any]:
    found = workspace.documents[progress.POSITIONS].find_one({"partition": partition})
    assert found is not None
    return found


def requests(workspace: Workspace) -> int:
    return sum(int(found["requests"]) for found in workspace.documents[documents.TOTALS].find())


def counted(workspace: Workspace, expected: int) -> None:
    """Until the totals are at the number; they must not go beyond it."""

    def exactly() -> bool:
        assert requests(workspace) == expected
        return True

    eventually(exactly, 30)


def counters(workspace: Workspace, name: str) -> Iterable[dict[str, int]]:
    as_fake = FakeMongo()
    as_fake.documents[name] = {repr(found["_id"]): found for found in workspace.documents[name].find()}
    return numbers(as_fake, name).values()


def readiness(service: Service) -> dict[str, Any]:
    body: dict[str, Any] = web.get(f"{service.url}/readyz").json
    return body


def stopped(service: Service) -> dict[str, str]:
    found: dict[str, str] = readiness(service)["partitions"]["stopped"]
    return found


def caught_up(workspace: Workspace) -> None:
    def reached() -> bool:
        for found in workspace.documents[progress.POSITIONS].find():
            assert found.get("end_offset") == found["next_offset"]
        return True

    eventually(reached, 30)


# --- totals ------------------------------------------------------------------------------------------------------------------


def test_totals_are_exact_with_duplicates_in_any_order(
    workspace: Workspace, services: Services, facility: Facility
) -> None:
    services.init(workspace)
    quick(services, workspace)
    random = Random(7)
    events = [facility.pack(random.randrange(6), random.randrange(3)) for _ in range(400)]
    again = random.choices(events, k=150)
    shuffled = events + again
    random.shuffle(shuffled)
    feed(workspace, shuffled)
    counted(workspace, 400)
    caught_up(workspace)
    for name in (documents.KEYDATA, documents.KEYDATA_HOURS, documents.TOTALS, documents.TOTALS_HOURS):
        total = added_up(counters(workspace, name))
        assert (total["requests"], total["items"], total["volume"]) == (400, 2000, 400 * 100_000_000)
        assert total["latency.sum"] == sum(event.latency_ns or 0 for event in events if hasattr(event, "latency_ns"))
    positions = list(workspace.documents[progress.POSITIONS].find())
    assert sum(int(found["next_offset"]) for found in positions) == len(shuffled)
    assert all(found["caught_up_at"] for found in positions)


def test_poison_is_quarantined_and_the_rest_flows(workspace: Workspace, services: Services, facility: Facility) -> None:
    services.init(workspace)
    aggregator = quick(services, workspace)
    feed(workspace, [facility.pack(0)])
    feed_values(workspace, [(0, b"poison"), (1, b"\xff" * 300_000)])
    feed(workspace, [facility.pack(0), facility.pack(1)])
    counted(workspace, 3)
    held = list(workspace.documents[progress.QUARANTINE].find().sort("partition"))
    assert [(one["partition"], one["offset"], len(one["value"])) for one in held] == [(0, 1, 6), (1, 0, 300_000)]
    assert b'packstats_quarantined_total{reason="not an event"} 2.0' in web.get(f"{aggregator.url}/metrics").body


def test_a_newer_schema_stops_its_partition_alone_and_a_newer_program_would_go_on_there(
    workspace: Workspace, services: Services, facility: Facility
) -> None:
    services.init(workspace)
    aggregator = quick(services, workspace)
    newer = json.dumps(json.loads(encode(facility.pack(0))) | {"schema": 2}).encode()
    feed(workspace, [facility.pack(0)])
    feed_values(workspace, [(0, newer)])
    feed(workspace, [facility.pack(0), facility.pack(1)])
    counted(workspace, 2)
    eventually(lambda: stopped(aggregator) == {"0": "newer schema"})
    assert web.get(f"{aggregator.url}/readyz").status == 503
    assert position(workspace, 0)["next_offset"] == 1
    assert position(workspace, 0)["stopped"]["detail"] == "offset 1 has schema 2: update the aggregators"
    feed(workspace, [facility.pack(1)])
    counted(workspace, 3)
    assert aggregator.stop() == 0
    assert position(workspace, 0)["stopped"], "the word stays after the process"


def test_a_delete_clears_what_came_before_it_and_nothing_after(
    workspace: Workspace, services: Services, facility: Facility
) -> None:
    services.init(workspace)
    quick(services, workspace)
    feed(workspace, [facility.pack(2) for _ in range(20)])
    feed(workspace, [facility.pack(2, nth=1) for _ in range(5)])
    feed(workspace, [facility.delete(2), *(facility.pack(2) for _ in range(3))])
    counted(workspace, 8)
    caught_up(workspace)
    found = {one["_id"]: one["requests"] for one in workspace.documents[documents.KEYDATA].find()}
    assert found == {keystem_in(2, 6): 3, keystem_in(2, 6, 1): 5}
    for name in (documents.KEYDATA_HOURS, documents.TOTALS_HOURS, documents.TOTALS):
        assert added_up(counters(workspace, name))["requests"] == 8
    [receipt] = workspace.documents[progress.DELETIONS].find()
    assert (receipt["keystem"], receipt["cleared"]["requests"]) == (keystem_in(2, 6), 20)


def test_a_long_delete_is_finished_after_the_process_was_killed_in_it(
    workspace: Workspace, services: Services, facility: Facility
) -> None:
    services.init(workspace)
    aggregator = quick(services, workspace)
    now = datetime.now(UTC)
    hours = [facility.pack(2, occurred_at=now - timedelta(hours=number)) for number in range(1000)]
    feed(workspace, [*hours, facility.pack(2, nth=1)])
    counted(workspace, 1001)
    feed(workspace, [facility.delete(2)])
    eventually(lambda: position(workspace, 2).get("step"), every_s=0.005)
    aggregator.kill()
    left = workspace.documents[documents.KEYDATA_HOURS].count_documents({})
    assert position(workspace, 2)["next_offset"] == 1001
    assert left > 1, "killed too late to prove anything"
    aggregator.start()
    counted(workspace, 1)
    assert added_up(counters(workspace, documents.TOTALS_HOURS))["requests"] == 1
    assert workspace.documents[documents.KEYDATA_HOURS].count_documents({}) == 1
    [receipt] = workspace.documents[progress.DELETIONS].find()
    assert receipt["cleared"]["requests"] == 1000


# --- what waits for an operator ------------------------------------------------------------------------------------------------


def test_partitions_that_were_added_are_named_and_not_counted(
    make_workspace: MakeWorkspace, services: Services
) -> None:
    workspace = make_workspace(partitions=2)
    services.init(workspace)
    admin = workspace.admin()
    [added] = admin.create_partitions([NewPartitions(workspace.name, 3)]).values()
    added.result(30)
    aggregator = quick(services, workspace, wait=False)
    facility = Facility(2)
    feed(workspace, [facility.pack(0), facility.pack(1)])
    feed_values(workspace, [(2, encode(facility.pack(0)))])
    counted(workspace, 2)
    eventually(lambda: stopped(aggregator) == {"2": "beyond the configured partitions"}, 30)


def test_a_partition_without_position_waits_until_it_has_one(
    workspace: Workspace, services: Services, facility: Facility
) -> None:
    services.init(workspace)
    lost = position(workspace, 3)
    workspace.documents[progress.POSITIONS].delete_one({"_id": lost["_id"]})
    aggregator = quick(services, workspace, wait=False)
    feed(workspace, [facility.pack(number) for number in range(6)])
    counted(workspace, 5)
    eventually(lambda: stopped(aggregator) == {"3": "no position"}, 30)
    services.init(workspace)
    eventually(lambda: stopped(aggregator) == {}, 30)
    counted(workspace, 6)


def test_a_position_behind_the_end_of_the_log_stops_its_partition(
    workspace: Workspace, services: Services, facility: Facility
) -> None:
    """A log that was lost, or made again under the same name and id."""
    services.init(workspace)
    workspace.documents[progress.POSITIONS].update_one({"partition": 4}, {"$set": {"next_offset": Int64(1000)}})
    aggregator = quick(services, workspace, wait=False)
    feed(workspace, [facility.pack(number) for number in (3, 4)])
    counted(workspace, 1)
    eventually(lambda: stopped(aggregator) == {"4": "gap in the log"}, 30)
    assert position(workspace, 4)["next_offset"] == 1000
    assert position(workspace, 4)["stopped"]["reason"] == "gap in the log"


def test_a_position_before_the_start_of_the_log_stops_its_partition(
    workspace: Workspace, services: Services, facility: Facility
) -> None:
    """Retention has passed it."""
    services.init(workspace)
    feed(workspace, [facility.pack(number) for number in (4, 4, 4, 5)])
    admin = workspace.admin()
    [deleted] = admin.delete_records([TopicPartition(workspace.name, 4, 2)]).values()
    deleted.result(30)
    aggregator = quick(services, workspace, wait=False)
    counted(workspace, 1)
    eventually(lambda: stopped(aggregator) == {"4": "gap in the log"}, 30)
    assert position(workspace, 4)["next_offset"] == 0


# --- members -----------------------------------------------------------------------------------------------------------------


def test_two_aggregators_share_the_partitions_and_each_event_is_counted_once(
    workspace: Workspace, services: Services, facility: Facility
) -> None:
    services.init(workspace)
    one = quick(services, workspace)
    feed(workspace, [facility.pack(number % 6) for number in range(120)])
    two = quick(services, workspace)
    feed(workspace, [facility.pack(number % 6) for number in range(120)])

    def shared() -> bool:
        held = [readiness(service)["partitions"]["held"] for service in (one, two)]
        assert all(held)
        assert sorted(held[0] + held[1]) == list(range(6))
        return True

    eventually(shared, 30)
    feed(workspace, [facility.pack(number % 6) for number in range(120)])
    counted(workspace, 360)
    owners = {found["owner"] for found in workspace.documents[progress.POSITIONS].find()}
    assert len(owners) == 2
    assert one.stop() == 0
    eventually(lambda: readiness(two)["partitions"]["held"] == list(range(6)), 30)
    feed(workspace, [facility.pack(number % 6) for number in range(60)])
    counted(workspace, 420)


def test_a_stop_writes_what_is_folded_and_gives_the_partitions_up(
    workspace: Workspace, services: Services, facility: Facility
) -> None:
    services.init(workspace)
    aggregator = services.aggregator(workspace, AGGREGATOR__FLUSH_INTERVAL_S="60")
    eventually(lambda: readiness(aggregator)["partitions"]["held"] == list(range(6)), 30)
    feed(workspace, [facility.pack(number % 6) for number in range(60)])
    eventually(lambda: _received_all(aggregator), 30)
    assert requests(workspace) == 0
    assert aggregator.stop() == 0
    written = sum(int(found["next_offset"]) for found in workspace.documents[progress.POSITIONS].find())
    assert requests(workspace) == written > 0
    assert not any("lsid" in found for found in workspace.documents[progress.POSITIONS].find())


def _received_all(aggregator: Service) -> bool:
    """Every partition is behind by what was fed to it: the records have had their time to come."""
    body = web.get(f"{aggregator.url}/metrics").body.decode()
    lags = [line.rpartition(" ")[2] for line in body.splitlines() if line.startswith("packstats_lag_records{")]
    return len(lags) == 6 and all(float(lag) == 10 for lag in lags)


def test_a_stop_before_kafka_answers_is_a_drain_too(workspace: Workspace, services: Services, kafka: Server) -> None:
    kafka.stop()
    aggregator = quick(services, workspace, wait=False)
    eventually(lambda: "waiting for Kafka" in aggregator.log_text(), 60)
    assert aggregator.stop() == 0


def test_kafka_and_the_database_may_come_later_than_the_aggregator(
    workspace: Workspace, services: Services, facility: Facility, kafka: Server, mongo: Server
) -> None:
    services.init(workspace)
    feed(workspace, [facility.pack(number % 6) for number in range(12)])
    kafka.stop()
    mongo.stop()
    aggregator = quick(services, workspace, wait=False)
    eventually(lambda: "waiting for Kafka" in aggregator.log_text(), 60)
    kafka.start()
    eventually(lambda: "database away" in aggregator.log_text(), 60)
    mongo.start()
    counted(workspace, 12)
    eventually(aggregator.is_ready, 30)


# --- what cannot start -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"AGGREGATOR__FLUSH_INTERVAL": "1"}, "AGGREGATOR__FLUSH_INTERVAL: there is no such setting"),
        ({"AGGREGATOR__FLUSH_INTERVAL_S": "soon"}, "AGGREGATOR__FLUSH_INTERVAL_S='soon'"),
        ({"KAFKA__PARTITIONS": "0"}, "KAFKA__PARTITIONS='0'"),
        ({"MONGO__URI": "postgres://user:secret@host"}, "MONGO__URI"),
        ({"MONGO__URI_FILE": "/does/not/exist"}, "MONGO__URI"),
    ],
    ids=str,
)
def test_wrong_settings_are_named_and_nothing_starts(
    workspace: Workspace, services: Services, settings: dict[str, str], message: str
) -> None:
    aggregator = services.aggregator(workspace, wait=False, **settings)
    assert aggregator.wait_exit() == 3
    assert message in aggregator.log_text()
    assert "secret" not in aggregator.log_text()


def test_a_topic_that_does_not_exist_is_named(workspace: Workspace, services: Services) -> None:
    aggregator = services.aggregator(workspace, wait=False)
    assert aggregator.wait_exit() == 3
    assert f"topic {workspace.name} does not exist: `python -m admin init` creates it" in aggregator.log_text()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"KAFKA__PARTITIONS": "8"}, "has 6 partitions, KAFKA__PARTITIONS says 8"),
        ({"KAFKA__REPLICATION": "3"}, "has 1 replicas, KAFKA__REPLICATION says 3"),
    ],
    ids=str,
)
def test_a_topic_that_contradicts_the_settings_is_named(
    workspace: Workspace, services: Services, settings: dict[str, str], message: str
) -> None:
    services.init(workspace)
    aggregator = services.aggregator(workspace, wait=False, **settings)
    assert aggregator.wait_exit() == 3
    assert message in aggregator.log_text()


def test_a_port_that_is_taken_is_named(workspace: Workspace, services: Services) -> None:
    services.init(workspace)
    one = quick(services, workspace)
    port = one.url.rpartition(":")[2]
    two = services.aggregator(workspace, wait=False, AGGREGATOR__PORT=port)
    assert two.wait_exit() == 3
    assert f"AGGREGATOR__PORT={port}" in two.log_text()
