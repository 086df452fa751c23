"""Every piece between a request and a total, driven by one seeded scheduler: the same seed gives the same history.

Proxies that crash, a log that takes records without saying so, members that are frozen at any step while others go on,
several of them believing that they own the partition, a database whose commits are lost, unanswered or decided later.
The classes are the product's own: window, sender, sessions, partition, fold, flusher, holdings, oversight, consumer.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from random import Random
from unittest.mock import patch

from aggregator.consumer import Consumer
from aggregator.pack_stream import PackStream
from common import documents
from common.errors import LostPlaceError
from common.events import DeleteEvent, Event, decode
from tests.simulation.database import Database, SimStore
from tests.simulation.kafka import PARTITIONS, Broker, Fetches
from tests.simulation.proxy import Proxy, identity
from tests.support.made_events import START_MS

STEPS = 400
PATHS = ("requests", "packs", "volume")


class Erasure:
    """Stands where the product's own stands, over the simulated database."""

    def __init__(self, store: SimStore, partition: object) -> None:
        self._store = store
        self._partition = partition

    def step(self) -> bool:
        return self._store.erase(self._partition)  # type: ignore[arg-type]  # always a Partition


class Member:
    """One aggregator process."""

    def __init__(self, world: "World", number: int) -> None:
        self.number = number
        self.log = Fetches(world.broker, world.is_calm)
        lsid = world.chance.randbytes(16)
        store = SimStore(world.database, lsid, lambda where: world.freeze(self, where), world.is_calm)
        self.consumer = Consumer(self.log, store, PackStream(PARTITIONS), PARTITIONS, 0.3)  # type: ignore[arg-type]  # what it uses of a Store is there
        self.log.subscribe(self.consumer.holdings)
        self.is_frozen = False

    def owns(self, partition: int) -> bool:
        """Whether the group gave it the partition, as far as it was told."""
        holdings = self.consumer.holdings
        return self.log.is_telling or partition in holdings.held or partition in holdings.unclaimed


