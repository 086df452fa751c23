"""What goes between a partition and the database, as data: a claim comes in, batches go out."""

from dataclasses import dataclass, field
from datetime import datetime

from aggregator.records import Batch, Record, Source
from common.seen import Seen


@dataclass(slots=True)
class SessionState:
    """What was folded of one session, and the log time of its last record."""

    seen: Seen
    log_ms: int

    def copy(self) -> "SessionState":
        return SessionState(self.seen.copy(), self.log_ms)


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition as the database knows it: position and sessions of one instant."""

    next_offset: int
    generation: int
    leader_epoch: int | None
    log_ms: int
    sessions: dict[str, SessionState]
    lsid: bytes | None = None
    succeeded_by: str | None = None  # the id of the topic that was made in the place of this one


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that cannot be folded, kept for an operator."""

    record: Record
    reason: str
    source: Source | None
    subject: str | None


@dataclass(slots=True)
class Tally:
    """What a batch consists of, for metrics."""

    kinds: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    last_at: datetime | None = None  # when the last one that was folded happened


@dataclass(frozen=True, slots=True)
class Flush:
    """A batch as it goes into one transaction: everything between two positions, and nothing else."""

    partition: int
    base: int
    to: int
    generation: int
    leader_epoch: int | None
    log_ms: int
    batch: Batch
    sessions: dict[str, SessionState]
    expired: list[str]
    quarantined: list[Quarantined]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a partition waits for an operator."""

    reason: str
    detail: str
    may_pass: bool = False  # tried again by itself now and then, whatever the operator does
