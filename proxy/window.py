"""Which records are on their way to Kafka, and which may leave next: the order of the spool, and its exceptions.

Plain bookkeeping without threads, clocks or Kafka, so that every order of acknowledgements and failures can be tried.

1. Records leave in the order of the spool, and no more of them are on their way than the window allows.
2. A delete travels alone in its partition: it waits until nothing of that partition is on its way, and nothing of that
   partition follows until it is acknowledged. Else a delete that is sent again would wipe packs acknowledged after it.
3. After a failure everything that was not acknowledged is sent again, in the order of the spool. A failed delivery
   means *possibly written*; the aggregator drops what it has seen, by the identity inside the event.
4. A record that is too old to be recognised by the aggregator is set aside instead of sent.
"""

from collections import Counter, deque
from collections.abc import Sequence

from proxy.spool_record import Removal, SpoolRecord

MAX_RECORDS = 10_000
MAX_BYTES = 16 * 1024 * 1024
READ_AHEAD_BYTES = 1024 * 1024


class Parcel:
    """One record of a group; `number` is its place among all that were ever loaded."""

    __slots__ = ("group", "number", "record")

    def __init__(self, number: int, group: int, record: SpoolRecord) -> None:
        self.number = number
        self.group = group
        self.record = record


class Window:
    """The records between spool and Kafka: each is waiting, on its way, or settled (acknowledged or set aside)."""

    def __init__(self, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> None:
        self.loaded_to = 0  # the last group that was taken from the spool
        self.generation = 0  # counts failures: what a producer of an earlier generation reports is ignored
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._loaded = 0
        self._waiting: deque[Parcel] = deque()
        self._waiting_bytes = 0
        self._on_way: dict[int, Parcel] = {}  # by number, in the order in which they left
        self._on_way_bytes = 0
        self._on_way_in: Counter[int] = Counter()  # per partition
        self._deletes_on_way: set[int] = set()  # partitions
        self._unsettled: dict[int, int] = {}  # group -> how many of its records are not settled
        self._aside: dict[int, list[SpoolRecord]] = {}  # group -> its records that are too old
        self._removals: list[Removal] = []

    @property
    def on_way(self) -> int:
        """How many records Kafka was given and has not acknowledged."""
        return len(self._on_way)

    @property
    def unsettled(self) -> int:
        return len(self._on_way) + len(self._waiting)

    def wants_more(self) -> bool:
        """Whether the next groups should be read from the spool now."""
        return self._waiting_bytes < READ_AHEAD_BYTES and len(self._waiting) < self._max_records

    def load(self, group: int, records: Sequence[SpoolRecord]) -> None:
        """Take the next group of the spool."""
        self.loaded_to = group
        self._unsettled[group] = len(records)
        for record in records:
            self._loaded += 1
            self._waiting.append(Parcel(self._loaded, group, record))
            self._waiting_bytes += len(record.value)

    def next(self, oldest_ms: int) -> Parcel | None:
        """The parcel that may leave now, None if none may; what occurred before `oldest_ms` is set aside on the way."""
        while self._waiting and self._waiting[0].record.occurred_ms < oldest_ms:
            parcel = self._take_head()
            self._aside.setdefault(parcel.group, []).append(parcel.record)
            self._settle(parcel.group)
        if not self._waiting:
            return None
        head = self._waiting[0]
        return head if self._has_room(head.record) and self._may_travel(head.record) else None

    def sent(self) -> None:
        """The parcel that `next` gave was handed to the producer."""
        parcel = self._take_head()
        record = parcel.record
        self._on_way[parcel.number] = parcel
        self._on_way_bytes += len(record.value)
        self._on_way_in[record.partition] += 1
        if record.is_delete:
            self._deletes_on_way.add(record.partition)

    def acknowledged(self, parcel: Parcel, generation: int) -> bool:
        """Kafka has the parcel; False where that is the word of a producer that was given up, and means nothing."""
        if generation != self.generation:
            return False
        del self._on_way[parcel.number]
        record = parcel.record
        self._on_way_bytes -= len(record.value)
        self._on_way_in[record.partition] -= 1
        if record.is_delete:
            self._deletes_on_way.discard(record.partition)
        self._settle(parcel.group)
        return True

    def rewind(self) -> None:
        """The producer is given up: all that it did not acknowledge waits again, before what has not left yet."""
        self.generation += 1
        for parcel in reversed(self._on_way.values()):
            self._waiting.appendleft(parcel)
            self._waiting_bytes += len(parcel.record.value)
        self._on_way.clear()
        self._on_way_bytes = 0
        self._on_way_in.clear()
        self._deletes_on_way.clear()

    def take_removals(self) -> list[Removal]:
        """The groups that were settled since the last call: the spool may let go of them."""
        taken, self._removals = self._removals, []
        return taken

    def _take_head(self) -> Parcel:
        parcel = self._waiting.popleft()
        self._waiting_bytes -= len(parcel.record.value)
        return parcel

    def _has_room(self, record: SpoolRecord) -> bool:
        if not self._on_way:
            return True
        return len(self._on_way) < self._max_records and self._on_way_bytes + len(record.value) <= self._max_bytes

    def _may_travel(self, record: SpoolRecord) -> bool:
        if record.partition in self._deletes_on_way:
            return False
        return not (record.is_delete and self._on_way_in[record.partition])

    def _settle(self, group: int) -> None:
        self._unsettled[group] -= 1
        if not self._unsettled[group]:
            del self._unsettled[group]
            self._removals.append(Removal(group, tuple(self._aside.pop(group, ()))))
