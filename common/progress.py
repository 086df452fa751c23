"""The documents that say how far the totals are: positions, sessions, quarantine and deletions, by name and identity.

They know records of a log, not packs, so that another stream could be folded by the same machine.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

POSITIONS: Final = "positions"
SESSIONS: Final = "sessions"
DELETIONS: Final = "deletions"
QUARANTINE: Final = "quarantine"


def moment_of(epoch_ms: int) -> datetime:
    """The UTC moment of a Kafka timestamp, exact to the millisecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=epoch_ms)


def position_id(topic_id: str, partition: int) -> str:
    """Positions belong to a topic's id, not its name, so that a recreated topic is not taken for the old one."""
    return f"{topic_id}:{partition}"


def session_id(topic_id: str, partition: int, session: str) -> str:
    return f"{topic_id}:{partition}:{session}"


def quarantine_id(topic_id: str, partition: int, offset: int, generation: int = 0) -> str:
    """After an operator moved the position an offset can be read once more, and be another record."""
    place = f"{topic_id}:{partition}:{offset}"
    return f"{place}:{generation}" if generation else place
