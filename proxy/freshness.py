"""Pure: positions of the aggregators → up to when an answer is complete, and how many events it lacks.

A partition is complete up to the moment its aggregator last found nothing left in the log, or, while there is some
left, up to the log time of the last record it folded; whichever is later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from common.mongo import Document
from proxy.keydata_models import Freshness

# What to ask the database for.
FIELDS: dict[str, bool] = dict.fromkeys(
    ("partition", "topic_id", "created_at", "next_offset", "end_offset", "log_time", "caught_up_at"), True
)


@dataclass(frozen=True, slots=True)
class Position:
    partition: int
    topic_id: str
    created_at: datetime
    next_offset: int
    end_offset: int | None  # None until an aggregator asked Kafka
    complete_until: datetime | None  # None until an aggregator folded something or found that there is nothing


def position(document: Document) -> Position:
    end_offset = document.get("end_offset")
    moments = [moment for name in ("log_time", "caught_up_at") if (moment := document.get(name)) is not None]
    return Position(
        partition=int(document["partition"]),
        topic_id=document["topic_id"],
        created_at=document["created_at"],
        next_offset=int(document["next_offset"]),
        end_offset=None if end_offset is None else int(end_offset),
        complete_until=max(moments, default=None),
    )


def newest(positions: Iterable[Position]) -> dict[int, Position]:
    """Per partition the position made last: those of a topic that was removed and made again stay behind."""
    return {found.partition: found for found in sorted(positions, key=lambda found: found.created_at)}


def freshness(positions: Iterable[Position], partitions: int) -> Freshness:
    """Of an answer made from so many partitions; what is not known of one of them is not known of the answer."""
    found = list(positions)
    moments = [each.complete_until for each in found if each.complete_until is not None]
    lags = [max(0, each.end_offset - each.next_offset) for each in found if each.end_offset is not None]
    return Freshness(
        as_of=min(moments) if len(moments) == partitions else None,
        lag_events=sum(lags) if len(lags) == partitions else None,
    )
