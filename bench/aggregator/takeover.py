"""How long packs stay uncounted when an aggregator is killed, also in the middle of a transaction."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.aggregator.feed import Feeds
from bench.aggregator.fetching import Topic
from bench.aggregator.progress_watch import Database, await_
from bench.aggregator.traffic import Shape, Traffic
from bench.errors import BenchError
from bench.measurement import PRODUCT
from bench.results import Figures
from bench.site import Running, Site, Workspace
from common.crash_points import MARK, POINT, CrashPoint

KILLED = f"{PRODUCT}, killed"
IN_TRANSACTION = f"{PRODUCT}, killed in a transaction"
RATE = 200
_AT_FLUSH = 40  # of the one that will be killed: some seconds after it has its half
_WITHIN_S = 120.0


@dataclass(slots=True)
class Takeover:
    """Two aggregators share the partitions while events flow; one is killed with -9."""

    site: Site
    feeds: Feeds

    @property
    def name(self) -> str:
        return "takeover"

    @property
    def title(self) -> str:
        return (
            f"kill -9 of one of two aggregators at {RATE} events/s: until all of its partitions are fetched by the "
            "other, and until all that was in Kafka is in the totals"
        )

    @property
    def peers(self) -> Sequence[str]:
        return (KILLED, IN_TRANSACTION)

    def run(self, peer: str) -> Figures:
        with ExitStack() as stack:
            workspace = stack.enter_context(self.site.workspace())
            topic = _topic(workspace)
            database = stack.enter_context(Database(self.site.mongo, workspace.name))
            flow = stack.enter_context(
                flowing(topic, self.feeds.traffic(Shape(300, topic.partitions), datetime.now(UTC)))
            )
            stack.enter_context(self.site.service("aggregator", workspace.env))
            mark = workspace.folder / "mark"
            armed = {POINT: f"{CrashPoint.FLUSH_WRITTEN.label}:kill:{_AT_FLUSH}", MARK: str(mark)}
            env = {**workspace.env, **(armed if peer == IN_TRANSACTION else {})}
            victim = stack.enter_context(self.site.service("aggregator", env))
            die = (lambda: _dies(victim, mark)) if peer == IN_TRANSACTION else (lambda: _kill(victim))
            figures = self._measured(topic, database, victim, die)
            produced = flow.stop()
            await_("everything is counted", lambda: database.counted() >= produced, _WITHIN_S)
            if (counted := database.counted()) != produced:
                raise BenchError(f"{counted} events in the totals, of {produced}")
        return {**figures, "events": produced}

    def _measured(
        self, topic: Topic, database: Database, victim: Running, die: Callable[[], float]
    ) -> dict[str, float]:
        def owned() -> list[int]:
            """Partitions whose position names the victim; an owner is HOST:PID."""
            ours = f":{victim.pid}"
            return [n for n, place in database.places().items() if (place.owner or "").endswith(ours)]

        half = topic.partitions // 2
        await_(
            "both have their half",
            lambda: len(owned()) == half and sum(database.owners().values()) == 2 * half,
            _WITHIN_S,
        )
        lost = owned()
        died = die()
        ends = end_offsets(topic, lost)
        folding = await_("the other has them", lambda: not owned(), _WITHIN_S)

        def visible() -> bool:
            places = database.places()
            return all(places[number].next_offset >= end for number, end in ends.items())

        return {
            "fetched_s": folding - died,
            "visible_s": await_("what was in Kafka is visible", visible, _WITHIN_S) - died,
        }


def _kill(victim: Running) -> float:
    victim.process.kill()
    return time.time()


def _dies(victim: Running, mark: Path) -> float:
    """The moment at which it is seen to be gone, by itself."""
    deadline = time.monotonic() + _WITHIN_S
    while victim.process.exit_code() is None:
        if time.monotonic() > deadline:
            raise BenchError(f"{CrashPoint.FLUSH_WRITTEN.label} was not reached")
        time.sleep(0.002)
    if not mark.exists():
        raise BenchError("the aggregator died of something else")
    return time.time()


def _topic(workspace: Workspace) -> Topic:
    env = workspace.env
    return Topic(env["KAFKA__BOOTSTRAP_SERVERS"], env["KAFKA__TOPIC"], int(env["KAFKA__PARTITIONS"]))


def end_offsets(topic: Topic, partitions: Sequence[int]) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": topic.bootstrap_servers, "group.id": "bench"})
    try:
        return {n: consumer.get_watermark_offsets(TopicPartition(topic.name, n), timeout=10)[1] for n in partitions}
    finally:
        consumer.close()


class Flow:
    """Events into a topic at a steady rate, from a thread."""

    def __init__(self, topic: Topic, traffic: Traffic) -> None:
        self._topic = topic
        self._traffic = traffic
        self._over = Event()
        self._produced = 0
        self._producer = Producer(
            {"bootstrap.servers": topic.bootstrap_servers, "enable.idempotence": True, "linger.ms": 5, "log_level": 0}
        )
        self._thread = Thread(target=self._run, name="flow", daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """How many are in the topic."""
        self._over.set()
        self._thread.join()
        if self._producer.flush(30):
            raise BenchError("Kafka does not take the events")
        return self._produced

    def _run(self) -> None:
        began = time.monotonic()
        while not self._over.wait(0.01):
            due = int((time.monotonic() - began) * RATE) - self._produced
            for record in self._traffic.records(due):
                self._producer.produce(self._topic.name, record.value, record.key, record.partition)
            self._produced += due
            self._producer.poll(0)


@contextmanager
def flowing(topic: Topic, traffic: Traffic) -> Iterator[Flow]:
    flow = Flow(topic, traffic)
    try:
        yield flow
    finally:
        flow.stop()