class World:
    """One history. `schedule` has its steps in words."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.trace: Counter[str] = Counter()
        self.schedule: list[str] = []
        self.now = 1000.0
        self.calm = False
        self.broker = Broker(self.chance, self.trace, START_MS)
        self.database = Database(self.chance, self.trace)
        self.proxies = [Proxy(name, self.broker, self.is_calm, self.clock) for name in ("p0", "p1")]
        self.members = [Member(self, number) for number in range(3)]
        self._requests = 0
        self._depth = 0

    def clock(self) -> float:
        return self.now

    def is_calm(self) -> bool:
        return self.calm

    # --- one step ------------------------------------------------------------------------------------------------

    def step(self) -> None:
        self.now += self.chance.random() * 0.4
        proxy = self.chance.choice(self.proxies)
        member = self.chance.choice([one for one in self.members if not one.is_frozen])
        x = self.chance.random()
        if x < 0.2:
            self._requests += 1
            self._do(f"{proxy.name} takes a request", lambda: proxy.request(self.chance.randrange(3 * PARTITIONS)))
        elif x < 0.3:
            self._do(f"{proxy.name} commits", proxy.commit)
        elif x < 0.48:
            self._do(f"{proxy.name} sends", proxy.sender.turn)
        elif x < 0.49:
            self.trace["proxy crash"] += 1
            self._do(f"{proxy.name} crashes", proxy.crash)
        elif x < 0.52:
            self._do("a late record lands", self.broker.land_late)
        elif x < 0.54:
            self._do("the database decides", self._decide)
        else:
            self._member_step(member, x)

    def _member_step(self, member: Member, x: float) -> None:
        name, partition = f"member {member.number}", self.chance.randrange(PARTITIONS)
        if x < 0.555:
            self.trace["aggregator crash"] += 1
            self._do(f"{name} crashes", lambda: self._restart(member))
        elif x < 0.57 and member.owns(partition) and not member.log.is_telling:
            told = self.chance.choice((member.log.revoke, member.log.take_away))
            self.trace[f"partition {'revoked' if told == member.log.revoke else 'lost'}"] += 1
            self._do(f"{name} is told that partition {partition} goes", lambda: told(partition))
        elif not member.owns(partition) and self.chance.random() < 0.3:
            self._do(f"{name} is assigned partition {partition}", lambda: member.log.assign(partition))
        else:
            self._do(f"{name} turns", lambda: self._turn(member))

    def _turn(self, member: Member) -> None:
        try:
            member.consumer.turn()
        except LostPlaceError:
            self.trace["exit 75"] += 1
            self._restart(member)
        if any(held.partition.stop is not None for held in member.consumer.holdings.held.values()):
            self.trace["stopped, and restarted by an operator"] += 1
            self._restart(member)

    def _restart(self, member: Member) -> None:
        fresh = Member(self, member.number)
        self.members[self.members.index(member)] = fresh
        if self.calm:
            fresh.log.assign(*range(PARTITIONS))

    def _decide(self) -> None:
        for transaction in self.database.open_of():
            if not any(one.is_frozen for one in self.members):
                self.database.decide(transaction)

    def _do(self, words: str, deed: Callable[[], object]) -> None:
        self.schedule.append(f"{'  ' * self._depth}{words}")
        deed()

    def freeze(self, member: Member, where: str) -> None:
        """Now and then a member stops here, and everybody else goes on for a while."""
        if self.calm or self._depth or self.chance.random() >= 0.08:
            return
        self.trace[where] += 1
        self.schedule.append(f"member {member.number} is {where}")
        member.is_frozen, self._depth = True, 1
        for _ in range(self.chance.randrange(1, 40)):
            self.step()
        member.is_frozen, self._depth = False, 0

    # --- a history -----------------------------------------------------------------------------------------------

    def run(self) -> str | None:
        """What is wrong after a history and its healing, None where nothing is."""
        with installed(self):
            for _ in range(STEPS):
                self.step()
            return self._heal() or self._judge()

    def _heal(self) -> str | None:
        """No faults any more: what is still on its way arrives, and one member catches up."""
        self.calm = True
        for proxy in self.proxies:
            if not self._drain(proxy):
                return f"{proxy.name} does not drain"
        while self.broker.late:
            self.broker.land_late()
        for transaction in self.database.open_of():
            self.database.decide(transaction)
        return self._catch_up()

    def _drain(self, proxy: Proxy) -> bool:
        proxy.commit()
        for _ in range(300):
            self.now += 1
            proxy.sender.turn()
            proxy.commit()
            if proxy.sender.is_drained():
                return True
        return False

    def _catch_up(self) -> str | None:
        self.members = self.members[:1]  # not a fresh one: what it got wrong in memory must heal too
        self._turn(self.members[0])  # it may have been told that a partition goes
        if unowned := [partition for partition in range(PARTITIONS) if not self.members[0].owns(partition)]:
            self.members[0].log.assign(*unowned)
        for partition in range(PARTITIONS):
            if self.chance.random() < 0.5:
                self.trace["the last records of all destroyed"] += 1
                self.members[0].log.lose(partition, max(1, self._behind(partition)))
        for _ in range(600):
            self.now += 0.5
            self._turn(self.members[0])
            if not any(map(self._behind, range(PARTITIONS))):
                return None
        return f"stuck, so many records uncounted: {list(map(self._behind, range(PARTITIONS)))}"

    def _behind(self, partition: int) -> int:
        """Records that the position does not include."""
        return self.broker.length(partition) - self.database.positions[partition].next_offset

    # --- the oracle ----------------------------------------------------------------------------------------------

    def _judge(self) -> str | None:
        log = [decode(record.value or b"") for records in self.broker.records.values() for record in records]
        first: dict[str, Event] = {}
        for event in log:
            first.setdefault(identity(event), event)
        if lost := [event for proxy in self.proxies for event in proxy.acknowledged if identity(event) not in first]:
            return f"{len(lost)} acknowledged events are not in the log"
        wanted = recount(first.values())
        seen_by_callers = recount(event for proxy in self.proxies for event in in_spool_order(proxy, first))
        if wanted != seen_by_callers:
            return f"a delete wiped a later pack or missed an earlier one: {wanted} for {seen_by_callers}"
        return self._compare(wanted)

    def _compare(self, wanted: dict[str, Counter[str]]) -> str | None:
        keydata = {key: of(sums) for key, sums in self.database.documents(documents.KEYDATA).items()}
        if keydata != wanted:
            return f"keydata {keydata}, wanted {wanted}"
        everything = sum(wanted.values(), Counter[str]())
        for collection in (documents.KEYDATA_HOURS, documents.TOTALS, documents.TOTALS_HOURS):
            found = sum((of(sums) for sums in self.database.documents(collection).values()), Counter[str]())
            if found != everything:
                return f"{collection} {found}, wanted {everything}"
        return None


def of(sums: Counter[str]) -> Counter[str]:
    return +Counter({path: sums[path] for path in PATHS})


def recount(events: Iterable[Event]) -> dict[str, Counter[str]]:
    """Packs per keystem after these events, each once, in this order."""
    counted: dict[str, Counter[str]] = {}
    for event in events:
        if isinstance(event, DeleteEvent):
            counted.pop(event.keystem, None)
        else:
            counted.setdefault(event.keystem, Counter()).update(
                requests=1, packs=1, volume=documents.micro(event.volume or 0)
            )
    return counted


def in_spool_order(proxy: Proxy, first: dict[str, Event]) -> list[Event]:
    """What the callers of a proxy were promised, in the order in which they were promised it."""
    return [event for event in proxy.acknowledged if identity(event) in first]


@contextmanager
def installed(world: World) -> Iterator[None]:
    """The clock and the erasure of this world, where the product looks for its own."""
    with (
        patch("aggregator.consumer.monotonic", world.clock),
        patch("aggregator.holdings.monotonic", world.clock),
        patch("aggregator.flusher.Erasure", Erasure),
        patch("tests.support.fake_log.datetime", _Now),
    ):
        yield


class _Now(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_Now":
        return cls(2025, 3, 25, tzinfo=tz)
