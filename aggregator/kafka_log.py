"""The aggregator's only Kafka module: fetches records of claimed partitions, and asks where the log ends.

Assignments are deferred: the callback only notes what was assigned, and fetching starts when the loop has claimed the
partition. No callback raises: the binding would then assign by itself, at a guessed offset.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from threading import Thread
from typing import Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import (
    ListOffsetsResultInfo,
    OffsetSpec,
)  # `admin` does not export them to type checkers
from confluent_kafka.admin._topic import TopicDescription

from aggregator.positions import Ends
from aggregator.records import Record
from common.errors import LostPlaceError
from common.kafka import client_options, topic_id
from common.settings import KafkaSettings

OFFSET_INVALID = -1001  # librdkafka: no position yet
EPOCH_UNKNOWN = -1
CLOSE_S = 5.0
FETCHING = {
    "check.crcs": True,
    "fetch.wait.max.ms": 250,
    "queued.max.messages.kbytes": 16_384,
    # The default of 1000 idles a partition whenever its queue is full: catch-up 2.4 times slower.
    "fetch.queue.backoff.ms": 10,
}

log = structlog.get_logger()


class Owner(Protocol):
    """Who is told of assignments, on the thread that polls."""

    def on_assigned(self, partitions: list[int]) -> None: ...

    def on_revoked(self, partitions: list[int]) -> None: ...

    def on_lost(self, partitions: list[int]) -> None: ...


class KafkaLog:
    """The records of the topic that has this id, as member of a consumer group."""

    def __init__(self, settings: KafkaSettings, admin: AdminClient, client_id: str, topic_id: str) -> None:
        self._topic = settings.topic
        self._topic_id = topic_id
        self._admin = admin
        self._consumer = Consumer(
            {
                **client_options(settings, client_id),
                "group.id": settings.group,
                "group.protocol": "consumer",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "max.poll.interval.ms": 120_000,
                **FETCHING,
                "error_cb": _on_error,
            }
        )
        self._mistake: BaseException | None = None  # of ours, made in a callback
        self._fetching: set[int] = set()
        self._paused: set[int] = set()
        self._asked: dict[int, tuple[datetime, Future[ListOffsetsResultInfo]]] = {}
        self._is_confirmed = False  # that the topic is still the one, since the last assignment
        self._identity: Future[TopicDescription] | None = None

    def subscribe(self, owner: Owner) -> None:
        def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            consumer.incremental_assign([])
            self._is_confirmed, self._identity = False, None
            self._tell_owner(owner.on_assigned, partitions)

        def revoked(_: Consumer, partitions: list[TopicPartition]) -> None:
            self._tell_owner(owner.on_revoked, partitions)
            self.stop(_numbers(partitions))

        def lost(_: Consumer, partitions: list[TopicPartition]) -> None:
            self._tell_owner(owner.on_lost, partitions)
            self.stop(_numbers(partitions))

        self._consumer.subscribe([self._topic], on_assign=assigned, on_revoke=revoked, on_lost=lost)

    def _tell_owner(self, tell: Callable[[list[int]], None], partitions: list[TopicPartition]) -> None:
        try:
            tell(_numbers(partitions))
        except BaseException as mistake:  # noqa: BLE001  # `consume` raises it, where it ends the process
            self._mistake = mistake

    def consume(self, at_most: int, timeout_s: float) -> list[Message]:
        """Records and errors that have come; blocks for `timeout_s` at most. Assignments are told from in here.

        Raises what the owner raised when it was told.
        """
        messages = self._consumer.consume(at_most, timeout_s)
        if self._mistake is not None:
            raise self._mistake
        return messages

    def is_same_topic(self) -> bool:
        """Whether the topic is the one that positions are known of; False while Kafka has not answered, never blocks.

        One that is removed and made again has the same name, and its partitions are assigned anew: so after each
        assignment Kafka is asked. Raises LostPlaceError where it is another one.
        """
        if self._is_confirmed:
            return True
        if self._identity is None:
            asked = TopicCollection([self._topic])
            self._identity = self._admin.describe_topics(asked, request_timeout=5)[self._topic]
        if not self._identity.done():
            return False
        answer, self._identity = self._identity, None
        try:
            found = topic_id(answer.result().topic_id)
        except KafkaException as error:
            log.warning("topic unknown", error=str(error))
            return False
        if found != self._topic_id:
            raise LostPlaceError(
                f"topic {self._topic} was removed and made again: its id is {found}, not {self._topic_id}"
            )
        self._is_confirmed = True
        return True

    def start(self, partition: int, offset: int, leader_epoch: int | None) -> None:
        """Fetch a partition from an offset on."""
        epoch = EPOCH_UNKNOWN if leader_epoch is None else leader_epoch
        place = TopicPartition(self._topic, partition, offset, leader_epoch=epoch)
        self._consumer.incremental_assign([place])
        self._fetching.add(partition)
        self._paused.discard(partition)

    def stop(self, partitions: Iterable[int]) -> None:
        """Fetch them no more. Only what is fetched may be named: librdkafka refuses the rest."""
        held = [partition for partition in partitions if partition in self._fetching]
        # librdkafka keeps the pause of a partition that goes, and would not fetch it when it comes back.
        self.resume(held)
        self._consumer.incremental_unassign([TopicPartition(self._topic, partition) for partition in held])
        self._fetching.difference_update(held)
        self._paused.difference_update(held)

    def restart(self, partition: int, offset: int, leader_epoch: int | None) -> None:
        """Fetch from an offset anew, forgetting what was fetched ahead."""
        self.stop([partition])
        self.start(partition, offset, leader_epoch)

    def pause(self, partitions: Iterable[int]) -> None:
        new = [number for number in partitions if number in self._fetching and number not in self._paused]
        self._consumer.pause([TopicPartition(self._topic, number) for number in new])
        self._paused.update(new)

    def resume(self, partitions: Iterable[int]) -> None:
        paused = [number for number in partitions if number in self._paused]
        self._consumer.resume([TopicPartition(self._topic, number) for number in paused])
        self._paused.difference_update(paused)

    def position(self, partition: int) -> int | None:
        """Behind the last record handed out since fetching started; None before the first."""
        [found] = self._consumer.position([TopicPartition(self._topic, partition)])
        return None if found.offset == OFFSET_INVALID else found.offset

    def ask_ends(self, partitions: Iterable[int]) -> None:
        """Ask the brokers where partitions end now; the answers are picked up by `answered_ends`."""
        wanted = [number for number in partitions if number not in self._asked]
        if not wanted:
            return
        asked_at = datetime.now(UTC)
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the binding leaves it without annotation
        question = {TopicPartition(self._topic, number): latest for number in wanted}
        for place, future in self._admin.list_offsets(question, request_timeout=5).items():
            self._asked[place.partition] = (asked_at, future)

    def answered_ends(self) -> dict[int, Ends]:
        """Ends that have come since the last call; never blocks."""
        found: dict[int, Ends] = {}
        for partition, (asked_at, future) in list(self._asked.items()):
            if not future.done():
                continue
            del self._asked[partition]
            try:
                found[partition] = Ends(future.result().offset, asked_at)
            except KafkaException as error:
                log.debug("end unknown", partition=partition, error=str(error))
        return found

    def close(self) -> None:
        """Leave the group. librdkafka may hang here, so not for longer than CLOSE_S."""
        closing = Thread(target=self._consumer.close, daemon=True)
        closing.start()
        closing.join(CLOSE_S)


def record_of(message: Message) -> Record:
    _, log_ms = message.timestamp()
    return Record(message.offset() or 0, log_ms, message.leader_epoch(), message.key(), message.value())


def _numbers(partitions: list[TopicPartition]) -> list[int]:
    return [place.partition for place in partitions]


def _on_error(error: KafkaError) -> None:
    log.warning("kafka", error=str(error))
