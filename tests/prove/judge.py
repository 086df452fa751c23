"""Judges a campaign from its journal, the log and the documents; pure, so that wrong evidence can be put before it.

The rules, for every request:

1. a reply with X-Event-ID: that event is in the log, once by its identity, with this request id and keystem
2. a reply without one: no event of this request is in the log
3. no reply: at most one event of this request is in the log
4. an event in the log: its request was asked for
5. events of one session and partition on either side of a delete, by their numbers, are on that side of it in the log
6. the documents are exactly what the log adds up to in its order, each identity once and a delete clearing what was
   before it: per keystem, per hour, in all, and in the receipts of the deletes
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import TypeVar

from common.documents import hour_of
from common.events import DeleteEvent, Event, PackEvent, event_id
from tests.support.ledger import Counted, Ledger, Sums, fold

KeyT = TypeVar("KeyT")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the log has an event first, and what of it the judge needs."""

    index: int  # in the order of its partition
    session: str
    partition: int
    seq: int
    keystem: str
    request_id: str
    is_delete: bool


@dataclass(slots=True)
class LogFold:
    """Adds up the events of the log, given in the order of each partition, by the words of the contract."""

    first: dict[str, Place] = field(default_factory=dict)
    again: int = 0  # records whose identity was there before
    outcomes: Counter[str] = field(default_factory=Counter)
    keystems: defaultdict[str, Sums] = field(default_factory=lambda: defaultdict(Counter))
    hours: defaultdict[tuple[str, datetime], Sums] = field(default_factory=lambda: defaultdict(Counter))
    everything: Sums = field(default_factory=Counter)
    everything_hours: defaultdict[datetime, Sums] = field(default_factory=lambda: defaultdict(Counter))
    cleared: dict[str, Sums] = field(default_factory=dict)  # by the event id of the delete

    def take(self, event: Event) -> None:
        identity = event_id(event.session, event.partition, event.seq)
        if identity in self.first:
            self.again += 1
            return
        is_delete = isinstance(event, DeleteEvent)
        request_id = _request_id(event)
        self.first[identity] = Place(
            len(self.first), event.session, event.partition, event.seq, event.keystem, request_id, is_delete
        )
        if isinstance(event, PackEvent):
            self.outcomes[event.outcome] += 1
            hour = hour_of(event.occurred_at)
            for sums in (
                self.keystems[event.keystem],
                self.hours[event.keystem, hour],
                self.everything_hours[hour],
                self.everything,
            ):
                fold(sums, event)
        else:
            self.outcomes["delete"] += 1
            self._clear(identity, event.keystem)

    @property
    def counted(self) -> Counted:
        return Counted(self.keystems, self.hours, self.everything, self.everything_hours)

    def _clear(self, identity: str, keystem: str) -> None:
        gone = self.keystems.pop(keystem, Counter())
        self.cleared[identity] = gone
        self.everything.subtract(gone)
        for key in [key for key in self.hours if key[0] == keystem]:
            self.everything_hours[key[1]].subtract(self.hours.pop(key))


def _request_id(event: Event) -> str:
    """A delete has it behind the word that says who asked."""
    if isinstance(event, DeleteEvent):
        return (event.actor or "").rpartition(" ")[2]
    return event.request_id or ""


@dataclass(slots=True)
class Verdict:
    """What was found; clean where no list has anything in it."""

    asked: int = 0
    unanswered: int = 0
    acknowledged: int = 0  # replies with X-Event-ID
    counted: int = 0  # packs in the documents or cleared by a delete, and deletes that were applied
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    never_asked: list[str] = field(default_factory=list)
    not_promised: list[str] = field(default_factory=list)  # counted, although the reply said that it is not
    out_of_order: list[str] = field(default_factory=list)
    wrong_totals: list[str] = field(default_factory=list)

    @property
    def findings(self) -> list[str]:
        return [
            *self.lost,
            *self.doubled,
            *self.never_asked,
            *self.not_promised,
            *self.out_of_order,
            *self.wrong_totals,
        ]


