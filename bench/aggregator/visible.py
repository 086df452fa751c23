"""Pure: when each event could be read, from looks at how far the totals are.

A flush writes totals and the sequence numbers that are in them in one transaction. So an event is in `keydata` once the
session of its proxy says so; a look is later than that by up to the time between two looks.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

Source = tuple[str, int]  # session, partition


@dataclass(frozen=True, slots=True)
class Reply:
    """That came at a moment, and promised this event."""

    at: float
    source: Source
    seq: int

    @classmethod
    def from_line(cls, line: str) -> "Reply":
        moment, event_id = line.split()
        session, partition, seq = event_id.rsplit(".", 2)
        return cls(float(moment), (session, int(partition)), int(seq))


@dataclass(slots=True)
class Progress:
    """Of each session and partition: at which moments all events up to which number were in the totals."""

    _moments: defaultdict[Source, list[float]] = field(default_factory=lambda: defaultdict(list))
    _upto: defaultdict[Source, list[int]] = field(default_factory=lambda: defaultdict(list))

    def saw(self, at: float, source: Source, upto: int) -> None:
        """Looks come in the order of time."""
        known = self._upto[source]
        if not known or upto > known[-1]:
            known.append(upto)
            self._moments[source].append(at)

    def visible_at(self, source: Source, seq: int) -> float | None:
        known = self._upto.get(source, [])
        at = bisect_left(known, seq)
        return self._moments[source][at] if at < len(known) else None

    def all_seen(self, replies: Iterable[Reply]) -> bool:
        return all(self.visible_at(reply.source, reply.seq) is not None for reply in replies)

    def ages_s(self, replies: Iterable[Reply]) -> list[float]:
        """From reply to visible, of those that are; in order. One that was there before its reply is 0 old."""
        moments = ((reply, self.visible_at(reply.source, reply.seq)) for reply in replies)
        return sorted(max(0.0, moment - reply.at) for reply, moment in moments if moment is not None)
