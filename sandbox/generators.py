"""Cartons that are made to measure: every combination of given lengths, or one for each item that ships as it is."""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Final

from sandbox.cartons import read_carton
from sandbox.measures import SCALE, Dims, micro
from sandbox.model import Carton, ItemKind, Limit, Trim
from sandbox.reader import Reader

OPERATIONS: Final = ("cartesian", "pack-as-is")
AGGREGATORS: Final = ("max", "product", "sum")
_MOST_SIZES: Final = 64
"""More sizes than this are sampled even unasked: each one is tried for each box."""
_MOST_COMBINATIONS: Final = 200_000
_MOST_LENGTHS: Final = 200
_TENTH: Final = SCALE // 10


def _sides(dims: Dims) -> tuple[float, float, float]:
    """Shortest, middle, longest side in the caller's unit."""
    shortest, middle, longest = sorted(side / SCALE for side in dims)
    return shortest, middle, longest


def _girth(dims: Dims) -> float:
    shortest, middle, _ = _sides(dims)
    return 2 * (shortest + middle)


def _surface(dims: Dims) -> float:
    a, b, c = _sides(dims)
    return 2 * (a * b + b * c + a * c)


def _board(dims: Dims) -> float:
    """Board of a regular slotted carton: a sheet around it, with flaps that meet in the middle of its width."""
    height, width, length = dims[0], *sorted(dims[1:])
    return 2 * ((length + width) / SCALE) * ((height + width) / SCALE)


METRICS: Final[Mapping[str, Callable[[Dims], float]]] = {
    "volume": lambda dims: math.prod(_sides(dims)),
    "surface-area": _surface,
    "surface-area-rsc": _board,
    "longest-dimension": lambda dims: _sides(dims)[2],
    "middle-dimension": lambda dims: _sides(dims)[1],
    "shortest-dimension": lambda dims: _sides(dims)[0],
    "length-plus-girth": lambda dims: _sides(dims)[2] + _girth(dims),
    "girth": _girth,
    "x-dimension": lambda dims: dims[0] / SCALE,
    "y-dimension": lambda dims: dims[1] / SCALE,
    "z-dimension": lambda dims: dims[2] / SCALE,
    "longest-to-middle-ratio": lambda dims: _sides(dims)[2] / _sides(dims)[1],
    "longest-to-shortest-ratio": lambda dims: _sides(dims)[2] / _sides(dims)[0],
    "middle-to-shortest-ratio": lambda dims: _sides(dims)[1] / _sides(dims)[0],
    "z-to-y-ratio": lambda dims: dims[2] / dims[1],
    "z-to-x-ratio": lambda dims: dims[2] / dims[0],
    "y-to-x-ratio": lambda dims: dims[1] / dims[0],
}


@dataclass(frozen=True, slots=True)
class _PriceComponent:
    key: str
    metric: str
    aggregator: str
    steps: tuple[tuple[float, float], ...]


def within(dims: Dims, limits: Sequence[Limit]) -> bool:
    """Whether a size keeps to all limits."""
    return all(
        (limit.least is None or METRICS[limit.metric](dims) >= limit.least)
        and (limit.most is None or METRICS[limit.metric](dims) <= limit.most)
        for limit in limits
    )


def generate(generator: Reader, kinds: Sequence[ItemKind], sizes_max: int) -> list[Carton]:
    """The cartons of one generator; `sizes_max` 0 leaves the number to the sandbox."""
    operation = generator.choice("operation", OPERATIONS, "cartesian")
    defaults = generator.child("boxTypeDefaults") or Reader({}, generator.where("boxTypeDefaults"), generator.problems)
    template = read_carton(defaults, dims=(SCALE, SCALE, SCALE))
    if template is None or operation == "pack-as-is":
        return _as_is(template, kinds) if template else []
    options = generator.child("options")
    if options is None:
        generator.complain("options", "are needed: lists or ranges of lengths")
        return []
    return _cartesian(options, template, kinds, sizes_max)


def _as_is(template: Carton, kinds: Sequence[ItemKind]) -> list[Carton]:
    return [
        replace(template, dims=kind.dims, name=template.name or kind.name, only_kind=index)
        for index, kind in enumerate(kinds)
        if kind.quantity
    ]


