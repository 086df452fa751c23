"""What a box costs: its fixed price plus the rate for its weight, or, where neither is known, its volume."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from sandbox.measures import CUBE, SCALE, Dims, volume
from sandbox.model import Carton, RateTable

PRESET_DIM_FACTOR: Final = 139
"""Cubic inches per pound at the carriers whose rates are built in."""
_PRESET_BASE: Final = 950
_PRESET_PER_POUND: Final = 65
"""A straight line through retail rates, in cents: near enough to prefer one carton over another."""


@dataclass(frozen=True, slots=True)
class Price:
    """Cost in cents, and the weight by size that went into it."""

    cost: int
    dimensional_weight: float = 0
    dimensional_weight_used: bool = False


def rated(table: RateTable) -> bool:
    """Whether the table says what a weight costs; a bare dimFactor does not."""
    return bool(table.rates or table.base_price or table.price_increase_rate or _preset(table))


def price(carton: Carton, gross_weight: int, dims: Dims | None = None) -> Price:
    """Price of a carton that weighs this much with what is in it; `dims` is its size if it has been trimmed."""
    size = dims or carton.dims
    table = carton.rate_table
    actual = gross_weight / SCALE
    by_size = dimensional_weight(carton, size)
    used = by_size > actual
    if carton.price or rated(table):
        return Price(carton.price + round(_rate(table, max(by_size, actual))), by_size, used)
    return Price(round(volume(size) / CUBE), by_size, used)


def dimensional_weight(carton: Carton, dims: Dims) -> float:
    """Volume by the factor of the rate table; 0 where it has none."""
    table = carton.rate_table
    factor = table.dim_factor or (PRESET_DIM_FACTOR if _preset(table) else 0)
    if factor <= 0:
        return 0
    return volume(outer(carton, dims) if carton.outer_based_cost else dims) / CUBE / factor


def outer(carton: Carton, dims: Dims) -> Dims:
    change = carton.outer_change or (0, 0, 0)
    return dims[0] + change[0], dims[1] + change[1], dims[2] + change[2]


def _rate(table: RateTable, weight: float) -> float:
    if table.rates and table.weights:
        pairs = list(zip(table.weights, table.rates, strict=False))
        return next((rate for limit, rate in pairs if weight <= limit), pairs[-1][1])
    if table.rates:
        return table.rates[min(max(ceil(weight) - 1, 0), len(table.rates) - 1)]
    if table.base_price or table.price_increase_rate:
        return table.base_price + table.price_increase_rate * weight
    return _PRESET_BASE + _PRESET_PER_POUND * max(ceil(weight), 1) if _preset(table) else 0


def _preset(table: RateTable) -> bool:
    return bool(table.carrier and table.service)
