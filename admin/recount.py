"""Pure: the records of one partition → what its documents must hold; by the aggregator's own fold, position and dedupe.

Only totals are not taken from the fold: they are added up from the keystems afterwards, so that a total that does not
follow from them is found. A record that has a document in quarantine was judged when it came, and that judgement holds:
this program may be able to read what the one of that day could not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aggregator.batches import Claim, Flush, SessionState
from aggregator.changes import Change, Id, Key
from aggregator.erasure import KEYSTEM_ONLY
from aggregator.partition import Partition, Verdict
from aggregator.records import Batch, Poison, Reading, Record, Source, Stream
from common import documents
from common.errors import PackstatsError

# By offset and log time (an offset can be written twice): identity and keystem, where they were readable.
Quarantine = Mapping[tuple[int, int], tuple[Source | None, str | None]]
_KEPT = frozenset({documents.KEYDATA, documents.KEYDATA_HOURS, documents.CARTON_DAYS, documents.CARTON_LISTS})


class CannotRecountError(PackstatsError):
    """A record at which an aggregator would have stopped lies before the position."""


@dataclass(frozen=True, slots=True)
class AsJudged:
    """The stream, as it was judged when it came."""

    stream: Stream
    quarantine: Quarantine

    def read(self, record: Record, partition: int) -> Reading:
        judged = self.quarantine.get((record.offset, record.log_ms))
        if judged is not None:
            return Poison("quarantined", *judged)
        return self.stream.read(record, partition)

    def new_batch(self, partition: int) -> Batch:
        return self.stream.new_batch(partition)


@dataclass(slots=True)
class Recount:
    """What is found; everything in it belongs to one partition. Memory grows with documents, not with records."""

    number: int
    stream: Stream
    start: int
    records: int = 0
    changes: dict[Key, Change] = field(default_factory=dict)
    receipts: dict[str, Change] = field(default_factory=dict)  # of each delete: what it cleared
    quarantined: list[tuple[int, int]] = field(default_factory=list)  # offset and log time
    holes: list[tuple[int, int]] = field(default_factory=list)  # from, to before
    _partition: Partition = field(init=False)

    def __post_init__(self) -> None:
        self._partition = Partition(self.number, Claim(self.start, 0, None, 0, {}), self.stream)

    @property
    def sessions(self) -> Mapping[str, SessionState]:
        return self._partition.sessions.states

    def take(self, record: Record) -> None:
        """The next record of the log. Raises CannotRecountError."""
        self.records += 1
        while (verdict := self._partition.offer(record)) is not Verdict.TAKEN:
            if verdict is Verdict.GAP:
                self._go_on_at(record.offset)
            elif verdict is Verdict.HELD:
                self._absorb(self._partition.swap())
            elif verdict is Verdict.BARRIER:
                self._delete()
                break
            else:
                stop = self._partition.stop
                raise CannotRecountError(stop.detail if stop is not None else f"offset {record.offset} comes twice")
        if self._partition.is_ripe:
            self._absorb(self._partition.swap())

    def finish(self, position: int) -> None:
        """No more records before that position."""
        if self._partition.next_offset < position:
            self.holes.append((self._partition.next_offset, position))
        self._absorb(self._partition.swap())
        self._add_up()

    def _go_on_at(self, offset: int) -> None:
        partition = self._partition
        self.holes.append((partition.next_offset, offset))
        self._absorb(partition.swap())
        claim = Claim(offset, 0, partition.leader_epoch, partition.log_ms, partition.sessions.states)
        self._partition = Partition(self.number, claim, self.stream)

    def _absorb(self, flush: Flush | None) -> None:
        if flush is None:
            return
        for key, change in flush.batch.changes().documents.items():
            if key[0] in _KEPT:
                self.changes.setdefault(key, Change(constants=change.constants)).absorb(change)
        self.quarantined += [(held.record.offset, held.record.log_ms) for held in flush.quarantined]

    def _delete(self) -> None:
        self._absorb(self._partition.swap())
        barrier, _ = self._partition.met_barrier()
        self.receipts[barrier.event_id] = self.changes.pop((documents.KEYDATA, barrier.subject), Change())
        for key in [key for key in self.changes if _belongs_to(key, barrier.subject)]:
            del self.changes[key]
        self._partition.pass_barrier()

    def _add_up(self) -> None:
        for (collection, identity), change in list(self.changes.items()):
            if collection == documents.KEYDATA:
                self._total(documents.TOTALS, self.number).absorb(_without_maps(change))
            elif collection == documents.KEYDATA_HOURS:
                hour = hour_of(identity)
                total = self._total(documents.TOTALS_HOURS, (("p", self.number), ("h", hour)), hour=hour)
                total.absorb(change, extremes=False)

    def _total(self, collection: str, identity: Id, **constants: object) -> Change:
        return self.changes.setdefault((collection, identity), Change(constants=constants))


def hour_of(identity: Id) -> datetime:
    """The hour or day in the identity of a document that has one."""
    assert isinstance(identity, tuple)
    moment = identity[1][1]
    assert isinstance(moment, datetime)
    return moment


def _belongs_to(key: Key, keystem: str) -> bool:
    """Whether a delete of the keystem removes this document; lists of cartons stay."""
    collection, identity = key
    dated = collection in {documents.KEYDATA_HOURS, documents.CARTON_DAYS}
    return dated and isinstance(identity, tuple) and identity[0][1] == keystem


def _without_maps(change: Change) -> Change:
    """As much of a keystem's counters as goes into the total."""
    counts, sums = (
        {path: number for path, number in numbers.items() if path.split(".")[0] not in KEYSTEM_ONLY}
        for numbers in (change.counts, change.sums)
    )
    return Change(counts, sums, change.minima, change.maxima)
