"""Changes and positions as BSON: counts are Int64, sums Decimal128, whatever their size, so that types never vary."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bson import Int64
from bson.raw_bson import RawBSONDocument

from aggregator.batches import Claim, Quarantined, SessionState, Stop
from aggregator.changes import Change, Id
from common.progress import moment_of
from common.seen import Seen

DECIMAL_LIMIT = 10**34
INTEGER = 6176 << 113  # the exponent 0
NEGATIVE_INTEGER = INTEGER | 1 << 127

Document = dict[str, Any]


def bson_id(identity: Id) -> object:
    """An `_id` as it is stored; an embedded one keeps the order of its fields, which is part of its value."""
    return dict(identity) if isinstance(identity, tuple) else identity


def update_of(change: Change) -> Document:
    """The update that makes a change, with only the operators that it needs."""
    parts: Document = {
        "$min": {path: _extreme(value) for path, value in change.minima.items()},
        "$max": {path: _extreme(value) for path, value in change.maxima.items()},
        "$setOnInsert": change.constants,
    }
    update: Document = {"$inc": increments(change.counts, change.sums)} if change.counts or change.sums else {}
    update.update((operator, fields) for operator, fields in parts.items() if fields)
    return update


def increments(counts: Mapping[str, int], sums: Mapping[str, int]) -> RawBSONDocument:
    """Both as one document, encoded here: they are nearly all that a batch writes, and the driver would take an object
    of Python for each. Raises OverflowError for a number that its type does not hold.
    """
    parts = [b"\x12%b\0%b" % (path.encode(), by.to_bytes(8, "little", signed=True)) for path, by in counts.items()]
    parts += [b"\x13%b\0%b" % (path.encode(), _decimal_bytes(amount)) for path, amount in sums.items()]
    body = b"".join(parts)
    return RawBSONDocument(b"%b%b\0" % ((len(body) + 5).to_bytes(4, "little"), body))


def _decimal_bytes(amount: int) -> bytes:
    """Decimal128 of an integer: sign, exponent 0 (biased), and the digits as a binary number, in little-endian order."""
    magnitude = abs(amount)
    if magnitude >= DECIMAL_LIMIT:
        raise OverflowError(f"{amount} has more than 34 digits")
    return (magnitude | (NEGATIVE_INTEGER if amount < 0 else INTEGER)).to_bytes(16, "little")


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
