"""The documents in MongoDB as both sides know them: names, identities, counters, and how maps and latencies are keyed.

Counters are sums and counts, never ratios. A measure is kept in micro-units and a time in nanoseconds, both as
integers in Decimal128, so that totals are equal bit for bit in any order and any split, and 0 after a delete.
"""

import math
from datetime import datetime
from typing import Final

KEYDATA: Final = "keydata"
KEYDATA_HOURS: Final = "keydata_hours"
CARTON_DAYS: Final = "carton_days"
CARTON_LISTS: Final = "carton_lists"
TOTALS: Final = "totals"
TOTALS_HOURS: Final = "totals_hours"

LATENCY_MEAN: Final = "latency_mean"  # order key of keydata; the database computes it in the flush's transaction
LATENCY_MAX: Final = "latency.max"
MICRO: Final = 1_000_000

# Relative error of a latency bucket's middle is 2 %.
GAMMA: Final = 1.02 / 0.98
_LOG_GAMMA: Final = math.log(GAMMA)

_ESCAPES: Final = {"%": "%25", ".": "%2E", "$": "%24", "\0": "%00"}
_NEEDS_ESCAPE: Final = frozenset(_ESCAPES)
_EMPTY: Final = "%"  # a path must not have an empty name in it; nothing else is escaped to this


def escape(key: str) -> str:
    """A map key without the characters that mean something in a MongoDB path; `unescape` is its inverse."""
    if not key:
        return _EMPTY
    if _NEEDS_ESCAPE.isdisjoint(key):
        return key
    return "".join(_ESCAPES.get(character, character) for character in key)


def unescape(key: str) -> str:
    if "%" not in key:
        return key
    if key == _EMPTY:
        return ""
    for character, escaped in reversed(_ESCAPES.items()):
        key = key.replace(escaped, character)
    return key


def latency_bucket(latency_ns: int) -> int:
    """Index of the logarithmic bucket of a latency; those under a microsecond share bucket 0."""
    return math.ceil(math.log(latency_ns / 1000) / _LOG_GAMMA) if latency_ns > 1000 else 0


def bucket_latency_ns(index: int) -> float:
    """The latency that stands for a bucket: at most 2 % from any that fell into it."""
    return 2000 * GAMMA**index / (GAMMA + 1)


def percentile_ns(buckets: dict[int, int], share: float, maximum_ns: float | None) -> float | None:
    """Nearest-rank percentile over bucket counts, never above the maximum; None where there is nothing."""
    total = sum(buckets.values())
    if total <= 0:
        return None
    rank = max(1, math.ceil(share * total))
    reached = 0
    for index in sorted(buckets):
        reached += buckets[index]
        if reached >= rank:
            value = bucket_latency_ns(index)
            return value if maximum_ns is None else min(value, maximum_ns)
    return None  # pragma: no cover  # the counts add up to `total`


def micro(measure: float) -> int:
    """A measure as an integer of micro-units."""
    return round(measure * MICRO)


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def day_of(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
