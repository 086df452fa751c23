"""The ledger of a load: what was intended, what was replied, and the comparison of both with what was counted.

The comparison is pure, so that a run can be judged again from what was kept of it. The rules, for every request:

1. a reply with X-Event-ID: that event is in the log, with this request id and keystem
2. a reply without one: no event of this request is in the log
3. no reply: at most one event of this request is in the log
4. an event in the log: its request was intended
5. the documents are exactly what the log's events add up to, each identity once: per keystem, per hour, and in all
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from common.documents import hour_of, micro
from common.events import Event, PackEvent, event_id

KeyT = TypeVar("KeyT")
EventT = TypeVar("EventT", bound=Event)

ANSWERED = frozenset({"packed", "refused", "failed"})


@dataclass(slots=True)
class Entry:
    """One request. `event_id` and `status` are those of its reply; both None where no whole reply came."""

    request_id: str
    keystem: str
    began_s: float  # of the monotonic clock
    status: int | None = None
    event_id: str | None = None
    failure: str | None = None  # what kind of error came instead of a whole reply


@dataclass(slots=True)
class Ledger:
    """Every request that was about to be sent, by its id. One thread writes; others look at a copy meanwhile."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def intend(self, request_id: str, keystem: str) -> Entry:
        entry = self.entries[request_id] = Entry(request_id, keystem, time.monotonic())
        return entry

    @property
    def counted_for_sure(self) -> list[Entry]:
        return [entry for entry in list(self.entries.values()) if entry.event_id is not None]

    @property
    def unanswered(self) -> list[Entry]:
        return [entry for entry in list(self.entries.values()) if entry.status is None]


# Counters of one document by their paths, as integers: measures in micro-units, times in nanoseconds.
Sums = Counter[str]

PATHS = ("requests", "packs", "items", "boxes", "volume", "volume_used", "latency.n", "latency.sum")
MAPS = ("outcomes", "statuses")


def fold(sums: Sums, event: PackEvent) -> None:
    """Count an event, by the words of the contract and not by the code that is under test."""
    sums["requests"] += 1
    sums[f"outcomes.{event.outcome}"] += 1
    if event.outcome in ANSWERED and event.latency_ns is not None:
        sums["latency.n"] += 1
        sums["latency.sum"] += event.latency_ns
    if event.status is not None:
        sums[f"statuses.{event.status}"] += 1
    if event.outcome == "packed":
        sums["packs"] += 1
        sums["items"] += event.items or 0
        sums["boxes"] += event.boxes or 0
        sums["volume"] += micro(event.volume or 0)
        sums["volume_used"] += micro(event.volume_used or 0)


@dataclass(frozen=True, slots=True)
class Counted:
    """What the documents say: lifetime per keystem, per keystem and hour, and the totals of all the same way."""

    keystems: Mapping[str, Sums]
    hours: Mapping[tuple[str, datetime], Sums]
    everything: Sums
    everything_hours: Mapping[datetime, Sums]


def recomputed(events: Iterable[PackEvent]) -> Counted:
    """What the documents have to say, if each identity is counted once."""
    keystems: defaultdict[str, Sums] = defaultdict(Counter)
    hours: defaultdict[tuple[str, datetime], Sums] = defaultdict(Counter)
    everything_hours: defaultdict[datetime, Sums] = defaultdict(Counter)
    everything: Sums = Counter()
    for event in distinct(events).values():
        hour = hour_of(event.occurred_at)
        for sums in (keystems[event.keystem], hours[event.keystem, hour], everything_hours[hour], everything):
            fold(sums, event)
    return Counted(keystems, hours, everything, everything_hours)


def distinct(events: Iterable[EventT]) -> dict[str, EventT]:
    """The events by their identity; one that was sent again is there once."""
    return {event_id(event.session, event.partition, event.seq): event for event in events}


def differences(ledger: Ledger, events: Sequence[PackEvent], counted: Counted) -> list[str]:
    """Every way in which replies, log and documents disagree; empty where each pack is counted exactly once."""
    known = distinct(events)
    return [*_replies(ledger, known), *_unasked(ledger, known), *_documents(recomputed(events), counted)]


def _replies(ledger: Ledger, known: Mapping[str, PackEvent]) -> Iterator[str]:
    by_request: defaultdict[str, list[str]] = defaultdict(list)
    for identity, event in known.items():
        by_request[event.request_id or ""].append(identity)
    for entry in ledger.entries.values():
        found = by_request[entry.request_id]
        if entry.event_id is not None and found != [entry.event_id]:
            yield f"request {entry.request_id}: replied with event {entry.event_id}, in the log are {found}"
        elif entry.event_id is None and entry.status is not None and found:
            yield f"request {entry.request_id}: replied {entry.status} without an event, in the log are {found}"
        elif len(found) > 1:
            yield f"request {entry.request_id}: not replied, and in the log more than once: {found}"


def _unasked(ledger: Ledger, known: Mapping[str, PackEvent]) -> Iterator[str]:
    for identity, event in known.items():
        entry = ledger.entries.get(event.request_id or "")
        if entry is None:
            yield f"event {identity}: request {event.request_id} was never sent"
        elif entry.keystem != event.keystem:
            yield f"event {identity}: is of keystem {event.keystem}, its request of {entry.keystem}"


def _documents(wanted: Counted, counted: Counted) -> Iterator[str]:
    yield from _unequal("keystem", wanted.keystems, counted.keystems)
    yield from _unequal("hour", wanted.hours, counted.hours)
    yield from _unequal("hour of all", wanted.everything_hours, counted.everything_hours)
    yield from _unequal("in all", {"": wanted.everything}, {"": counted.everything})


def _unequal(what: str, wanted: Mapping[KeyT, Sums], counted: Mapping[KeyT, Sums]) -> Iterator[str]:
    nothing: Sums = Counter()
    for key in sorted(wanted.keys() | counted.keys(), key=str):
        expected, found = wanted.get(key, nothing), counted.get(key, nothing)
        off = {path: found[path] - expected[path] for path in expected.keys() | found.keys()}
        if any(off.values()):
            shown = ", ".join(f"{path} {by:+}" for path, by in sorted(off.items()) if by)
            yield f"{what} {key}: the documents differ from the log by {shown}"