def _cartesian(options: Reader, template: Carton, kinds: Sequence[ItemKind], sizes_max: int) -> list[Carton]:
    axes = [_lengths(options, axis, kinds) for axis in "xyz"]
    limits = tuple(_read_limits(options))
    components = tuple(_read_components(options))
    if options.problems:
        return []
    combinations = islice(product(*axes), _MOST_COMBINATIONS)
    sizes: list[Dims] = [(x, y, z) for x, y, z in combinations if within((x, y, z), limits)]
    most = min(sizes_max or _MOST_SIZES, _MOST_SIZES)
    if len(sizes) > most:
        sizes = sorted(random.Random(most).sample(sizes, most))  # noqa: S311 - the same sample each time
    trim = _read_trim(options, limits)
    return [
        replace(
            template,
            dims=dims,
            name=template.name or _name(dims),
            price=template.price + _price(dims, components),
            trim=trim,
        )
        for dims in sizes
    ]


def _name(dims: Dims) -> str:
    return "x".join(f"{side / SCALE:g}" for side in dims)


def _lengths(options: Reader, axis: str, kinds: Sequence[ItemKind]) -> list[int]:
    """The lengths that this axis may have, ascending."""
    found = {micro(length) for length in options.numbers(f"{axis}List", least=0)}
    given = options.child(f"{axis}Range")
    if given is not None:
        found |= set(islice(_range(given, kinds), _MOST_LENGTHS))
    found.discard(0)
    if not found:
        options.complain(f"{axis}List", f"or {axis}Range must name at least one length")
    return sorted(found)


def _range(given: Reader, kinds: Sequence[ItemKind]) -> Iterator[int]:
    least, most = micro(given.number("min", least=0)), micro(given.number("max", least=0))
    if not least <= most:
        given.complain("max", "must not be less than min")
        return
    yield from (least, most)
    step = micro(given.number("increment", least=0))
    if given.flag("deriveFromItems") or given.flag("fitForFirstItem"):
        yield from sorted({side for kind in kinds for side in kind.dims if least < side < most})
    elif step:
        yield from range((least // step + 1) * step, most, step)


def _read_trim(options: Reader, limits: tuple[Limit, ...]) -> Trim | None:
    if options.flag("noTrimToMaxExtent"):
        return None
    ranges = (options.child(f"{axis}Range") for axis in "xyz")
    x, y, z = (micro(given.number("min", least=0)) if given else None for given in ranges)
    return Trim((x, y, z), limits)


def trimmed(dims: Dims, extent: Dims, trim: Trim) -> Dims:
    """The size shrunk to its contents, in tenths, as far as the generator lets it."""
    x, y, z = (
        side if least is None else min(side, max(least, -(-reach // _TENTH) * _TENTH))
        for side, reach, least in zip(dims, extent, trim.least, strict=True)
    )
    return (x, y, z) if within((x, y, z), trim.limits) else dims


def _read_limits(options: Reader) -> Iterator[Limit]:
    for limit in options.children("limits"):
        yield Limit(
            limit.choice("metric", tuple(METRICS), "volume"),
            limit.number("min") if limit.has("min") else None,
            limit.number("max") if limit.has("max") else None,
        )


def _read_components(options: Reader) -> Iterator[_PriceComponent]:
    for component in options.children("priceComponents"):
        thresholds, prices = component.numbers("thresholds"), component.numbers("prices")
        if len(thresholds) != len(prices):
            component.complain("prices", "must be as many as there are thresholds")
            continue
        yield _PriceComponent(
            component.text("key"),
            component.choice("metric", tuple(METRICS), "volume"),
            component.choice("aggregator", AGGREGATORS, "max"),
            tuple(sorted(zip(thresholds, prices, strict=True))),
        )


def _price(dims: Dims, components: Sequence[_PriceComponent]) -> int:
    total = 0.0
    for key in dict.fromkeys(component.key for component in components):
        alike = [component for component in components if component.key == key]
        matching = [
            [price for threshold, price in part.steps if METRICS[part.metric](dims) > threshold] for part in alike
        ]
        found = [prices for prices in matching if prices]
        if alike[0].aggregator == "product":
            total += math.prod(prices[-1] for prices in found) if found else 0
        elif alike[0].aggregator == "sum":
            total += sum(sum(prices) for prices in found)
        else:
            total += max((max(prices) for prices in found), default=0)
    return round(total)
