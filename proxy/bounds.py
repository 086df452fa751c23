"""Pure: what strangers send, brought within the bounds of an event: strings cut, absurd numbers made unknown.

Nothing here raises, whatever JSON it is given: a value of the wrong type is as good as a missing one.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, cast

from common.events import MAX_STRING_BYTES, Dims

MAX_VOLUME: Final = 1e12
MAX_WEIGHT: Final = 1e9
MAX_COUNT: Final = 1_000_000
MAX_CENTS: Final = 1_000_000_000
MAX_SECONDS: Final = 86_400.0
MAX_UTILIZATION: Final = 1.000001

_MARK_BYTES = 4
_KEPT_BYTES = MAX_STRING_BYTES - 1 - 2 * _MARK_BYTES
_MAX_UTF8 = 4


def bounded(text: str) -> str:
    """The text in at most 128 bytes of UTF-8; a longer one ends in `~` and 8 hex digits of its hash."""
    if len(text) * _MAX_UTF8 <= MAX_STRING_BYTES:
        return text
    raw = text.encode(errors="replace")
    if len(raw) <= MAX_STRING_BYTES:
        return text
    return f"{raw[:_KEPT_BYTES].decode(errors='ignore')}~{blake2b(raw, digest_size=_MARK_BYTES).hexdigest()}"


def text(value: object) -> str | None:
    """A string, bounded; None for an empty one or anything else."""
    if value is None:
        return None
    return bounded(value) if isinstance(value, str) and value else None


def label(value: object) -> str | None:
    """A string, number or boolean as bounded text: `10` and `10.0` are the same reference."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float):
        return bounded(str(value))
    return text(value)


def ref_id(value: object) -> str | None:
    """A reference as text; no boolean is one."""
    return None if isinstance(value, bool) else label(value)


def mapping(value: object) -> Mapping[str, object]:
    """A JSON object; anything else is an empty one."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def rows(value: object) -> list[object] | None:
    """A JSON array, or None."""
    return value if isinstance(value, list) else None


def micro(measure: float) -> float:
    """Rounded to a multiple of 1e-6, without a negative zero."""
    return (measure if measure.is_integer() else round(measure, 6)) + 0.0


class Numbers:
    """Reads numbers; counts how many were absurd. Those are None, like missing ones."""

    __slots__ = ("suspect",)

    def __init__(self) -> None:
        self.suspect = 0

    def measure(self, value: object, limit: float) -> float | None:
        """A number of 0…limit as it is. A shortfall that rounds to 0 comes from binary fractions and is 0."""
        if not isinstance(value, float) and (not isinstance(value, int) or isinstance(value, bool)):
            return None
        if 0 <= value <= limit:
            return float(value)
        if -5e-7 <= value < 0:
            return 0.0
        self.suspect += 1
        return None

    def rounded(self, value: object, limit: float) -> float | None:
        """The same, rounded to a multiple of 1e-6."""
        if value is None:
            return None
        if type(value) is int and 0 <= value <= limit:  # as nearly all are: the short way
            return float(value)
        number = self.measure(value, limit)
        return None if number is None else micro(number)

    def seconds(self, value: object) -> float | None:
        """A duration, to the nanosecond."""
        number = self.measure(value, MAX_SECONDS)
        return None if number is None else round(number, 9)

    def count(self, value: object, limit: int = MAX_COUNT) -> int | None:
        """A whole number of 0…limit; upstream may write a fraction where it documents an integer."""
        if value is None or (type(value) is int and 0 <= value <= limit):
            return value
        number = self.measure(value, limit)
        return None if number is None else round(number)

    def cents(self, value: object) -> int | None:
        return self.count(value, MAX_CENTS)

    def dims(self, value: object) -> Dims | None:
        """The sides of a point {x, y, z}; None unless all three are known."""
        if not isinstance(value, dict):
            return None
        rounded = self.rounded
        x = rounded(value.get("x"), MAX_VOLUME)
        y = rounded(value.get("y"), MAX_VOLUME)
        z = rounded(value.get("z"), MAX_VOLUME)
        return None if x is None or y is None or z is None else (x, y, z)
