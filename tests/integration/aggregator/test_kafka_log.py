"""What the loop relies on of the log, the same for a real broker and for the log in memory that unit tests use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from confluent_kafka import KafkaError, Message

from aggregator.kafka_log import KafkaLog
from common.errors import LostPlaceError
from common.kafka import describe_topic
from common.settings import KafkaSettings
from tests.support.eventually import eventually
from tests.support.fake_log import FakeLog
from tests.support.feed import feed_values
from tests.support.stack import MakeWorkspace
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration


@dataclass(slots=True)
class Told:
    """Notes what the group says; starts nothing by itself, as the loop does."""

    assigned: list[int] = field(default_factory=list)
    revoked: list[int] = field(default_factory=list)

    def on_assigned(self, partitions: list[int]) -> None:
        self.assigned += partitions

    def on_revoked(self, partitions: list[int]) -> None:
        self.revoked += partitions

    def on_lost(self, partitions: list[int]) -> None:
        self.revoked += partitions


@dataclass(slots=True)
class Bench:
    log: KafkaLog
    told: Told
    put: Callable[[int, bytes], object]
    messages: list[Message] = field(default_factory=list)

    def consume(self) -> bool:
        """One poll; always true, so that it can be waited for."""
        self.messages += self.log.consume(100, 0.1)
        return True

    def values(self) -> list[tuple[int | None, bytes | None]]:
        return [(message.offset(), message.value()) for message in self.messages if message.error() is None]

    def wait_for(self, *values: tuple[int, bytes]) -> None:
        eventually(lambda: self.consume() and self.values() == list(values), 30)

    def stays(self) -> None:
        """A few polls bring nothing more."""
        before = len(self.messages)
        for _ in range(8):
            self.consume()
        assert len(self.messages) == before


@pytest.fixture(params=["in memory", "real"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    told = Told()
    if request.param == "in memory":
        fake = FakeLog()
        fake.subscribe(told)
        fake.assign(0, 1)
        yield Bench(fake, told, fake.append)
        return
    workspace: Workspace = request.getfixturevalue("make_workspace")(partitions=2)
    workspace.create_topic()
    settings = KafkaSettings(
        bootstrap_servers=workspace.bootstrap_servers, topic=workspace.name, group=workspace.name, partitions=2
    )
    admin = workspace.admin()
    log = KafkaLog(settings, admin, "test", describe_topic(admin, settings.topic, 10).topic_id)
    log.subscribe(told)
    yield Bench(log, told, lambda partition, value: feed_values(workspace, [(partition, value)]))
    log.close()


def wait_assigned(bench: Bench) -> None:
    eventually(lambda: bench.consume() and sorted(bench.told.assigned) == [0, 1], 30)


def test_a_mistake_made_when_the_group_tells_is_raised_by_the_poll(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(2)
    workspace.create_topic()
    admin = workspace.admin()
    settings = KafkaSettings(
        bootstrap_servers=workspace.bootstrap_servers, topic=workspace.name, group=workspace.name, partitions=2
    )
    log = KafkaLog(settings, admin, "test", describe_topic(admin, settings.topic, 10).topic_id)
    mistaken = Told()
    mistaken.assigned = ()  # type: ignore[assignment]  # so that adding to it is one
    log.subscribe(mistaken)
    try:
        with pytest.raises(TypeError):
            eventually(lambda: log.consume(10, 0.1), 60)
    finally:
        log.close()


def test_kafka_says_which_topic_it_is_once_it_is_assigned(bench: Bench) -> None:
    wait_assigned(bench)
    eventually(bench.log.is_same_topic)


def test_a_topic_that_was_made_again_is_assigned_anew_and_is_another_one(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(2)
    workspace.create_topic()
    told, admin = Told(), workspace.admin()
    settings = KafkaSettings(
        bootstrap_servers=workspace.bootstrap_servers, topic=workspace.name, group=workspace.name, partitions=2
    )
    log = KafkaLog(settings, admin, "test", describe_topic(admin, settings.topic, 10).topic_id)
    log.subscribe(told)
    try:
        wait_assigned(Bench(log, told, lambda _partition, _value: None))
        eventually(log.is_same_topic)
        admin.delete_topics([workspace.name])[workspace.name].result(30)
        eventually(lambda: log.consume(10, 0.1) or told.revoked, 60)
        workspace.create_topic()
        eventually(lambda: log.consume(10, 0.1) or len(told.assigned) > 2, 60)
        with pytest.raises(LostPlaceError, match="was removed and made again"):
            eventually(log.is_same_topic)
    finally:
        log.close()


def test_nothing_is_fetched_before_it_is_claimed(bench: Bench) -> None:
    bench.put(0, b"zero")
    wait_assigned(bench)
    bench.stays()
    bench.log.start(0, 0, None)
    bench.wait_for((0, b"zero"))


def test_fetching_begins_where_it_is_told_to(bench: Bench) -> None:
    for value in (b"zero", b"one", b"two"):
        bench.put(1, value)
    wait_assigned(bench)
    bench.log.start(1, 1, 0)
    bench.wait_for((1, b"one"), (2, b"two"))
    assert bench.messages[0].leader_epoch() == 0
    assert bench.messages[0].partition() == 1


def test_a_position_is_unknown_until_a_record_has_come_and_then_behind_it(bench: Bench) -> None:
    wait_assigned(bench)
    bench.log.start(0, 0, None)
    bench.stays()
    assert bench.log.position(0) is None
    bench.put(0, b"zero")
    bench.wait_for((0, b"zero"))
    assert bench.log.position(0) == 1


def test_a_restart_brings_the_same_records_again(bench: Bench) -> None:
    bench.put(0, b"zero")
    bench.put(0, b"one")
    wait_assigned(bench)
    bench.log.start(0, 0, None)
    bench.wait_for((0, b"zero"), (1, b"one"))
    bench.log.restart(0, 1, 0)
    bench.wait_for((0, b"zero"), (1, b"one"), (1, b"one"))


def test_a_paused_partition_rests_and_goes_on_without_a_gap(bench: Bench) -> None:
    bench.put(0, b"zero")
    wait_assigned(bench)
    bench.log.start(0, 0, None)
    bench.wait_for((0, b"zero"))
    bench.log.pause([0, 1])
    bench.put(0, b"one")
    bench.put(0, b"two")
    bench.stays()
    bench.log.pause([0])
    bench.log.resume([0, 1])
    bench.wait_for((0, b"zero"), (1, b"one"), (2, b"two"))


def test_a_stopped_partition_can_be_started_again_elsewhere(bench: Bench) -> None:
    bench.put(0, b"zero")
    bench.put(0, b"one")
    wait_assigned(bench)
    bench.log.start(0, 1, None)
    bench.wait_for((1, b"one"))
    bench.log.stop([0, 1])
    bench.put(0, b"two")
    bench.stays()
    bench.log.start(0, 0, None)
    bench.wait_for((1, b"one"), (0, b"zero"), (1, b"one"), (2, b"two"))


def test_ends_are_answered_after_they_were_asked_for(bench: Bench) -> None:
    bench.put(0, b"zero")
    wait_assigned(bench)
    assert bench.log.answered_ends() == {}
    bench.log.ask_ends([0, 1])
    found = {}

    def answered() -> bool:
        found.update(bench.log.answered_ends())
        return len(found) == 2

    eventually(answered, 30)
    assert {number: ends.end_offset for number, ends in found.items()} == {0: 1, 1: 0}
    assert found[1].covers(0) == found[1].asked_at
    assert found[0].covers(0) is None


@pytest.mark.parametrize("bench", ["real"], indirect=True)
def test_an_offset_that_the_log_does_not_hold_is_an_error_and_no_jump(bench: Bench) -> None:
    bench.put(0, b"zero")
    wait_assigned(bench)
    bench.log.start(0, 7, None)

    def failed() -> bool:
        bench.consume()
        return any(
            error.code() == KafkaError._AUTO_OFFSET_RESET and message.partition() == 0
            for message in bench.messages
            if (error := message.error()) is not None
        )

    eventually(failed, 30)
    assert bench.values() == []


def test_a_paused_partition_that_is_let_go_and_started_anew_is_fetched(bench: Bench) -> None:
    bench.put(0, b"zero")
    wait_assigned(bench)
    bench.log.start(0, 0, None)
    bench.wait_for((0, b"zero"))
    bench.log.pause([0])
    bench.log.restart(0, 0, None)
    bench.wait_for((0, b"zero"), (0, b"zero"))
