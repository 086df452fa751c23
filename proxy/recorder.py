"""From an exchange to an event in the spool, in one synchronous step: whatever goes wrong here, the pack is counted.

Here the pure parts meet the state they need: which keystem a credential had, which names a keystem has used.
"""

import asyncio
import os
import time
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from common.events import PackEvent, encode, event_id
from common.metrics import SUSPECT_NUMBERS
from common.topic import partition_of
from proxy import event_size, headers, pack_request, pack_stats
from proxy.exchange import Answer, Exchange, Failure
from proxy.keystem import Credential, Keystems, Resolved
from proxy.pack_answer import Content
from proxy.pack_request import PackRequest
from proxy.pack_stats import Identity, Outcome, RawAnswer, Timing
from proxy.settings import Settings
from proxy.spool_record import SpoolRecord
from proxy.vocabulary import Vocabulary

_log = structlog.get_logger()


class EventQueue(Protocol):
    """The spool, as far as a pack is concerned; see `proxy.spool`."""

    session: str

    def admit(self) -> None: ...

    def release(self) -> None: ...

    def next_seq(self, partition: int) -> int: ...

    def append(self, record: SpoolRecord) -> asyncio.Future[None]: ...


class Forwarded(msgspec.Struct, frozen=True):
    """A request that went upstream, and what came of it. `started_ns` is of the monotonic clock."""

    request_id: str
    request: PackRequest
    credential: Credential | None
    exchange: Exchange
    occurred_at: datetime
    started_ns: int
    latency_ns: int


class Recorded(msgspec.Struct, frozen=True):
    """What is known of a pack. `durable` is done when its event is; None where it is not counted."""

    event: PackEvent
    outcome: Outcome
    durable: "asyncio.Future[None] | None"

    @property
    def event_id(self) -> str:
        return event_id(self.event.session, self.event.partition, self.event.seq)


class Recorder:
    """Makes and queues the events of packs. For the event loop's thread alone."""

    def __init__(self, settings: Settings, queue: EventQueue) -> None:
        self._queue = queue
        self._partitions = settings.kafka.partitions
        self._labels = settings.proxy.labels
        self._max_answer_bytes = settings.proxy.max_answer_bytes
        key = settings.proxy.hash_key
        self._hash_key = key.get_secret_value().encode() if key is not None else None
        self._keystems = Keystems(os.urandom(32))
        self._vocabulary = Vocabulary()

    def read_request(self, body: bytes) -> PackRequest:
        """What a request asks for; one that our own reading fails on is sent all the same."""
        try:
            return pack_request.read(body, self._labels, self._hash_key)
        except Exception:  # noqa: BLE001  # whatever it is, the pack is counted
            _log.exception("request_not_read", request_bytes=len(body))
            return PackRequest(pack_request.unread(body).facts, None)

    def record(self, forwarded: Forwarded) -> Recorded:
        """Number the event, encode it and queue it in the place that was admitted."""
        try:
            outcome, owner = self._judged(forwarded)
            partition = partition_of(owner.keystem, self._partitions)
            seq = self._queue.next_seq(partition)
            identity = Identity(self._queue.session, partition, seq, *owner, forwarded.request_id)
            event, outcome, value = self._event(identity, forwarded, outcome)
        except BaseException:
            self._queue.release()
            raise
        occurred_ms = int(event.occurred_at.timestamp() * 1000)
        return Recorded(event, outcome, self._queue.append(SpoolRecord(partition, owner.keystem, value, occurred_ms)))

    def describe(self, forwarded: Forwarded) -> Recorded:
        """The same figures for a reply that is not counted."""
        outcome, owner = self._judged(forwarded)
        identity = Identity(self._queue.session, 0, 1, *owner, forwarded.request_id)
        event, outcome, _ = self._event(identity, forwarded, outcome)
        return Recorded(event, outcome, None)

    def _judged(self, forwarded: Forwarded) -> tuple[Outcome, Resolved]:
        """What became of it, and whose it is."""
        result = forwarded.exchange.result
        try:
            outcome = _outcome(result, self._max_answer_bytes)
        except Exception:  # noqa: BLE001  # whatever it is, the pack is counted
            _log.exception("answer_not_read", request_id=forwarded.request_id)
            outcome = _underivable(result)
        if outcome.content.pack is not None and outcome.content.pack.suspect:
            SUSPECT_NUMBERS.inc(outcome.content.pack.suspect)
        status = result.status if isinstance(result, Answer) else None
        return outcome, self._keystems.resolve(forwarded.credential, outcome.content.keystem, status)

    def _event(self, identity: Identity, forwarded: Forwarded, outcome: Outcome) -> tuple[PackEvent, Outcome, bytes]:
        timing = Timing(
            forwarded.occurred_at,
            forwarded.latency_ns,
            time.perf_counter_ns() - forwarded.started_ns - forwarded.latency_ns,
            forwarded.exchange.attempts,
        )
        try:
            names = self._vocabulary.of(identity.keystem, identity.session)
            facts = forwarded.request.facts
            event = pack_stats.event(identity, timing, outcome, facts, names, forwarded.credential)
            return event, outcome, event_size.sealed(event, names)
        except Exception:  # noqa: BLE001  # whatever it is, the pack is counted
            _log.exception("statistics_not_derived", request_id=forwarded.request_id)
            outcome = _underivable(forwarded.exchange.result)
            event = pack_stats.minimal_event(identity, timing, outcome)
            return event, outcome, encode(event)


def _outcome(result: Answer | Failure, max_bytes: int) -> Outcome:
    if isinstance(result, Failure):
        return pack_stats.unanswered(result.outcome, result.message, result.status)
    codings = headers.joined(result.headers, b"content-encoding")
    return pack_stats.outcome(RawAnswer(result.status, result.body, codings), max_bytes)


def _underivable(result: Answer | Failure) -> Outcome:
    """A mistake of ours; the pack was made and is counted, without its figures."""
    return pack_stats.unusable("statistics could not be derived from upstream's answer", result.status, Content())
