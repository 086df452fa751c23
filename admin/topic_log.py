"""The records of a topic as the operator's commands read them: by offset, without joining the group or moving anything."""

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from admin.servers import APPNAME
from aggregator.kafka_log import record_of
from aggregator.records import Record
from common.errors import SettingsError
from common.kafka import client_options
from common.settings import KafkaSettings

ANSWER_S = 10.0
_AT_ONCE = 1000  # records
_TURN_S = 0.1  # `consume` waits that long for so many, also when there are some


class LogMovedError(Exception):
    """Retention took the records away while they were read."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What of a partition is in the log: from `start` to before `end`."""

    start: int
    end: int


class TopicLog:
    """One topic. Every question blocks for ANSWER_S at most and raises KafkaException where Kafka does not answer it."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._topic = settings.topic
        self._last: KafkaError | None = None
        options = {
            **client_options(settings, APPNAME),
            "group.id": settings.group,  # the client wants one; nothing is ever asked of the group
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "check.crcs": True,
            "log_level": 0,
            "error_cb": self._note,
        }
        try:
            self._consumer = Consumer(options)
        except KafkaException as error:
            raise SettingsError(f"KAFKA__CLIENT: {error.args[0].str()}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def bounds(self, partition: int) -> Bounds:
        try:
            found = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=ANSWER_S)
        except KafkaException as error:
            raise KafkaException(self._reason(error.args[0])) from error
        if found is None:
            raise KafkaException(self._silence())
        return Bounds(*found)

    def offset_at(self, partition: int, epoch_ms: int) -> int | None:
        """The first record that Kafka took at that time or later; None where there is none."""
        asked = TopicPartition(self._topic, partition, epoch_ms)
        [found] = self._consumer.offsets_for_times([asked], timeout=ANSWER_S)
        if found.error is not None:
            raise KafkaException(found.error)
        return found.offset if found.offset >= 0 else None

    def first(self, partition: int, offset: int, until: int) -> Record | None:
        """The first record at that offset or behind it, before `until`; None where there is none."""
        with closing(self.read(partition, offset, until)) as found:
            return next(found, None)

    def read(self, partition: int, offset: int, until: int) -> Generator[Record]:
        """Every record from that offset to before `until`, in order; offsets that are missing are passed over.

        One at a time: to be closed, or read to its end, before the next. Raises KafkaException where Kafka gives none
        for ANSWER_S, and LogMovedError where they are gone.
        """
        if offset >= until:
            return
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        try:
            while True:
                for message in self._some():
                    if _is_end(message):
                        return
                    record = record_of(message)
                    if record.offset < until:
                        yield record
                    if record.offset + 1 >= until:
                        return
        finally:
            self._consumer.unassign()

    def _some(self) -> list[Message]:
        """What comes next, at least one."""
        deadline = time.monotonic() + ANSWER_S
        while not (messages := self._consumer.consume(_AT_ONCE, _TURN_S)):
            if time.monotonic() >= deadline:
                raise KafkaException(self._silence())
        return messages

    def _note(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # the binding's name
            self._last = error

    def _silence(self) -> KafkaError:
        return self._reason(KafkaError(KafkaError._TIMED_OUT, "no answer in time"))  # noqa: SLF001  # the binding's name

    def _reason(self, error: KafkaError) -> KafkaError:
        """What a time-out is due to, if the client said so: "connection refused" instead of "timed out"."""
        vague = {KafkaError._TIMED_OUT, KafkaError._TRANSPORT}  # noqa: SLF001  # the binding's names
        self._consumer.poll(0)
        return self._last if self._last is not None and error.code() in vague else error


def _is_end(message: Message) -> bool:
    """Whether the log ends here; raises what the message says where it is another error."""
    error = message.error()
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # the binding's name
        return True
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  # the binding's name
        raise LogMovedError(str(error.str()))
    raise KafkaException(error)
