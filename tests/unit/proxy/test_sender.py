"""The sender against a Kafka that can be told to fail: whatever happens, what was not acknowledged is sent again."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from proxy.backoff import Backoff
from proxy.sender import OLDEST_SENT_MS, Sender
from proxy.spool_record import Group, Removal, SpoolRecord
from proxy.window import Window

NOW_MS = 10 * OLDEST_SENT_MS
AWAY = KafkaException(KafkaError(KafkaError._TRANSPORT))


class FakeProducer:
    """Keeps what it is given until the test decides what becomes of it."""

    def __init__(self) -> None:
        self.given: list[tuple[str, Callable[[Any, Any], None]]] = []
        self.polled: list[float] = []
        self.raises: BaseException | None = None
        self.on_poll: Callable[[], None] | None = None
        self.is_full = False
        self.metadata: BaseException | None = None

    def produce(
        self, topic: str, *, value: bytes, key: bytes, partition: int, on_delivery: Callable[[Any, Any], None]
    ) -> None:
        assert (topic, key, partition) == ("topic", b"key", 3)
        if self.is_full:
            raise BufferError
        self.given.append((value.decode(), on_delivery))

    def poll(self, timeout: float) -> int:
        self.polled.append(timeout)
        if self.on_poll is not None:
            self.on_poll()
        if self.raises is not None:
            raise self.raises
        return 0

    def purge(self) -> None: ...

    def list_topics(self, topic: str, timeout: float) -> object:
        if self.metadata is not None:
            raise self.metadata
        return {}

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.given]

    def report(self, error: KafkaError | None = None) -> None:
        """Kafka's word on everything that was given so far."""
        given, self.given = self.given, []
        for _, on_delivery in given:
            on_delivery(error, None)


class FakeLink:
    topic = "topic"

    def __init__(self) -> None:
        self.producers: list[FakeProducer] = []
        self.disposed: list[object] = []
        self.found: list[str] | KafkaException = []
        self.on_error: Callable[[KafkaError], None] | None = None

    def connect(self, on_error: Callable[[KafkaError], None]) -> FakeProducer:
        self.on_error = on_error
        self.producers.append(FakeProducer())
        return self.producers[-1]

    def problems(self) -> list[str]:
        if isinstance(self.found, KafkaException):
            raise self.found
        return self.found

    def dispose(self, producer: object) -> None:
        self.disposed.append(producer)


class FakeSource:
    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.removed: list[Removal] = []
        self.waits = 0

    def add(self, *names: str, occurred_ms: int = NOW_MS) -> None:
        records = [SpoolRecord(3, "key", name.encode(), occurred_ms) for name in names]
        self.groups.append(Group(self.last_id + 1, records))

    @property
    def last_id(self) -> int:
        return len(self.groups)

    def read(self, after: int, max_bytes: int) -> list[Group]:
        return self.groups[after : after + 2]

    def remove(self, removals: Sequence[Removal]) -> None:
        self.removed += removals

    def wait(self, timeout_s: float) -> None:
        self.waits += 1


