"""A proxy: the product's window and sender over a disk that keeps what was committed, and a process that can die."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from common.events import SCHEMA, DeleteEvent, Event, PackEvent, decode, encode, event_id
from common.topic import partition_of
from proxy.backoff import Backoff
from proxy.sender import Sender
from proxy.spool_record import Group, Removal, SpoolRecord
from proxy.window import Window
from tests.simulation.kafka import PARTITIONS, Broker, Link
from tests.support.made_events import START, START_MS, delete, session_at

WINDOW_RECORDS = 6


@dataclass(slots=True)
class Disk:
    """What survives the process."""

    groups: dict[int, list[SpoolRecord]] = field(default_factory=dict)
    given: int = 0  # the number of a group is never given twice

    def append(self, records: list[SpoolRecord]) -> int:
        self.given += 1
        self.groups[self.given] = records
        return self.given


class Proxy:
    """`acknowledged` are the events whose callers have a reply, in the order of the spool."""

    renames_after_a_crash = False  # a mutant

    def __init__(self, name: str, broker: Broker, calm: Callable[[], bool], clock: Callable[[], float]) -> None:
        self.name = name
        self.disk = Disk()
        self.acknowledged: list[Event] = []
        self._broker = broker
        self._calm = calm
        self._clock = clock
        self.start()

    def start(self) -> None:
        """A new process: a new session, and the spool from its beginning."""
        self.session = session_at()
        self._seqs = Counter[int]()  # of the session, by partition
        self.queue: list[Event] = []
        self._removals: list[Removal] = []
        self.last_id = max(self.disk.groups, default=0)
        backoff = Backoff(lambda _: None, self._broker.chance.random)
        self.sender = Sender(
            self, Link(self._broker, self._calm), backoff,
            window=Window(WINDOW_RECORDS), clock=self._clock, wall_ms=lambda: START_MS,
        )  # fmt: skip

    def crash(self) -> None:
        """kill -9: what was not committed is gone, and what was acknowledged and not removed is sent again."""
        self.sender.close()
        self.start()
        if self.renames_after_a_crash:
            self._rename()

    def _rename(self) -> None:
        """What is in the spool gets identities of the new session, as if it had not been sent before."""
        for number, records in self.disk.groups.items():
            renamed = []
            for record in records:
                seq = self._next_seq(record.partition)
                event = structs.replace(decode(record.value), session=self.session, seq=seq)
                renamed.append(structs.replace(record, value=encode(event)))
            self.disk.groups[number] = renamed

    def request(self, number: int) -> None:
        """An event is numbered and queued in one step; the caller has no reply yet."""
        keystem = f"{self.name}-{number}"
        partition = partition_of(keystem, PARTITIONS)
        make = delete if self._broker.chance.random() < 0.06 else small_pack
        event = make(self.session, self._next_seq(partition), keystem)
        self.queue.append(structs.replace(event, partition=partition))

    def _next_seq(self, partition: int) -> int:
        self._seqs[partition] += 1
        return self._seqs[partition]

    def commit(self) -> None:
        """What is queued becomes durable, and only then the callers have their replies."""
        self._let_go()
        if self.queue:
            queued, self.queue = self.queue, []
            self.last_id = self.disk.append([_record(event) for event in queued])
            self.acknowledged += queued

    def _let_go(self) -> None:
        for removal in self._removals:
            self.disk.groups.pop(removal.group, None)
        self._removals = []

    # --- as the sender's source --------------------------------------------------------------------------------------

    def read(self, after: int, max_bytes: int) -> list[Group]:
        del max_bytes
        return [Group(number, records) for number, records in self.disk.groups.items() if number > after][:2]

    def remove(self, removals: Sequence[Removal]) -> None:
        self._removals += removals

    def wait(self, timeout_s: float) -> None: ...


def small_pack(session: str, seq: int, keystem: str) -> PackEvent:
    """A pack with few figures: what is counted of it is somebody else's test."""
    return PackEvent(
        schema=SCHEMA, session=session, partition=0, seq=seq, keystem=keystem, occurred_at=START, outcome="packed",
        volume=float(seq), request_id=f"{seq}",
    )  # fmt: skip


def _record(event: Event) -> SpoolRecord:
    return SpoolRecord(event.partition, event.keystem, encode(event), START_MS, isinstance(event, DeleteEvent))


def identity(event: Event) -> str:
    return event_id(event.session, event.partition, event.seq)
