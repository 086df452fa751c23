"""Pure: what a recount expects and what documents hold, field by field. A counter that is 0 is as good as absent."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bson import Decimal128
from bson.decimal128 import create_decimal128_context

from aggregator.bson_forms import bson_id
from aggregator.changes import Change, Id
from common import documents
from common.mongo import Document

# Path to value: counts are integers, sums decimals, so that a counter of the wrong type is found.
Flat = dict[str, Any]
WHOLE = "(document)"
_CONSTANTS = frozenset({"hour", "day", "partition"})


@dataclass(frozen=True, slots=True)
class Difference:
    collection: str
    id: str
    field: str
    documents: str  # what the document holds
    topic: str  # what the records add up to


def expected(collection: str, change: Change) -> Flat:
    """The fields of the document that these changes make."""
    flat: Flat = {path: number for path, number in change.counts.items() if number}
    flat.update((path, Decimal(amount)) for path, amount in change.sums.items() if amount)
    for values in (change.minima, change.maxima, change.constants):
        for path, value in values.items():
            flat.update(_flattened({path: value._asdict() if hasattr(value, "_asdict") else value}))
    if collection == documents.KEYDATA:
        flat.update(_flattened({documents.LATENCY_MEAN: _mean(change)}))
    return flat


def found(document: Document) -> Flat:
    """The fields of a document as it is stored."""
    return dict(_flattened({name: value for name, value in document.items() if name != "_id"}))


def differences(collection: str, identity: object, wanted: Flat, stored: Flat | None) -> Iterator[Difference]:
    """Field by field; a document that is not there, or that must not be, in one line."""
    shown = shown_id(identity)
    if not wanted:
        # After a delete the total of an hour may hold nothing but its hour.
        if stored and stored.keys() - _CONSTANTS:
            yield Difference(collection, shown, WHOLE, _summary(stored), "nothing")
        return
    if stored is None:
        yield Difference(collection, shown, WHOLE, "nothing", _summary(wanted))
        return
    for field in sorted(wanted.keys() | stored.keys()):
        there, right = stored.get(field), wanted.get(field)
        if type(there) is not type(right) or there != right:
            yield Difference(collection, shown, field, _shown(there), _shown(right))


def receipt_differences(event_id: str, cleared: Change, receipt: Document | None) -> Iterator[Difference]:
    """Whether a delete left its receipt, and what it says was cleared."""
    if receipt is None:
        yield Difference("deletions", event_id, WHOLE, "nothing", "a delete that was applied")
        return
    wanted = expected(documents.KEYDATA, cleared)
    for name in ("partition", documents.LATENCY_MEAN):
        wanted.pop(name, None)
    there = found(receipt.get("cleared") or {})
    for each in differences("deletions", event_id, wanted, there):
        yield Difference(each.collection, each.id, f"cleared.{each.field}", each.documents, each.topic)


def shown_id(identity: object) -> str:
    stored = bson_id(identity) if isinstance(identity, tuple) else identity
    parts = stored.values() if isinstance(stored, Mapping) else (stored,)
    return " ".join(f"{part:%Y-%m-%dT%H}" if isinstance(part, datetime) else str(part) for part in parts)


def key_of(identity: Id | object) -> str:
    """One text for an identity, whether it comes from a recount or from a document."""
    stored = bson_id(identity) if isinstance(identity, tuple) else identity
    return repr(list(stored.items())) if isinstance(stored, Mapping) else repr(stored)


def _flattened(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{path}.")
            continue
        plain = value.to_decimal() if isinstance(value, Decimal128) else value
        if isinstance(plain, int):
            plain = int(plain)  # whatever the driver calls it
        elif isinstance(plain, list | tuple):
            plain = json.dumps(plain, sort_keys=True)
        if plain is not None and plain != 0:
            yield path, plain


def _mean(change: Change) -> Decimal | None:
    """As the database divides: 34 digits."""
    n = change.counts.get("latency.n", 0)
    return create_decimal128_context().divide(Decimal(change.sums.get("latency.sum", 0)), Decimal(n)) if n else None


def _summary(fields: Flat) -> str:
    return f"{fields['requests']} requests" if "requests" in fields else f"{len(fields)} fields"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = f"{value:%Y-%m-%dT%H:%M:%S.%f}" if isinstance(value, datetime) else str(value)
    kind = " (a double)" if isinstance(value, float) else ""
    return f"{text[:60]}{kind}"