def judge(ledger: Ledger, log: LogFold, counted: Counted, cleared: Mapping[str, Sums]) -> Verdict:
    """`cleared` is what the receipts in the documents say that each delete removed."""
    verdict = Verdict(
        asked=len(ledger.entries), unanswered=len(ledger.unanswered), acknowledged=len(ledger.counted_for_sure)
    )
    receipts = sum((sums["requests"] for sums in cleared.values()), len(cleared))
    verdict.counted = counted.everything["requests"] + receipts
    _judge_replies(verdict, ledger, log)
    verdict.out_of_order += _out_of_order(log)
    _judge_sums(verdict, "keystem", log.keystems, counted.keystems)
    _judge_sums(verdict, "hour", log.hours, counted.hours)
    _judge_sums(verdict, "hour of all", log.everything_hours, counted.everything_hours)
    _judge_sums(verdict, "in all", {"": log.everything}, {"": counted.everything})
    _judge_sums(verdict, "cleared by", log.cleared, cleared)
    verdict.lost += [f"delete {identity}: has no receipt" for identity in log.cleared.keys() - cleared.keys()]
    verdict.never_asked += [f"receipt {identity}: no such delete" for identity in cleared.keys() - log.cleared.keys()]
    return verdict


def _judge_replies(verdict: Verdict, ledger: Ledger, log: LogFold) -> None:
    by_request: defaultdict[str, list[str]] = defaultdict(list)
    for identity, place in log.first.items():
        by_request[place.request_id].append(identity)
        entry = ledger.entries.get(place.request_id)
        if entry is None:
            verdict.never_asked.append(f"event {identity}: request {place.request_id!r} was never asked")
        elif entry.keystem != place.keystem:
            verdict.never_asked.append(f"event {identity}: of {place.keystem}, its request of {entry.keystem}")
    for entry in ledger.entries.values():
        found, name = by_request.get(entry.request_id, []), f"request {entry.request_id}"
        if len(found) > 1:
            verdict.doubled.append(f"{name}: is in the log as {found}")
        if entry.event_id is not None and entry.event_id not in found:
            verdict.lost.append(f"{name}: replied with event {entry.event_id}, which is not in the log, but {found}")
        elif entry.event_id is None and entry.status is not None and found:
            verdict.not_promised.append(f"{name}: replied {entry.status} without an event, in the log is {found}")


def _out_of_order(log: LogFold) -> Iterator[str]:
    """Rule 5. Packs alone may overtake each other, because their sum does not depend on it."""
    runs: defaultdict[tuple[str, int], list[Place]] = defaultdict(list)
    for place in log.first.values():
        runs[place.session, place.partition].append(place)
    for places in runs.values():
        places.sort(key=lambda place: place.seq)
        latest_before = accumulate((place.index for place in places), max, initial=-1)
        earliest_behind = list(accumulate((place.index for place in reversed(places)), min))[::-1]
        for place, latest, earliest in zip(places, latest_before, earliest_behind, strict=False):
            if place.is_delete and not latest < place.index <= earliest:
                yield f"delete {event_id(place.session, place.partition, place.seq)}: not in its place in the log"


def _judge_sums(verdict: Verdict, what: str, wanted: Mapping[KeyT, Sums], found: Mapping[KeyT, Sums]) -> None:
    nothing: Sums = Counter()
    for key in sorted(wanted.keys() | found.keys(), key=str):
        expected, there = wanted.get(key, nothing), found.get(key, nothing)
        off = {path: there[path] - expected[path] for path in expected.keys() | there.keys()}
        shown = ", ".join(f"{path} {by:+}" for path, by in sorted(off.items()) if by)
        if not shown:
            continue
        requests = off.get("requests", 0)
        into = verdict.lost if requests < 0 else verdict.doubled if requests > 0 else verdict.wrong_totals
        into.append(f"{what} {key}: the documents differ from the log by {shown}")
