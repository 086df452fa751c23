"""From the spool to Kafka, in order, and only what Kafka acknowledged leaves the spool.

A turn: connect if there is no producer (after a back-off, and only to a topic that is as it must be); read ahead from
the spool; hand over what the window lets go; serve Kafka's reports; tell the spool which groups are done with.

Whatever goes wrong (a delivery that failed, an exception, a fatal error, no acknowledgement for ten minutes), the
producer is given up and a new one sends again from the oldest record that was not acknowledged, under the same
identity. Nothing is ever dropped because an error calls itself permanent.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException

from common import metrics
from common.crash_points import CrashPoint, reach
from proxy.backoff import Backoff
from proxy.kafka_link import KafkaProducer
from proxy.spool_record import Group, Removal
from proxy.window import Parcel, Window

# An older record could belong to a session that the aggregators have forgotten, and be counted a second time.
OLDEST_SENT_MS = 30 * 24 * 3600 * 1000
POLL_S = 0.1
READ_BYTES = 1024 * 1024
SILENCE_S = 5.0  # without an acknowledgement, Kafka is called unreachable
STALLED_S = 600.0  # without an acknowledgement, the producer is given up
SETTLED_S = 10.0  # a producer that lives as long is no longer part of a row of failures

LinkState = Literal["starting", "sending", "unreachable", "mismatch"]
log = structlog.get_logger()


class Source(Protocol):
    """Where the records come from: the process's own spool, or one that it has adopted."""

    @property
    def last_id(self) -> int: ...

    def read(self, after: int, max_bytes: int) -> list[Group]: ...

    def remove(self, removals: Sequence[Removal]) -> None: ...

    def wait(self, timeout_s: float) -> None: ...


class Link(Protocol):
    """How Kafka is reached (see kafka_link)."""

    @property
    def topic(self) -> str: ...

    def connect(self, on_error: Callable[[KafkaError], None]) -> KafkaProducer: ...

    def problems(self) -> list[str]: ...

    def dispose(self, producer: KafkaProducer) -> None: ...