class Scene:
    """A sender with everything around it, and a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.source = FakeSource()
        self.link = FakeLink()
        self.sender = Sender(
            self.source,
            self.link,
            Backoff(self.pauses.append, lambda: 0.0),
            window=Window(max_records=3),
            clock=lambda: self.now,
            wall_ms=lambda: NOW_MS,
        )

    def state(self) -> tuple[str, str | None]:
        return self.sender.state, self.sender.problem

    @property
    def producer(self) -> FakeProducer:
        return self.link.producers[-1]

    def turns(self, count: int = 1) -> None:
        for _ in range(count):
            self.sender.turn()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_is_acknowledged_leaves_the_spool(scene: Scene) -> None:
    scene.source.add("a", "b")
    scene.turns(2)
    assert scene.producer.names == ["a", "b"]
    assert scene.source.removed == []
    assert not scene.sender.is_drained()

    scene.producer.report()
    scene.turns()
    assert scene.source.removed == [Removal(1)]
    assert scene.sender.is_drained()
    assert scene.state() == ("sending", None)


def test_the_window_fills_up_and_goes_on_as_records_are_acknowledged(scene: Scene) -> None:
    for name in "abcde":
        scene.source.add(name)
    scene.turns(3)
    assert scene.producer.names == ["a", "b", "c"]
    scene.producer.report()
    scene.turns(2)
    assert scene.producer.names == ["d", "e"]


def test_nothing_is_sent_while_kafka_cannot_be_found(scene: Scene) -> None:
    scene.link.found = AWAY
    scene.source.add("a")
    scene.turns(3)
    assert scene.link.producers == []
    assert scene.state()[0] == "unreachable"
    assert scene.sender.problem == "_TRANSPORT: Local: Broker transport failure"
    assert scene.pauses == [0.1, 0.2]

    scene.link.found = []
    scene.turns(2)
    assert scene.producer.names == ["a"]
    assert scene.state()[0] == "sending"


def test_nothing_is_sent_to_a_topic_that_is_not_as_it_must_be(scene: Scene) -> None:
    scene.link.found = ["12 partitions", "compacted"]
    scene.source.add("a")
    scene.turns(2)
    assert scene.link.producers == []
    assert scene.state() == ("mismatch", "12 partitions; compacted")

    scene.link.found = []
    scene.turns(2)
    assert scene.producer.names == ["a"]


def test_a_failed_delivery_gives_the_producer_up_and_sends_again(scene: Scene) -> None:
    scene.source.add("a", "b")
    scene.turns(2)
    failed = scene.producer
    failed.report(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    scene.turns()
    assert scene.link.disposed == [failed]
    assert scene.state()[0] == "unreachable"
    assert scene.source.removed == []

    scene.turns(2)
    assert scene.producer is not failed
    assert scene.producer.names == ["a", "b"]


def test_what_was_acknowledged_of_a_group_is_not_sent_again(scene: Scene) -> None:
    scene.source.add("a", "b")
    scene.turns(2)
    (_, a), (_, b) = scene.producer.given
    b(None, None)
    a(KafkaError(KafkaError._MSG_TIMED_OUT), None)
    scene.turns(3)
    assert scene.producer.names == ["a"]


def test_the_reports_of_a_producer_that_was_given_up_change_nothing(scene: Scene) -> None:
    scene.source.add("a")
    scene.turns(2)
    first = scene.producer
    given = list(first.given)
    first.report(KafkaError(KafkaError._PURGE_QUEUE))
    scene.turns(3)
    second = scene.producer

    for _, on_delivery in given:
        on_delivery(KafkaError(KafkaError._PURGE_QUEUE), None)
        on_delivery(None, None)
    scene.turns()
    scene.turns()
    assert scene.producer is second
    assert scene.link.disposed == [first]
    assert scene.source.removed == []


def test_an_outage_is_told_once_and_a_change_of_the_topic_each_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[object, object]] = []

    def tell(event: str, *, state: object, problem: object) -> None:
        told.append((state, problem))

    monkeypatch.setattr("proxy.sender.log", SimpleNamespace(info=tell, warning=tell))
    for found in (AWAY, KafkaException("still away"), ["compacted"], ["compacted"], ["too few replicas"], []):
        scene.link.found = found
        scene.turns()
    away = "_TRANSPORT: Local: Broker transport failure"
    assert told == [
        ("unreachable", away),
        ("mismatch", "compacted"),
        ("mismatch", "too few replicas"),
        ("sending", None),
    ]


@pytest.mark.parametrize("error", [KafkaException(KafkaError(KafkaError._FATAL)), RuntimeError("closed")])
def test_an_exception_gives_the_producer_up(scene: Scene, error: BaseException) -> None:
    scene.source.add("a")
    scene.turns(1)
    scene.producer.raises = error
    scene.turns()
    assert len(scene.link.disposed) == 1
    scene.turns(2)
    assert len(scene.link.producers) == 2
    assert scene.producer.names == ["a"]


@pytest.mark.parametrize("mistake", [ZeroDivisionError(), RuntimeError()])
def test_a_bug_in_a_callback_is_raised_by_the_turn_and_not_by_the_callback(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, mistake: Exception
) -> None:
    def fail(*_: object) -> bool:
        raise mistake

    monkeypatch.setattr(Window, "acknowledged", fail)
    scene.source.add("a")
    scene.turns(2)
    scene.producer.report()
    with pytest.raises(type(mistake)):
        scene.turns()
    assert scene.source.removed == []


def test_a_bug_is_not_taken_for_an_outage(scene: Scene) -> None:
    scene.turns()
    scene.producer.raises = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        scene.turns()


def test_a_full_queue_of_the_client_is_no_failure(scene: Scene) -> None:
    scene.source.add("a")
    scene.turns()
    scene.producer.is_full = True
    scene.turns(2)
    assert scene.link.disposed == []
    scene.producer.is_full = False
    scene.turns()
    assert scene.producer.names == ["a"]


def test_silence_of_kafka_is_told_and_over_with_the_next_acknowledgement(scene: Scene) -> None:
    scene.source.add("a")
    scene.turns(2)
    assert scene.link.on_error is not None
    scene.link.on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    scene.now += 6
    scene.turns()
    assert scene.state()[0] == "unreachable"
    assert "_ALL_BROKERS_DOWN" in str(scene.sender.problem)

    scene.producer.report()
    scene.turns()
    assert scene.state() == ("sending", None)


def test_silence_before_anything_was_sent_does_not_count(scene: Scene) -> None:
    scene.turns(2)
    scene.now += 6
    scene.source.add("a")
    scene.turns(2)
    assert scene.state()[0] == "sending"


def test_a_producer_without_any_acknowledgement_for_ten_minutes_is_given_up(scene: Scene) -> None:
    scene.source.add("a")
    scene.turns(2)
    scene.now += 601
    scene.turns()
    assert len(scene.link.disposed) == 1


def test_an_idle_sender_asks_whether_kafka_is_still_there_after_an_error(scene: Scene) -> None:
    scene.turns(2)
    assert scene.link.on_error is not None
    scene.link.on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    scene.producer.metadata = AWAY
    scene.turns()
    assert scene.state()[0] == "unreachable"

    scene.producer.metadata = None
    scene.turns()
    assert scene.state()[0] == "unreachable"  # asked again only after a while
    scene.now += 6
    scene.turns()
    assert scene.state()[0] == "sending"


def test_the_back_off_is_over_only_when_a_producer_has_held(scene: Scene) -> None:
    scene.source.add("bad")
    for _ in range(3):
        scene.source.add("good")
        scene.turns(2)
        _, on_delivery = scene.producer.given.pop(0)
        scene.producer.report()
        scene.turns()
        on_delivery(KafkaError(KafkaError._UNKNOWN_PARTITION), None)
        scene.turns()
    assert scene.pauses == [0.1, 0.2]

    scene.turns(2)
    scene.now += 11
    scene.producer.report()
    scene.source.add("c")
    scene.turns(2)
    scene.producer.report(KafkaError(KafkaError._UNKNOWN_PARTITION))
    scene.turns(2)
    assert scene.pauses == pytest.approx([0.1, 0.2, 0.4, 0.1])


def test_old_records_are_kept_aside_and_not_sent(scene: Scene) -> None:
    scene.source.add("old", occurred_ms=NOW_MS - OLDEST_SENT_MS - 1)
    scene.source.add("young", occurred_ms=NOW_MS - OLDEST_SENT_MS)
    scene.turns(2)
    assert scene.producer.names == ["young"]
    assert [removal.aside[0].value for removal in scene.source.removed] == [b"old"]


def test_it_waits_for_news_only_when_there_is_nothing_to_do(scene: Scene) -> None:
    scene.turns(2)
    assert scene.source.waits == 1
    assert scene.producer.polled == [0]
    scene.source.add("a")
    scene.turns()
    assert scene.source.waits == 1
    assert scene.producer.polled == [0, 0.1]


def test_news_that_came_meanwhile_is_not_waited_for(scene: Scene) -> None:
    scene.turns()
    scene.producer.on_poll = lambda: scene.source.add("a")
    scene.turns()
    assert scene.source.waits == 0


def test_closing_leaves_the_rest_in_the_spool(scene: Scene) -> None:
    scene.sender.close()
    scene.source.add("a")
    scene.turns(2)
    scene.sender.close()
    assert scene.link.disposed == [scene.producer]
    scene.producer.report()
    assert scene.source.removed == []
    assert not scene.sender.is_drained()
