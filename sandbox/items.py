"""Which items a request asks to be packed: its item sets, larger units of measure among them, or random ones."""

import random
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sandbox.measures import SCALE, Dims, micro
from sandbox.model import ItemKind
from sandbox.reader import Reader

COLORS: Final = (
    "tomato",
    "cornflowerblue",
    "gold",
    "mediumseagreen",
    "orchid",
    "sandybrown",
    "steelblue",
    "yellowgreen",
)
_UNASSIGNED: Final = -1
_LARGEST_SEED: Final = 2**63


def read_items(request: Reader) -> list[list[ItemKind]]:
    """The kinds of items asked for, grouped by the item set they come from."""
    if request.flag("random"):
        return _random_items(request)
    return [list(_read_item_set(item_set)) for item_set in request.children("itemSets")]


def read_item(item: Reader) -> ItemKind | None:
    """One item as it stands in a request, without quantity; None if it cannot be packed at all."""
    dims = item.dimensions("dimensions")
    properties = item.child("properties")
    kind = ItemKind(
        ref_id=item.integer("refId", _UNASSIGNED),
        dims=dims or (SCALE, SCALE, SCALE),
        quantity=0,
        weight=micro(item.number("weight", least=0)),
        name=item.text("name"),
        color=item.text("color"),
        sequence=item.text("sequence"),
        properties=properties.source if properties else None,
        center_of_mass=item.point("centerOfMass"),
        virtual=item.flag("virtual"),
    )
    return kind if dims else None


def with_ref_ids(groups: list[list[ItemKind]]) -> list[ItemKind]:
    """All kinds in order; those of a group without a refId share the lowest one that is free."""
    taken = {kind.ref_id for group in groups for kind in group}
    free = (ref_id for ref_id in range(len(groups) + len(taken)) if ref_id not in taken)
    result: list[ItemKind] = []
    for group in groups:
        missing = any(kind.ref_id < 0 for kind in group)
        ref_id = next(free) if missing else 0
        result += [replace(kind, ref_id=ref_id) if missing else kind for kind in group]
    return result


def _read_item_set(item_set: Reader) -> Iterator[ItemKind]:
    kind = read_item(item_set)
    quantity = item_set.integer("quantity", 1, least=1)
    if kind is None:
        return
    units = [unit for unit in (_read_unit(unit, kind) for unit in item_set.children("dimensionSets")) if unit]
    for unit in sorted(units[1:], key=lambda unit: unit.eaches, reverse=True):
        count, quantity = divmod(quantity, unit.eaches)
        if count:
            yield replace(unit, quantity=count)
    if quantity:
        yield replace(units[0] if units and units[0].eaches == 1 else kind, quantity=quantity)


def _read_unit(unit: Reader, each: ItemKind) -> ItemKind | None:
    """A larger unit of an item, its sizes taken from the item where they are not given."""
    multipliers = unit.point("axisMultipliers") or (SCALE, SCALE, SCALE)
    x, y, z = (max(multiplier, SCALE) // SCALE for multiplier in multipliers)
    eaches = unit.integer("quantityDivisor", x * y * z, least=1)
    multiplied: Dims = (each.dims[0] * x, each.dims[1] * y, each.dims[2] * z)
    dims = unit.dimensions("dimensions") if unit.has("dimensions") else multiplied
    weight = micro(unit.number("weight", least=0)) if unit.has("weight") else each.weight * eaches
    name = unit.text("unitOfMeasure") or ("each" if eaches == 1 else None)
    return replace(each, dims=dims, weight=weight, eaches=eaches, unit_of_measure=name) if dims else None


def _random_items(request: Reader) -> list[list[ItemKind]]:
    """`n` kinds of items with `n` of each, the same ones for the same seed."""
    count = request.integer("n", 5, least=1, most=1000)
    longest = request.integer("randomMaxDimension", 10, least=1)
    heaviest = request.integer("randomMaxWeight", 10, least=1)
    most = request.integer("randomMaxQuantity", 0, least=0)
    dice = _dice(request)
    return [
        [
            ItemKind(
                ref_id=index,
                dims=(
                    dice.randint(1, longest) * SCALE,
                    dice.randint(1, longest) * SCALE,
                    dice.randint(1, longest) * SCALE,
                ),
                quantity=dice.randint(1, most) if most else count,
                weight=dice.randint(1, heaviest) * SCALE,
                name=f"random item {index}",
                color=COLORS[index % len(COLORS)],
            )
        ]
        for index in range(count)
    ]


def _dice(request: Reader) -> random.Random:
    order_id = request.text("orderId")
    value = request.integer("seedValue", 1, least=-_LARGEST_SEED, most=_LARGEST_SEED)
    if not request.flag("seed", default=True):
        return random.Random()  # noqa: S311 - asked to be different each time, not to be secret
    if request.flag("seedFromOrderId") and order_id.strip():
        value = zlib.crc32(order_id.encode())
    return random.Random(value)  # noqa: S311 - items of a test pack
