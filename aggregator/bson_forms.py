"""Changes and positions as BSON: counts are Int64, sums Decimal128, whatever their size, so that types never vary."""

from datetime import UTC, datetime
from typing import Any

from bson import Decimal128, Int64

from aggregator.batches import Claim, Quarantined, SessionState, Stop
from aggregator.changes import Change, Id
from common.progress import moment_of
from common.seen import Seen

Document = dict[str, Any]


def bson_id(identity: Id) -> object:
    """An `_id` as it is stored; an embedded one keeps the order of its fields, which is part of its value."""
    return dict(identity) if isinstance(identity, tuple) else identity


def update_of(change: Change) -> Document:
    """The update that makes a change, with only the operators that it needs."""
    increments: Document = {path: Int64(by) for path, by in change.counts.items()}
    increments.update((path, Decimal128(str(amount))) for path, amount in change.sums.items())
    parts = {
        "$inc": increments,
        "$min": {path: _extreme(value) for path, value in change.minima.items()},
        "$max": {path: _extreme(value) for path, value in change.maxima.items()},
        "$setOnInsert": change.constants,
    }
    return {operator: fields for operator, fields in parts.items() if fields}


def _extreme(value: Any) -> Any:
    """A named tuple becomes an embedded document, which the database compares field by field as Python does."""
    if not hasattr(value, "_asdict"):
        return value
    return {name: Int64(part) if isinstance(part, int) else part for name, part in value._asdict().items()}


def claim_of(position: Document, sessions: dict[str, SessionState]) -> Claim:
    return Claim(
        next_offset=int(position["next_offset"]),
        generation=int(position["generation"]),
        leader_epoch=position.get("leader_epoch"),
        log_ms=_epoch_ms(position.get("log_time")),
        sessions=sessions,
        lsid=bytes(position["lsid"]) if position.get("lsid") is not None else None,
        succeeded_by=position.get("succeeded_by"),
    )


def session_state(stored: Document) -> SessionState:
    ranges = [[int(first), int(last)] for first, last in stored["ranges"]]
    return SessionState(Seen(int(stored["upto"]), ranges), _epoch_ms(stored["log_time"]))


def session_fields(state: SessionState) -> Document:
    return {
        "upto": Int64(state.seen.upto),
        "ranges": [[Int64(first), Int64(last)] for first, last in state.seen.ranges],
        "log_time": moment_of(state.log_ms),
    }


def quarantine_fields(partition: int, held: Quarantined) -> Document:
    record, source = held.record, held.source
    return {
        "partition": partition,
        "offset": Int64(record.offset),
        "log_time": moment_of(record.log_ms),
        "reason": held.reason,
        "key": record.key,
        "value": record.value,
        "session": source.session if source else None,
        "seq": Int64(source.seq) if source else None,
        "keystem": held.subject[:128] if held.subject else None,
        "cleared": False,
    }


def stop_fields(stop: Stop) -> Document:
    return {"reason": stop.reason, "detail": stop.detail[:500], "at": datetime.now(UTC)}


def _epoch_ms(moment: Any) -> int:
    return round(moment.timestamp() * 1000) if moment is not None else 0