class Sender:
    """Moves records while somebody calls `turn`, always from the same thread; `state` and `problem` may be read by any."""

    def __init__(
        self,
        source: Source,
        link: Link,
        backoff: Backoff,
        *,
        window: Window | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.state: LinkState = "starting"
        self.problem: str | None = None
        self._source = source
        self._link = link
        self._backoff = backoff
        self._window = window or Window()
        self._clock = clock
        self._wall_ms = wall_ms
        self._producer: KafkaProducer | None = None
        self._failure: str | None = None  # a report of this generation said that a delivery failed
        self._mistake: BaseException | None = None  # of ours, made in a callback
        self._acknowledged = 0  # since the last turn
        self._progress_at = self._connected_at = self._probe_at = clock()
        self._heard: str | None = None  # the last error that librdkafka spoke of, until Kafka answered again

    def is_drained(self) -> bool:
        """Whether everything that the spool holds was settled."""
        return self.is_abreast and not self._window.unsettled

    @property
    def is_abreast(self) -> bool:
        """Whether everything that the spool holds was read from it."""
        return self._source.last_id <= self._window.loaded_to

    def turn(self) -> None:
        """One round; returns after a tenth of a second at the most, unless Kafka has to be found first."""
        if self._producer is None:
            self._connect()
            return
        try:
            self._hand_over(self._producer)
            self._serve(self._producer)
        except (KafkaException, RuntimeError) as error:
            self._give_up("exception", wording(error))
        if self._mistake is not None:
            raise self._mistake
        if self._failure is not None:
            self._give_up("delivery", self._failure)
        self._note_progress()
        self._remove_settled()

    def close(self) -> None:
        """Let go of the producer; what it did not acknowledge stays in the spool."""
        if self._producer is not None:
            self._window.rewind()
            self._link.dispose(self._producer)
            self._producer = None

    # --- connecting ------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._backoff.wait()
        try:
            problems = self._link.problems()
            if problems:
                self._backoff.failed()
                self._became("mismatch", "; ".join(problems))
                return
            self._producer = self._link.connect(self._on_error)
        except KafkaException as error:
            self._backoff.failed()
            self._became("unreachable", wording(error))
            return
        self._progress_at = self._connected_at = self._clock()
        self._heard = None
        self._became("sending", None)

    def _give_up(self, reason: str, detail: str) -> None:
        """Drop the producer with all that it holds, and begin again from the oldest record without acknowledgement."""
        metrics.SENDER_REBUILDS.labels(reason).inc()
        log.warning("sender_rebuilds", reason=reason, detail=detail, unacknowledged=self._window.on_way)
        self.close()
        reach(CrashPoint.SENDER_GAVE_UP)
        self._failure = None
        self._backoff.failed()
        self._became("unreachable", detail)

    def _became(self, state: LinkState, problem: str | None) -> None:
        # An outage is told once, however the wording of its errors changes.
        told_before = self.problem if state == "mismatch" else problem
        if (state, problem) != (self.state, told_before):
            level = log.info if problem is None else log.warning
            level("sender_state", state=state, problem=problem)
        self.state, self.problem = state, problem

    # --- sending ---------------------------------------------------------------------------------------------------

    def _hand_over(self, producer: KafkaProducer) -> None:
        window = self._window
        if window.wants_more() and not self.is_abreast:
            for group in self._source.read(window.loaded_to, READ_BYTES):
                window.load(group.id, group.records)
        oldest_ms = self._wall_ms() - OLDEST_SENT_MS
        while (parcel := window.next(oldest_ms)) is not None:
            reach(CrashPoint.SENDER_NEXT)
            try:
                self._produce(producer, parcel)
            except BufferError:  # librdkafka's own queue is full: its reports make room
                return
            reach(CrashPoint.SENDER_PRODUCED)
            if not window.on_way:
                self._progress_at = self._clock()
            window.sent()

    def _produce(self, producer: KafkaProducer, parcel: Parcel) -> None:
        record = parcel.record
        producer.produce(
            self._link.topic,
            value=record.value,
            key=record.key.encode(),
            partition=record.partition,
            on_delivery=partial(self._on_delivery, parcel, self._window.generation),
        )

    def _serve(self, producer: KafkaProducer) -> None:
        """Wait for what comes next: a report where something is on its way, else news from the spool."""
        if self._window.unsettled:
            producer.poll(POLL_S)
            return
        producer.poll(0)
        if self._heard is not None and self._clock() >= self._probe_at:
            self._probe(producer)
        if self.is_abreast:
            self._source.wait(POLL_S)

    def _probe(self, producer: KafkaProducer) -> None:
        """Nothing is on its way that could tell whether Kafka is still there after what was heard: ask."""
        self._probe_at = self._clock() + SILENCE_S
        try:
            producer.list_topics(self._link.topic, 1.0)
        except KafkaException as error:
            self._became("unreachable", wording(error))
        else:
            self._heard = None
            self._became("sending", None)

    def _on_delivery(self, parcel: Parcel, generation: int, error: KafkaError | None, message: Any) -> None:
        """Kafka's word on one record, in `poll`. Must not raise: what goes wrong here is raised by the turn."""
        del message
        try:
            if error is None:
                reach(CrashPoint.SENDER_REPORTED)
                self._acknowledged += self._window.acknowledged(parcel, generation)
            elif generation == self._window.generation:
                self._failure = wording(error)
        except BaseException as mistake:  # noqa: BLE001  # librdkafka has no use for it
            self._mistake = mistake

    def _on_error(self, error: KafkaError) -> None:
        """A lost connection and the like, in `poll`; librdkafka tries again by itself. Must not raise."""
        self._heard = wording(error)

    def _note_progress(self) -> None:
        now = self._clock()
        if self._acknowledged:
            metrics.SENT.inc(self._acknowledged)
            self._acknowledged = 0
            self._progress_at = now
            self._heard = None
            if now - self._connected_at >= SETTLED_S:
                self._backoff.succeeded()
            self._became("sending", None)
        elif not self._window.on_way:
            return
        elif now - self._progress_at > STALLED_S:
            self._give_up("stalled", self._heard or "no acknowledgement")
        elif now - self._progress_at > SILENCE_S:
            self._became("unreachable", self._heard or "no acknowledgement")

    def _remove_settled(self) -> None:
        removals = self._window.take_removals()
        if not removals:
            return
        reach(CrashPoint.SENDER_SETTLED)
        aside = sum(len(removal.aside) for removal in removals)
        if aside:
            metrics.SET_ASIDE.inc(aside)
            log.error("records_set_aside", records=aside, reason="older than 30 days")
        self._source.remove(removals)
        reach(CrashPoint.SENDER_REMOVING)


def wording(error: Exception | KafkaError) -> str:
    """What an error says, for people."""
    inner = error.args[0] if isinstance(error, KafkaException) else error
    return f"{inner.name()}: {inner.str()}" if isinstance(inner, KafkaError) else str(inner)
