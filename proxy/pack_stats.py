"""Pure: what became of a pack request → the event that is counted and the statistics the caller gets.

Nothing here waits or fails for what upstream sent; whatever JSON comes, there is an event within its bounds.
"""

from datetime import datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec

from common.events import (
    MAX_BOX_ROWS,
    OTHER_CARTON,
    SCHEMA,
    UNNAMED_CARTON,
    BoxRow,
    PackEvent,
    UpstreamError,
)
from proxy import boxes
from proxy.bounds import bounded
from proxy.keystem import Credential
from proxy.pack_answer import Content, Pack, read_error, read_pack
from proxy.pack_request import RequestFacts
from proxy.vocabulary import Names

PACKED: Final = "packed"
REFUSED: Final = "refused"
FAILED: Final = "failed"
UNREACHABLE: Final = "unreachable"
TIMED_OUT: Final = "timed_out"
UNREADABLE: Final = "unreadable"
ANSWERED: Final = frozenset({PACKED, REFUSED, FAILED})

MAX_REF_IDS: Final = 64
_MAX_LATENCY_NS: Final = 86_400 * 1_000_000_000
_SHORTEST_SECRET: Final = 8


class Timing(msgspec.Struct, frozen=True):
    """When a pack was forwarded, how long upstream took, and how long we did so far."""

    occurred_at: datetime
    latency_ns: int
    proxy_ns: int
    attempts: int


class RawAnswer(msgspec.Struct, frozen=True):
    """An answer as it came; `codings` is its Content-Encoding."""

    status: int
    body: bytes
    codings: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a request. `message` is for its caller and says why there is no pack."""

    name: str
    status: int | None  # upstream's, of a usable answer only
    error: UpstreamError | None
    message: str | None
    content: Content
    response_bytes: int | None = None


class Identity(NamedTuple):
    """Which event it is, and whose."""

    session: str
    partition: int
    seq: int
    keystem: str
    keystem_from: str
    request_id: str


def outcome(answer: RawAnswer, limit: int) -> Outcome:
    """Judge an answer; it is unpacked to at most `limit` bytes."""
    status, size = answer.status, len(answer.body)
    if 200 <= status < 300:
        content = read_pack(answer.body, answer.codings, limit)
        if content.pack is not None:
            return Outcome(PACKED, status, None, None, content, size)
        return unusable(f"upstream's answer {content.problem}", status, content, size)
    if 400 <= status < 600:
        content = read_error(answer.body, answer.codings, limit, status)
        error = UpstreamError(code=content.error_code, message=content.error_message)
        return Outcome(REFUSED if status < 500 else FAILED, status, error, content.error_message, content, size)
    what = "redirects, which is not followed" if 300 <= status < 400 else "answered with an unknown status"
    return unusable(f"upstream {what} ({status})", status, Content(), size)


def unusable(message: str, status: int | None, content: Content, size: int | None = None) -> Outcome:
    """An answer that is none: its status counts as no status, but is kept as the code of the error."""
    return Outcome(UNREADABLE, None, UpstreamError(code=status, message=message), message, content, size)


def unanswered(name: str, message: str, status: int | None = None) -> Outcome:
    """Upstream could not be reached, took too long, or began an answer that did not end well."""
    return Outcome(name, None, UpstreamError(code=status, message=message), message, Content())


def event(
    identity: Identity, timing: Timing, of: Outcome, request: RequestFacts, names: Names, secret: Credential | None
) -> PackEvent:
    """The event of a pack, not yet within the size of an event (`proxy.event_size`)."""
    pack = of.content.pack
    return PackEvent(
        schema=SCHEMA,
        **identity._asdict(),
        occurred_at=timing.occurred_at,
        latency_ns=min(timing.latency_ns, _MAX_LATENCY_NS),
        proxy_ns=min(max(timing.proxy_ns, 0), _MAX_LATENCY_NS),
        attempts=timing.attempts,
        outcome=of.name,
        status=of.status,
        error=_error(of.error, secret),
        response_bytes=of.response_bytes,
        **msgspec.structs.asdict(_with_known_list(request, names)),
        **(_pack_fields(pack, names) if pack is not None else {}),
    )


def minimal_event(identity: Identity, timing: Timing, of: Outcome) -> PackEvent:
    """An event of what is known without reading anything."""
    return PackEvent(
        schema=SCHEMA,
        **identity._asdict(),
        occurred_at=timing.occurred_at,
        latency_ns=min(timing.latency_ns, _MAX_LATENCY_NS),
        attempts=timing.attempts,
        outcome=of.name,
        error=of.error,
    )


def _error(error: UpstreamError | None, secret: Credential | None) -> UpstreamError | None:
    """Upstream may repeat what it was sent, so a key is taken out of its message."""
    if error is None or error.message is None:
        return error
    message = error.message
    for part in (secret.key, secret.secret) if secret is not None else ():
        if part is not None and len(part) >= _SHORTEST_SECRET:
            message = message.replace(part, "…")
    return UpstreamError(code=error.code, message=bounded(message))


def _with_known_list(request: RequestFacts, names: Names) -> RequestFacts:
    """The request with its offered list only where no event of this session has had it yet."""
    if request.offered_hash is None:
        return request
    digest = names.offered_list(request.offered_hash)
    if digest == OTHER_CARTON or digest in names.sent:
        return msgspec.structs.replace(request, offered_hash=digest, offered=None)
    return request


def _pack_fields(pack: Pack, names: Names) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(pack.engine),
        **msgspec.structs.asdict(pack.totals.rounded()),
        "leftover_sample": pack.leftover_sample or None,
        "box_types": _bounded_box_types(pack.box_types, names),
        "box_rows": _bounded_rows(pack.rows, names),
    }


def _bounded_box_types(counts: dict[str, int], names: Names) -> dict[str, int] | None:
    """The commonest reference ids; the rest under `(other)`."""
    kept: dict[str, int] = {}
    commonest = sorted(counts.items(), key=itemgetter(1), reverse=True)
    for reference, count in commonest[:MAX_REF_IDS]:
        name = names.ref_id(reference)
        kept[name] = kept.get(name, 0) + count
    if rest := sum(count for _, count in commonest[MAX_REF_IDS:]):
        kept[OTHER_CARTON] = kept.get(OTHER_CARTON, 0) + rest
    return kept or None


def _bounded_rows(rows: list[BoxRow], names: Names) -> list[BoxRow]:
    kept = [_named(row, names) for row in rows[:MAX_BOX_ROWS]]
    return [*kept, boxes.added_up(rows[MAX_BOX_ROWS:])] if len(rows) > MAX_BOX_ROWS else kept


def _named(row: BoxRow, names: Names) -> BoxRow:
    name = row.carton if row.carton == UNNAMED_CARTON else names.carton(row.carton)
    return row if name == row.carton else msgspec.structs.replace(row, carton=name)
