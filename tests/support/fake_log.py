"""A topic in memory that is fetched like `KafkaLog`: a test appends to it, assigns partitions and loses records by hand."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from confluent_kafka import KafkaError, Message

from aggregator.kafka_log import KafkaLog, Owner
from aggregator.positions import Ends
from aggregator.records import Record
from common.errors import LostPlaceError

TOPIC = "pack-stats"


@dataclass(slots=True)
class Fetch:
    """A partition that is being fetched."""

    offset: int
    paused: bool = False
    position: int | None = None


@dataclass(slots=True)
class FakeLog(KafkaLog):
    """One member's view of the topic. Several of them can share `records`."""

    records: dict[int, list[Record]] = field(default_factory=dict)
    fetches: dict[int, Fetch] = field(default_factory=dict)
    starts: list[tuple[int, int, int | None]] = field(default_factory=list)  # every fetch that began
    errors: list[Message] = field(default_factory=list)  # handed out by the next `consume`
    ends_known: bool = True
    topic_known: bool = True  # Kafka has said which topic it is
    made_anew: bool = False
    closed: bool = False
    owner: Owner | None = None
    _lost: dict[int, int] = field(default_factory=dict)
    _told: list[tuple[str, list[int]]] = field(default_factory=list)
    _asked: list[int] = field(default_factory=list)  # type: ignore[assignment]  # what the real one keeps there is its own

    # --- by the test -------------------------------------------------------------------------------------------------

    def append(
        self, partition: int, value: bytes | None, *, log_ms: int = 0, leader_epoch: int | None = 0, key: bytes = b"k"
    ) -> int:
        """The offset of the new record."""
        log = self.records.setdefault(partition, [])
        log.append(Record(len(log), log_ms, leader_epoch, key, value))
        return len(log) - 1

    def lose(self, partition: int, records: int = 1) -> None:
        """The next so many records are destroyed on their way, the consumer's position moves over them."""
        self._lost[partition] = records

    def assign(self, *partitions: int) -> None:
        self._told.append(("assigned", list(partitions)))

    def revoke(self, *partitions: int) -> None:
        self._told.append(("revoked", list(partitions)))

    def take_away(self, *partitions: int) -> None:
        """They are lost: another member may have them already."""
        self._told.append(("lost", list(partitions)))

    def fail(self, partition: int | None, code: int, *, fatal: bool = False) -> None:
        """An error comes instead of a record."""
        error = KafkaError(code, "made by a test", fatal)
        self.errors.append(Message(topic=TOPIC, partition=-1 if partition is None else partition, error=error))

    def is_fetching(self, partition: int) -> bool:
        return partition in self.fetches and not self.fetches[partition].paused

    # --- as KafkaLog -------------------------------------------------------------------------------------------------

    def subscribe(self, owner: Owner) -> None:
        self.owner = owner

    def consume(self, at_most: int, timeout_s: float) -> list[Message]:
        self._tell()
        found, self.errors = self.errors, []
        for partition in list(self.fetches):
            found += self._fetched(partition, at_most - len(found))
        return found

    def _tell(self) -> None:
        told, self._told = self._told, []
        for what, partitions in told:
            assert self.owner is not None
            if what == "assigned":
                self.owner.on_assigned(partitions)
                continue
            if what == "revoked":
                self.owner.on_revoked(partitions)
            else:
                self.owner.on_lost(partitions)
            self.stop(partitions)

    def _fetched(self, partition: int, at_most: int) -> Iterator[Message]:
        fetch, log = self.fetches[partition], self.records.get(partition, [])
        while not fetch.paused and at_most > 0 and fetch.offset < len(log):
            record = log[fetch.offset]
            fetch.offset += 1
            if self._lost.get(partition, 0):
                self._lost[partition] -= 1
                fetch.position = fetch.offset
                continue
            fetch.position = fetch.offset
            at_most -= 1
            yield message_of(partition, record)

    def is_same_topic(self) -> bool:
        if self.made_anew:
            raise LostPlaceError("made again by a test")
        return self.topic_known

    def start(self, partition: int, offset: int, leader_epoch: int | None) -> None:
        assert partition not in self.fetches, f"partition {partition} is assigned already"
        self.starts.append((partition, offset, leader_epoch))
        self.fetches[partition] = Fetch(offset)

    def stop(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self.fetches.pop(partition, None)

    def restart(self, partition: int, offset: int, leader_epoch: int | None) -> None:
        self.stop([partition])
        self.start(partition, offset, leader_epoch)

    def pause(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            if partition in self.fetches:
                self.fetches[partition].paused = True

    def resume(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            if partition in self.fetches:
                self.fetches[partition].paused = False

    def position(self, partition: int) -> int | None:
        return self.fetches[partition].position if partition in self.fetches else None

    def ask_ends(self, partitions: Iterable[int]) -> None:
        self._asked = list(partitions)

    def answered_ends(self) -> dict[int, Ends]:
        if not self.ends_known:
            return {}
        return {partition: Ends(len(self.records.get(partition, [])), datetime.now(UTC)) for partition in self._asked}

    def close(self) -> None:
        self.closed = True


def message_of(partition: int, record: Record) -> Message:
    return Message(
        topic=TOPIC,
        partition=partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        timestamp=(2, record.log_ms),
        leader_epoch=record.leader_epoch,
    )
