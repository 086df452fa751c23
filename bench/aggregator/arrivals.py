"""Packs at a fixed rate, with the moment at which each was certain to be counted and the event it became."""

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from bench.aggregator.feed import Feeds
from bench.aggregator.traffic import Shape
from bench.aggregator.visible import Reply
from bench.errors import BenchError
from bench.open_loop import Outcome
from bench.proxy.upstream import USUAL, Upstreams
from bench.site import REPO, Running, Site, Workspace
from proxy.kafka_link import SAFETY

_GRACE_S = 60.0
_FACILITIES = 300

Send = Callable[[float, Callable[[], None]], "Sent"]
"""Let packs arrive for so many seconds, and look again and again meanwhile."""
Arrivals = Callable[[Workspace], AbstractContextManager[Send]]


@dataclass(frozen=True, slots=True)
class Sent:
    due: int
    refused: int  # or lost
    replies: list[Reply]


@dataclass(frozen=True, slots=True)
class ThroughProxy:
    """To a proxy, before an upstream without delay; a pack is certain to be counted when its reply is there."""

    site: Site
    upstreams: Upstreams
    rate: int

    @contextmanager
    def __call__(self, workspace: Workspace) -> Iterator[Send]:
        with self.site.service("proxy", self.upstreams.upstream.proxy_env(workspace)) as proxy:
            yield lambda seconds, look: self._send(proxy, seconds, look)

    def _send(self, proxy: Running, seconds: float, look: Callable[[], None]) -> Sent:
        out = self.site.folder / f"replies-{uuid.uuid4().hex[:8]}"
        body = self.upstreams.upstream.request(USUAL)
        command = [sys.executable, "-m", "bench.aggregator.event_load", f"{proxy.url}/?view=stats", str(body)]
        command += ["--rate", str(self.rate), "--seconds", str(seconds), "--out", str(out)]
        load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPO)
        try:
            deadline = time.monotonic() + seconds + _GRACE_S
            while load.poll() is None:
                if time.monotonic() > deadline:
                    raise BenchError("the generator does not end")
                look()
            output, errors = load.communicate(timeout=5)
        finally:
            load.kill()
        if load.returncode:
            raise BenchError(f"the generator ended with {load.returncode}: {errors[-1000:]}")
        outcome = msgspec.json.decode(output, type=Outcome)
        with out.open() as file:
            return Sent(outcome.due, outcome.refused + outcome.lost, [Reply.from_line(line) for line in file])


@dataclass(frozen=True, slots=True)
class IntoKafka:
    """As several proxies would write them; an event is certain to be counted when Kafka has acknowledged it."""

    feeds: Feeds
    rate: int

    @contextmanager
    def __call__(self, workspace: Workspace) -> Iterator[Send]:
        env = workspace.env
        topic, partitions = env["KAFKA__TOPIC"], int(env["KAFKA__PARTITIONS"])
        producer = Producer({"bootstrap.servers": env["KAFKA__BOOTSTRAP_SERVERS"], "log_level": 0, **SAFETY})
        traffic = self.feeds.traffic(Shape(_FACILITIES, partitions, self.rate), datetime.now(UTC))

        def send(seconds: float, look: Callable[[], None]) -> Sent:
            replies: list[Reply] = []
            made, due, began = 0, round(self.rate * seconds), time.monotonic()
            while made < due:
                now = min(due, int((time.monotonic() - began) * self.rate))
                for record in traffic.records(now - made):
                    told = _Told(record.session, record.partition, record.seq, replies)
                    producer.produce(topic, record.value, record.key, record.partition, on_delivery=told)
                made = now
                producer.poll(0)
                look()
            producer.flush(_GRACE_S)
            return Sent(due, due - len(replies), replies)

        yield send


@dataclass(slots=True)
class _Told:
    """Notes the moment of Kafka's word."""

    session: str
    partition: int
    seq: int
    replies: list[Reply]

    def __call__(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.replies.append(Reply(time.time(), (self.session, self.partition), self.seq))
