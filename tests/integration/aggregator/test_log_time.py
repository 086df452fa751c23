"""Time as the log tells it: sessions expire by it alone, and clocks of proxies that jump move nothing but an hour."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaError, Message, Producer
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType  # `admin` does not export them to type checkers

from common import documents, progress
from common.documents import hour_of
from common.events import Event, encode
from common.progress import moment_of
from tests.support.eventually import eventually
from tests.support.feed import feed
from tests.support.made_events import session_at
from tests.support.services import Services
from tests.support.totals import Maker, position, quick, sample, wait_counted
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration

FeedAt = Callable[[Event, datetime], None]


@pytest.fixture
def backdated(workspace: Workspace, services: Services) -> FeedAt:
    """Puts an event into the log of a topic that lets its writers say when; it keeps records however old they are."""
    services.init(workspace)
    producer = Producer({"bootstrap.servers": workspace.bootstrap_servers, "log_level": 0})
    kinds: list[int] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        kinds.append(message.timestamp()[0])

    def put(value: bytes, partition: int, at: datetime) -> int:
        when = int(at.timestamp() * 1000)
        producer.produce(workspace.name, value, b"key", partition, on_delivery=delivered, timestamp=when)
        assert producer.flush(30) == 0
        return kinds[-1]

    def feed_at(event: Event, at: datetime) -> None:
        assert put(encode(event), event.partition, at) == TIMESTAMP_CREATE_TIME

    def allow() -> None:
        """Aggregators look at the topic when they start; so this is done afterwards."""
        client = workspace.admin()
        changes = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in changes.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, workspace.name, incremental_configs=entries)
        [done] = client.incremental_alter_configs([resource]).values()
        done.result(30)
        last = workspace.partitions - 1
        eventually(lambda: put(b"a probe", last, datetime.now(UTC)) == TIMESTAMP_CREATE_TIME)

    quick(services, workspace)
    allow()
    return feed_at


def test_a_session_is_forgotten_60_days_after_its_last_record_and_never_counted_again(
    workspace: Workspace, backdated: FeedAt
) -> None:
    now = datetime.now(UTC)
    ages = {"forgotten": timedelta(days=70), "known": timedelta(days=50), "young": timedelta(0)}
    makers = {name: Maker(workspace.partitions, session_at(now - age)) for name, age in ages.items()}
    events = {name: maker.pack(0, occurred_at=now - ages[name]) for name, maker in makers.items()}
    for name, event in events.items():
        backdated(event, now - ages[name])
    wait_counted(workspace, 3)
    mine = {"_id": {"$regex": ":0:"}}
    left = {found["_id"].rpartition(":")[2] for found in workspace.documents[progress.SESSIONS].find(mine)}
    assert left == {makers["known"].session, makers["young"].session}

    for event in events.values():  # all of them come once more
        backdated(event, now)
    backdated(makers["young"].pack(0), now)
    wait_counted(workspace, 4)
    [held] = workspace.documents[progress.QUARANTINE].find({"partition": 0})
    assert (held["reason"], held["keystem"]) == ("session too old", makers["forgotten"].keystem(0))
    assert position(workspace)["next_offset"] == 7


def test_clocks_that_jump_change_neither_order_nor_dedupe_and_hours_stay_near_the_logs_time(
    workspace: Workspace, services: Services
) -> None:
    services.init(workspace)
    aggregator = quick(services, workspace)
    maker, now = Maker(workspace.partitions), datetime.now(UTC)
    jumps = [timedelta(0), timedelta(days=400), -timedelta(days=400), -timedelta(hours=2), timedelta(days=9000)]
    events = [maker.pack(0, occurred_at=now + jump) for jump in jumps]
    feed(workspace, [*events, *reversed(events)])
    wait_counted(workspace, 5)
    eventually(lambda: position(workspace)["next_offset"] == 10)
    assert sample(aggregator, "packstats_duplicates_total") == 5
    total = workspace.documents[documents.TOTALS].find_one({"_id": 0})
    assert total is not None
    assert total["clock_suspect"] == 3
    hours = {found["_id"]["h"] for found in workspace.documents[documents.TOTALS_HOURS].find()}
    log_hour = hour_of(moment_of(int(position(workspace)["log_time"].timestamp() * 1000)))
    assert hours <= {hour_of(now), hour_of(now - timedelta(hours=2)), log_hour}
