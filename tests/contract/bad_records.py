"""Records in the topic that no proxy would write: one list for the tests and for the table in the documentation."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from common.events import encode
from common.identity import new_session
from common.topic import partition_of
from tests.support.records import pack_event
from tests.support.workspace import Workspace

QUARANTINED, COUNTED, DROPPED, STOPPED = "quarantined", "counted", "dropped", "stops its partition"


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A value, and what becomes of it. `reason` begins the reason of the quarantine or of the stop."""

    name: str
    fate: str
    value: Callable[[Workspace, str], bytes | None]
    reason: str = ""
    partition_off: int = 0  # how many partitions away from its own it lies


def _bytes(name: str, value: bytes | None, reason: str = "not an event") -> BadRecord:
    return BadRecord(name, QUARANTINED, lambda *_: value, reason)


def _event(name: str, fate: str, reason: str = "", /, **changes: Any) -> BadRecord:
    """An event but for these members; None takes one out."""

    def value(workspace: Workspace, keystem: str) -> bytes:
        event = json.loads(encode(pack_event(workspace, keystem)))
        event.update({name: change for name, change in changes.items() if change is not None})
        return json.dumps(
            {name: member for name, member in event.items() if changes.get(name, "") is not None}
        ).encode()

    return BadRecord(name, fate, value, reason)


def _old_session() -> str:
    began = datetime.now(UTC) - timedelta(days=46)
    return new_session(int(began.timestamp() * 1e9))


def _nested(workspace: Workspace, keystem: str) -> bytes:
    return encode(pack_event(workspace, keystem))[:-1] + b',"later":' + b"[" * 50_000 + b"]" * 50_000 + b"}"


def _of_another(workspace: Workspace, keystem: str) -> bytes:
    own = partition_of(keystem, workspace.partitions)
    names = (f"other-{number}" for number in count())
    other = next(name for name in names if partition_of(name, workspace.partitions) != own)
    return encode(pack_event(workspace, other, partition=own))


def _beside(member: bytes) -> Callable[[Workspace, str], bytes]:
    """An event with one more member, as bytes that no encoder writes."""
    return lambda workspace, keystem: encode(pack_event(workspace, keystem))[:-1] + b"," + member + b"}"


NO_EVENTS = [
    _bytes("no value (a tombstone)", None, "no value"),
    _bytes("empty value", b""),
    _bytes("random bytes", bytes(range(256))),
    _bytes("text", b"hello"),
    _bytes("array", b"[]"),
    _bytes("empty object", b"{}"),
    _bytes("half a megabyte of zeros", b"\0" * 500_000),
    BadRecord("`NaN` in a measure", QUARANTINED, _beside(b'"volume":NaN'), "not an event"),
    BadRecord("bytes that are no UTF-8 in a text", QUARANTINED, _beside(b'"goal":"\xff"'), "not an event"),
    BadRecord("50,000 nested arrays in an unknown member", QUARANTINED, _nested, "not an event"),
    BadRecord("event with something behind it", QUARANTINED, lambda w, k: encode(pack_event(w, k)) + b"x", "not an event"),
    BadRecord("event cut off", QUARANTINED, lambda w, k: encode(pack_event(w, k))[:-1], "not an event"),
]  # fmt: skip

OUT_OF_BOUNDS = [
    _event("unknown kind", QUARANTINED, "not an event", kind="rename"),
    _event("no outcome", QUARANTINED, "not an event", outcome=None),
    _event("negative count", QUARANTINED, "not an event", items=-1),
    _event("count of 1e9", QUARANTINED, "not an event", items=10**9),
    _event("volume beyond 1e15", QUARANTINED, "not an event", volume=1e16),
    _event("latency of two days", QUARANTINED, "not an event", latency_ns=172_800_000_000_000),
    _event("text of 129 characters", QUARANTINED, "not an event", goal="x" * 129),
    _event("keystem with a dot", QUARANTINED, "not an event", keystem="a.b"),
    _event("keystem with a line feed", QUARANTINED, "not an event", keystem="abc\n"),
    _event("keystem `all`", QUARANTINED, "not an event", keystem="all"),
    _event("time without an offset", QUARANTINED, "not an event", occurred_at="2025-03-25T05:00:00"),
    _event("session that is no UUIDv7", QUARANTINED, "session is no UUIDv7", session="11111111-1111-4111-8111-111111111111"),
    _event("number 0 of its session", QUARANTINED, "not an event", seq=0),
    _event("number beyond 2^62", QUARANTINED, "not an event", seq=2**63),
    _event("session that began 46 days ago", QUARANTINED, "session too old", session=_old_session()),
    _event("schema 0", QUARANTINED, "not an event", schema=0),
    _event("schema is a text", QUARANTINED, "not an event", schema="1"),
    BadRecord("event of another partition", QUARANTINED, lambda w, k: encode(pack_event(w, k)), "another partition", 1),
    BadRecord("keystem of another partition", QUARANTINED, _of_another, "keystem of another partition"),
    _event("event larger than 16 KB", QUARANTINED, "too large", padding="x" * 17_000),
]  # fmt: skip

TAKEN = [
    _event("unknown outcome", COUNTED, outcome="melted"),
    _event("unknown cache state", COUNTED, cache="lukewarm"),
    _event("unknown members", COUNTED, colour="red", nested={"a": [1]}),
    _event("clock of 1970", COUNTED, occurred_at="1970-01-01T00:00:00Z"),
    _event("clock of next year", COUNTED, occurred_at=(datetime.now(UTC) + timedelta(days=365)).isoformat()),
    _event("names that mean something in a database path", COUNTED, box_types={"$a.b": 1, "": 1}, engine_version="1.9.2"),
]  # fmt: skip

NEWER = [_event("schema 2", STOPPED, "newer schema", schema=2)]

RECORDS = [*NO_EVENTS, *OUT_OF_BOUNDS, *TAKEN]
