"""Pure: filled cartons of an answer → rows of an event, and rows added up where there are too many of them."""

from collections.abc import Iterable, Mapping
from math import fsum
from typing import Final

from common.events import OTHER_CARTON, UNNAMED_CARTON, BoxRow, Dims
from proxy.answer_json import Box, BoxType
from proxy.bounds import MAX_VOLUME, MAX_WEIGHT, Numbers, mapping, micro, ref_id, rows, text

NO_REF_ID: Final = "0"

# An event takes no larger sums than these.
_MAX_SUM = 1e15
_MAX_COUNT_SUM = 10_000_000
_MAX_CENTS_SUM = 10**12

_NO_TYPE = BoxType()


def row(box: Box, numbers: Numbers) -> BoxRow:
    """One box; its names are bounded in length, not yet in number."""
    kind = box.box_type or _NO_TYPE
    material = numbers.cents(kind.price)
    priced = bool(material) or _is_rated(kind.rate_table) or _is_rated(box.rate_table)
    price = numbers.cents(box.price)
    dims = numbers.dims(box.dimensions)
    return BoxRow(
        carton=text(box.name) or text(kind.name) or UNNAMED_CARTON,
        ref_id=ref_id(box.ref_id) or ref_id(kind.ref_id),
        dims=dims,
        outer=_outer(mapping(box.outer) or mapping(kind.outer), dims, numbers),
        items=len(box.items) if box.len_items is None and box.items is not None else numbers.count(box.len_items),
        volume=numbers.rounded(box.volume_max, MAX_VOLUME),
        volume_used=numbers.rounded(box.volume_used, MAX_VOLUME),
        volume_net=numbers.rounded(box.volume_net, MAX_VOLUME),
        weight=numbers.rounded(box.weight_used, MAX_WEIGHT),
        weight_tare=numbers.rounded(box.weight_tare, MAX_WEIGHT),
        weight_max=numbers.rounded(box.weight_max, MAX_WEIGHT),
        dim_weight=numbers.rounded(box.dimensional_weight, MAX_WEIGHT),
        dim_billed=box.dimensional_weight_used if isinstance(box.dimensional_weight_used, bool) else None,
        price_cents=price if priced else None,
        material_cents=material,
    )


def added_up(boxes: list[BoxRow]) -> BoxRow:
    """One row for several. Measures are sums of those that are known; what differs between boxes is left out."""
    billed = {box.dim_billed for box in boxes}
    return BoxRow(
        carton=OTHER_CARTON,
        count=sum(box.count for box in boxes),
        items=_whole_sum((box.items for box in boxes), _MAX_COUNT_SUM),
        volume=_sum(box.volume for box in boxes),
        volume_used=_sum(box.volume_used for box in boxes),
        volume_net=_sum(box.volume_net for box in boxes),
        weight=_sum(box.weight for box in boxes),
        weight_tare=_sum(box.weight_tare for box in boxes),
        weight_max=_sum(box.weight_max for box in boxes),
        dim_weight=_sum(box.dim_weight for box in boxes),
        dim_billed=billed.pop() if len(billed) == 1 else None,
        price_cents=_whole_sum((box.price_cents for box in boxes), _MAX_CENTS_SUM),
        material_cents=_whole_sum((box.material_cents for box in boxes), _MAX_CENTS_SUM),
    )


def _sum(measures: Iterable[float | None]) -> float | None:
    known = [measure for measure in measures if measure is not None]
    return min(micro(fsum(known)), _MAX_SUM) if known else None


def _whole_sum(numbers: Iterable[int | None], limit: int) -> int | None:
    known = [number for number in numbers if number is not None]
    return min(sum(known), limit) if known else None


def _is_rated(table: object) -> bool:
    """Whether a rate table says what a weight costs; a bare dimFactor does not."""
    if table is None:
        return False
    rates = mapping(table)
    return bool(
        rows(rates.get("rates"))
        or rows(rates.get("weights"))
        or rates.get("basePrice")
        or rates.get("priceIncreaseRate")
        or (rates.get("carrier") and rates.get("service"))
    )


def _outer(outer: Mapping[str, object], dims: Dims | None, numbers: Numbers) -> Dims | None:
    """The outside of a box: as upstream says it, or the inside and the documented change of each side."""
    if not outer:
        return None
    said = numbers.dims(outer.get("dimensions"))
    if said is not None:
        return said
    change = numbers.dims(outer.get("dimensionChange"))
    if change is None or dims is None:
        return None
    x, y, z = (micro(inside + more) for inside, more in zip(dims, change, strict=True))
    return x, y, z
