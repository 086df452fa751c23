"""Pure: whether a quarantined record may be put into the topic once more, and under which identity it is counted once.

- Its identity was readable when it was quarantined: then that identity counts as seen, no copy of it will ever be
  folded, and the record gets a new one, which is written down before it is used.
- Its identity was not readable then, but is now: then a copy of it may still come, so it keeps its own identity, and
  whichever of the two comes first is counted.
- Its identity cannot be trusted at all: then nobody can say of two such records whether they are one. Refused.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from admin.refusal import RefusalError
from aggregator.pack_stream import PackStream
from aggregator.records import Foldable, Poison, Record
from aggregator.sessions import OLDEST_START_MS
from common.events import PackEvent, decode, encode
from common.identity import new_session, started_ms
from common.mongo import Document
from common.topic import partition_of

SOURCE = "quarantine"
_KEPT = timedelta(milliseconds=OLDEST_START_MS)


@dataclass(frozen=True, slots=True)
class Plan:
    """The event to send; a `fresh` one has a place-holder for its identity, which `identified` replaces."""

    event: PackEvent
    fresh: bool
    note: str | None

    def identified(self, session: str, seq: int) -> PackEvent:
        return msgspec.structs.replace(self.event, session=session, seq=seq)


def plan(document: Document, partitions: int, now: datetime) -> Plan:
    """What a retry sends. Raises RefusalError with why it would break the promise, or be of no use."""
    _refuse_settled(document)
    event = _event(document)
    burned = document.get("session") is not None
    home = partition_of(event.keystem, partitions)
    if burned:
        sent = msgspec.structs.replace(event, session=new_session(), partition=home, seq=1, source=SOURCE)
    else:
        _refuse_untrusted(event, now)
        sent = msgspec.structs.replace(event, source=SOURCE)
    reading = PackStream(partitions).read(Record(0, _ms(now), None, None, encode(sent)), home)
    if isinstance(reading, Poison):
        raise RefusalError(f"it would be quarantined again: {reading.reason}")
    if not isinstance(reading, Foldable):
        raise RefusalError("it is no pack")
    old = event.occurred_at < now - _KEPT
    return Plan(sent, burned, "it is so old that it counts in the hour of the retry, as clock_suspect" if old else None)


def _refuse_settled(document: Document) -> None:
    if document.get("discarded"):
        raise RefusalError("it was discarded")
    if document.get("retry", {}).get("sent_at"):
        raise RefusalError("it was retried already, and is counted under the identity that `quarantine show` names")
    if document.get("cleared"):
        raise RefusalError("a delete of its keystem came after it: counting it now would bring back what was deleted")
    if document["reason"] == "session too old":
        raise RefusalError("it may have been counted long ago: aggregators have forgotten its session; discard it")


def _event(document: Document) -> PackEvent:
    value = document.get("value")
    if value is None:
        raise RefusalError("it has no value; discard it")
    try:
        event = decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RefusalError(f"this version cannot read it either: {error!s:.200}; update, or discard it") from error
    if not isinstance(event, PackEvent):
        raise RefusalError(
            "it is a delete: sent now it would clear what was counted since. Ask for it again through the API, and discard this"
        )
    return event


def _refuse_untrusted(event: PackEvent, now: datetime) -> None:
    began = started_ms(event.session)
    if began is None:
        raise RefusalError("its session is no UUIDv7: nobody can say whether another record is the same; discard it")
    if began < _ms(now) - OLDEST_START_MS:
        raise RefusalError(
            "its session began more than 45 days ago: it may have been counted and forgotten; discard it"
        )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
