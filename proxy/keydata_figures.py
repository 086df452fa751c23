"""Pure: counters as MongoDB keeps them → the figures of the API.

Sums stay integers (micro-units, nanoseconds) through every addition; one exact division at the very end makes the
number, so that an answer does not depend on how many documents it was added up from.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from bson.decimal128 import Decimal128

from common import documents
from common.mongo import Document
from proxy.keydata_models import (
    FacilityFigures,
    Figures,
    HourFigures,
    KeydataRow,
    Latency,
    Number,
    Slowest,
    SlowestFacility,
    SlowestOfAll,
)

NUMBERS = (
    "requests",
    "packs",
    "items",
    "items_n",
    "leftovers",
    "volume",
    "volume_used",
    "volume_net",
    "utilization.n",
    "utilization.sum",
    "priced.packs",
    "priced.cost_cents",
    "latency.n",
    "latency.sum",
)
MAPS = ("outcomes", "statuses", "cache", "box_types", "latency.buckets")
CARTONS = "cartons"
FIRST_SEEN, LAST_SEEN = "first_seen", "last_seen"

# What to ask the database for: an answer needs a part of the counters only.
FIELDS: dict[str, bool] = dict.fromkeys((*NUMBERS, *MAPS, documents.LATENCY_MAX, FIRST_SEEN, LAST_SEEN), True)
ROW_FIELDS: dict[str, bool] = dict.fromkeys(
    ("requests", "packs", "items", "utilization.n", "utilization.sum", "latency.n", "latency.sum", LAST_SEEN), True
)

_NUMBER_NAMES = tuple((path, tuple(path.split("."))) for path in NUMBERS)
_MAP_NAMES = tuple((path, tuple(path.split("."))) for path in MAPS)
_LONGEST_NAMES = tuple(documents.LATENCY_MAX.split("."))

# Decimal128 in its binary form: sign, 14 bits of exponent (6176 stands for 0), 113 bits of coefficient.
_EXPONENT_AT, _EXPONENT_0 = 113, 6176
_COEFFICIENT = (1 << _EXPONENT_AT) - 1

SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
REQUEST_ERRORS = ("unreachable", "timed_out", "unreadable")
ERRORS = ("refused", "failed")


class Longest(NamedTuple):
    """The slowest answer, compared field by field as MongoDB compares the embedded document."""

    ns: int
    at: datetime
    keystem: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Counters:
    """The counters an answer is made of, of one document or of several added up. An absent one is 0."""

    numbers: Counter[str]
    maps: dict[str, Counter[str]]
    longest: Longest | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None


def counters(document: Document) -> Counters:
    """What a document of keydata, keydata_hours, totals, totals_hours, or `cleared` of a deletion counts."""
    maps = {path: _entries(_at(document, names)) for path, names in _MAP_NAMES}
    cartons = _cells(_at(document, (CARTONS,)))
    maps[CARTONS] = Counter({name: _whole(_at(cell, ("count",))) for name, cell in cartons.items()})
    return Counters(
        numbers=Counter({path: _whole(_at(document, names)) for path, names in _NUMBER_NAMES}),
        maps=maps,
        longest=_longest(_at(document, _LONGEST_NAMES)),
        first_seen=_moment(document.get(FIRST_SEEN)),
        last_seen=_moment(document.get(LAST_SEEN)),
    )


def added_up(parts: Iterable[Counters]) -> Counters:
    """The counters of all parts together; their order does not matter."""
    numbers: Counter[str] = Counter()
    maps: dict[str, Counter[str]] = {path: Counter() for path in (*MAPS, CARTONS)}
    longest: list[Longest] = []
    first_seen: list[datetime] = []
    last_seen: list[datetime] = []
    for part in parts:
        numbers.update(part.numbers)
        for path, entries in part.maps.items():
            maps[path].update(entries)
        longest += [part.longest] if part.longest else []
        first_seen += [part.first_seen] if part.first_seen else []
        last_seen += [part.last_seen] if part.last_seen else []
    return Counters(
        numbers, maps, max(longest, default=None), min(first_seen, default=None), max(last_seen, default=None)
    )


def figures(of: Counters) -> Figures:
    number, maps = of.numbers, of.maps
    longest = of.longest
    return Figures(
        total_items=number["items"],
        total_volume=_divided(number["volume"], documents.MICRO),
        avg_items_per_pack=_quotient(number["items"], number["items_n"]),
        avg_volume_utilization=_mean_utilization(of),
        box_types=_shown(maps["box_types"]),
        total_requests=number["requests"],
        status_codes=_shown(maps["statuses"]),
        request_error_count=sum(maps["outcomes"][outcome] for outcome in REQUEST_ERRORS),
        error_count=sum(maps["outcomes"][outcome] for outcome in ERRORS),
        cache_hits=maps["cache"]["hit"],
        max_latency=Slowest(latency=longest.ns, time_stamp=longest.at) if longest else None,
        avg_latency=_mean_latency(of),
        total_packs=number["packs"],
        utilization_by_volume=_quotient(number["volume_used"], number["volume"]),
        net_utilization=_quotient(number["volume_net"], number["volume"]),
        latency=_latency(of),
        leftovers=number["leftovers"],
        total_cost=number["priced.cost_cents"] if number["priced.packs"] else None,
        priced_packs=number["priced.packs"],
        first_seen=of.first_seen,
        last_seen=of.last_seen,
    )


def facility_figures(of: Counters) -> FacilityFigures:
    return FacilityFigures(**vars(figures(of)), cartons=_shown(of.maps[CARTONS]))


def hour_figures(hour: datetime, of: Counters) -> HourFigures:
    return HourFigures(**vars(figures(of)), hour=hour)


def row(keystem: str, of: Counters) -> KeydataRow:
    return KeydataRow(
        used_keystem=keystem,
        total_requests=of.numbers["requests"],
        total_packs=of.numbers["packs"],
        total_items=of.numbers["items"],
        avg_volume_utilization=_mean_utilization(of),
        avg_latency=_mean_latency(of),
        last_seen=of.last_seen,
    )


def slowest_of_all(of: Counters) -> SlowestOfAll | None:
    longest = of.longest
    if longest is None:
        return None
    return SlowestOfAll(latency=longest.ns, time_stamp=longest.at, used_keystem=longest.keystem)


def slowest_facility(keystem: str, of: Counters) -> SlowestFacility | None:
    mean = _mean_latency(of)
    return None if mean is None else SlowestFacility(latency=mean, used_keystem=keystem)


def _mean_utilization(of: Counters) -> Number | None:
    return _quotient(of.numbers["utilization.sum"], of.numbers["utilization.n"] * documents.MICRO)


def _mean_latency(of: Counters) -> Number | None:
    return _quotient(of.numbers["latency.sum"], of.numbers["latency.n"])


def _latency(of: Counters) -> Latency:
    buckets = {int(index): count for index, count in of.maps["latency.buckets"].items() if count > 0}
    maximum = float(of.longest.ns) if of.longest else None
    found = {name: documents.percentile_ns(buckets, share, maximum) for name, share in SHARES.items()}
    whole = {name: None if value is None else round(value) for name, value in found.items()}
    return Latency(count=of.numbers["latency.n"], **whole)


def _quotient(numerator: int, denominator: int) -> Number | None:
    """None where there is nothing to divide by, which is not the same as 0."""
    return _divided(numerator, denominator) if denominator else None


def _divided(numerator: int, denominator: int) -> Number:
    """The correctly rounded quotient, whole where it is whole."""
    whole, rest = divmod(numerator, denominator)
    return numerator / denominator if rest else whole


def _shown(entries: Mapping[str, int]) -> dict[str, int]:
    """Map entries as the API shows them: under their real names, without those that are back at 0."""
    return {documents.unescape(key): count for key, count in sorted(entries.items()) if count}


def _at(cell: object, names: tuple[str, ...]) -> object:
    for name in names:
        if not isinstance(cell, dict):
            return None
        cell = cell.get(name)
    return cell


def _cells(cell: object) -> dict[str, object]:
    return cell if isinstance(cell, dict) else {}


def _entries(cell: object) -> Counter[str]:
    return Counter({name: _whole(value) for name, value in _cells(cell).items()})


def _whole(cell: object) -> int:
    """An Int64 or an integer in Decimal128, exactly; 0 where there is none."""
    if isinstance(cell, int):
        return int(cell)
    if not isinstance(cell, Decimal128):
        return 0
    bits = int.from_bytes(cell.bid, "little")
    if bits >> _EXPONENT_AT == _EXPONENT_0:  # as the sums are written, and four times faster than by its digits
        return bits & _COEFFICIENT
    return int(cell.to_decimal())


def _longest(cell: object) -> Longest | None:
    found = _cells(cell)
    at = _moment(found.get("at"))
    if at is None:
        return None
    return Longest(_whole(found.get("ns")), at, str(found.get("keystem")), str(found.get("event_id")))


def _moment(cell: object) -> datetime | None:
    return cell if isinstance(cell, datetime) else None
