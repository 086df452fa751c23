"""Pure: what a caller of the pack endpoint gets: statistics, upstream's answer, both, or why there is neither."""

from functools import lru_cache
from typing import Final, Literal
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, UnsetType

from common.events import PackEvent
from proxy.headers import Headers, get, to_caller
from proxy.pack_answer import TotalFacts
from proxy.pack_stats import FAILED, REFUSED, TIMED_OUT, UNREACHABLE, UNREADABLE, Outcome

View = Literal["stats", "pack", "both"]
VIEWS: Final[dict[str, View]] = {"stats": "stats", "pack": "pack", "both": "both"}

PACK_PATHS: Final = ("/", "/v1/pack", "/pack", "/pack/")
_PASSING_PATHS: Final = frozenset({"/pack", "/pack/"})

_JSON: Final = (b"content-type", b"application/json")
_REQUEST_ERRORS: Final = frozenset({UNREACHABLE, TIMED_OUT, UNREADABLE})
_ERROR_RESPONSES: Final = frozenset({REFUSED, FAILED})
_STATUS: Final = {UNREACHABLE: 502, TIMED_OUT: 504, UNREADABLE: 502}

_NO_TOTALS: Final = TotalFacts()

_encoder = msgspec.json.Encoder()


class Reply(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    headers: Headers = msgspec.field(default_factory=lambda: [_JSON])


class Stats(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The statistics of one pack. The first eleven keep their names, types and meanings for ever."""

    used_keystem: str
    total_items: int | None
    total_volume: float | int | None
    volume_utilization: float | None
    box_types: dict[str, int]
    time_stamp: str
    cache_hit: bool
    request_error: bool
    error_response: bool
    status_code: str
    latency: int
    event_id: str | None
    total_volume_net: float | int | None
    total_boxes: int | None
    leftovers: int | None
    total_weight: float | int | None
    total_cost: int | None
    cartons: dict[str, int]
    message: str | UnsetType = msgspec.field(default=UNSET, name="Message")


def view_of(path: str, query: bytes, default: View) -> View | None:
    """The view that a request asks for; None if there is no such view."""
    if path in _PASSING_PATHS:
        return "pack"
    return _view_in(query, default) if query else default


@lru_cache(maxsize=64)  # callers ask in few ways, and of those that do not, 64 heads are no memory
def _view_in(query: bytes, default: View) -> View | None:
    named = {value for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if name == "view"}
    if not named:
        return default
    return VIEWS.get(named.pop()) if len(named) == 1 else None


def query_without_view(query: bytes) -> bytes:
    """What of the query goes upstream: everything but what is ours."""
    parts = query.split(b"&")
    return b"&".join(part for part in parts if part.partition(b"=")[0] != b"view")


def problem(status: int, message: str, view: View | None, *extra: tuple[bytes, bytes]) -> Reply:
    """An error of our own; in view `pack` it has the shape of Paccurate's, which its clients understand."""
    shape: dict[str, object] = {"code": status, "message": message} if view == "pack" else {}
    return Reply(status, _encoder.encode({**shape, "Message": message}), [_JSON, *extra])


def passed_on(status: int, body: bytes, upstream_headers: Headers) -> Reply:
    """Upstream's answer as it is."""
    return Reply(status, body, to_caller(upstream_headers))


def failed(of: Outcome) -> Reply:
    """There is no answer that could be passed on."""
    return problem(_STATUS[of.name], of.message or of.name, "pack")


def stats(event: PackEvent, of: Outcome, event_id: str | None) -> Stats:
    pack = of.content.pack
    totals = pack.totals if pack is not None else _NO_TOTALS
    return Stats(
        used_keystem=event.keystem,
        total_items=totals.items,
        total_volume=_plain(totals.volume),
        volume_utilization=totals.utilization,
        box_types=pack.box_types if pack is not None else {},
        time_stamp=event.occurred_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        cache_hit=event.cache == "hit",
        request_error=of.name in _REQUEST_ERRORS,
        error_response=of.name in _ERROR_RESPONSES,
        status_code=str(of.status or 0),
        latency=event.latency_ns or 0,
        event_id=event_id,
        total_volume_net=_plain(totals.volume_net),
        total_boxes=totals.boxes,
        leftovers=totals.leftovers,
        total_weight=_plain(totals.weight),
        total_cost=totals.cost_cents,
        cartons=pack.cartons if pack is not None else {},
        message=UNSET if of.message is None else of.message,
    )


def _plain(measure: float | None) -> float | int | None:
    """A whole measure without a decimal point, as upstream writes it."""
    return int(measure) if measure is not None and measure.is_integer() else measure


def counted(of: Outcome, statistics: Stats, view: View, upstream_headers: Headers) -> Reply:
    """The reply of view `stats` or `both`."""
    body = _encoder.encode(statistics)
    if view == "both":
        body = b'{"stats":%b,"pack":%b}' % (body, of.content.json or b"null")
    headers = [_JSON]
    if get(upstream_headers, b"retry-after") is not None:
        headers += [each for each in to_caller(upstream_headers) if each[0] == b"retry-after"][:1]
    return Reply(of.status or _STATUS[of.name], body, headers)
