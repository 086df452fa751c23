"""A record of the log and what reading it can yield; here a partition and the stream that is folded meet.

Structs of msgspec, since several are made of each record: a frozen dataclass costs ten times as much.
"""

from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from aggregator.changes import Changes

EventT = TypeVar("EventT")
EventT_contra = TypeVar("EventT_contra", contravariant=True)


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record as Kafka gave it; `log_ms` is the broker's own time."""

    offset: int
    log_ms: int
    leader_epoch: int | None
    key: bytes | None
    value: bytes | None


class Source(msgspec.Struct, frozen=True, gc=False):
    """Who made a record: unique with its partition, for ever."""

    session: str
    seq: int


class Foldable(msgspec.Struct, frozen=True, gc=False):
    """A record that adds to the totals; `subject` is whose they are, `event` is known to the stream alone."""

    source: Source
    subject: str
    kind: str
    at: datetime  # when it happened, by the clock of its maker
    event: object


class Barrier(msgspec.Struct, frozen=True, gc=False):
    """A record that clears what came before it: it ends the batch and is applied alone."""

    source: Source
    subject: str
    event_id: str
    actor: str | None
    requested_at: datetime


class Poison(msgspec.Struct, frozen=True, gc=False):
    """A record that can never be folded."""

    reason: str
    source: Source | None
    subject: str | None


class Newer(msgspec.Struct, frozen=True, gc=False):
    """A record of a schema that this program is too old for."""

    schema: int


Reading = Foldable | Barrier | Poison | Newer


class Batch(Protocol):
    """Folded records that are not in the database yet."""

    def add(self, item: Foldable, log_ms: int) -> None:
        """Fold one more."""

    def size_bytes(self) -> int:
        """About how much the changes weigh."""

    def changes(self) -> Changes:
        """What the batch does to documents."""


class Stream(Protocol):
    """What is folded: how its records are read, and which documents they change."""

    def read(self, record: Record, partition: int) -> Reading:
        """Judge one record; never raises, whatever its bytes."""

    def new_batch(self, partition: int) -> Batch:
        """An empty batch of one partition."""
