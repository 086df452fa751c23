"""Lengths and weights as whole millionths, so that placements are exact: 0.1 + 0.2 fits into 0.3 and nothing overlaps by a rounding."""

from typing import TypeAlias

SCALE = 1_000_000
CUBE = SCALE**3

Dims: TypeAlias = tuple[int, int, int]
"""Height (x), width (y) and length (z), in millionths of the caller's unit."""


def micro(value: float) -> int:
    return round(value * SCALE)


def plain(value: float) -> int | float:
    """The number as Go would print it: 240, not 240.0."""
    return int(value) if isinstance(value, int) or value.is_integer() else value


def measure(value: int) -> int | float:
    """Millionths back to the caller's unit."""
    whole, rest = divmod(value, SCALE)
    return value / SCALE if rest else whole


def cubic(volume: int) -> int | float:
    """Millionths cubed back to the caller's unit cubed."""
    return plain(volume / CUBE)


def volume(dims: Dims) -> int:
    return dims[0] * dims[1] * dims[2]


def point(dims: Dims) -> dict[str, int | float]:
    return {"x": measure(dims[0]), "y": measure(dims[1]), "z": measure(dims[2])}


def eight_decimals(share: float) -> int | float:
    """The precision in which the API tells a pack's utilization: 594/1334.8125 is 0.44500632."""
    return plain(round(share, 8))
