"""Boxes and items as the answer tells them: figures, centres of mass, numbers and the message on each item."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from sandbox.drawing import depth_order
from sandbox.filling import reserved
from sandbox.gojson import duration
from sandbox.measures import SCALE, Dims, cubic, measure, plain, point, volume
from sandbox.model import Carton, ItemKind, PackedBox, Packing, PackRequest, Placed, RateTable
from sandbox.pricing import Price, outer, price, rated

Members = dict[str, Any]

UNITS_IN_BOXES: Final = (1, 7, 2)
ITEM_PROPERTIES: Final = (1, 7, 2)
ITEM_POSITIONS: Final = (1, 7, 3)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a box adds up to, in millionths."""

    room: int
    net: int
    reserved: int
    weight_net: int
    weight: int
    eaches: int
    price: Price

    @property
    def used(self) -> int:
        return self.net + self.reserved

    @classmethod
    def of(cls, request: PackRequest, box: PackedBox) -> "Figures":
        kinds = [request.kinds[item.kind] for item in box.placed]
        weight_net = sum(kind.weight for kind in kinds)
        weight = weight_net + box.carton.weight_tare
        return cls(
            room=volume(box.carton.dims),
            net=sum(volume(item.dims) for item in box.placed),
            reserved=reserved(box.carton, request.options.reserved_space),
            weight_net=weight_net,
            weight=weight,
            eaches=sum(kind.eaches for kind in kinds if not kind.virtual),
            price=price(box.carton, weight),
        )


@dataclass(frozen=True, slots=True)
class _Number:
    """Where an item stands among the others."""

    unique: str
    instance: int
    tried: int


class Teller:
    """Tells the boxes of one pack in order, then its leftovers: item numbers run through all of them."""

    def __init__(self, request: PackRequest, packing: Packing, version: tuple[int, ...], pack_ns: int) -> None:
        self._request = request
        self._packing = packing
        self._version = version
        self._pace_ns = pack_ns // max(sum(len(box.placed) for box in packing.boxes), 1)
        self._told = 0
        self._of_ref: Counter[int] = Counter()
        self._of_kind: Counter[int] = Counter()
        sizes = [max(kind.quantity, 1) for kind in request.kinds]
        self._instances = list(accumulate(sizes, initial=0))
        starts = accumulate((sizes[index] for index in packing.order), initial=0)
        self._tried = dict(zip(packing.order, starts, strict=False))

    def boxes(self, figures: Sequence[Figures]) -> Iterator[Members]:
        for index, (box, figure) in enumerate(zip(self._packing.boxes, figures, strict=True)):
            yield self._box(index, box, figure)

    def leftovers(self) -> Iterator[Members]:
        for leftover in self._packing.leftovers:
            kind = self._request.kinds[leftover.kind]
            for _ in range(leftover.count):
                number = self._number(leftover.kind)
                yield self._item(kind, kind.dims, number) | {
                    "deltaCost": 0,
                    "index": 0,
                    "message": leftover.message,
                    "origin": point((0, 0, 0)),
                }

    def _box(self, index: int, box: PackedBox, figures: Figures) -> Members:
        carton = box.carton
        depths = [place + 1 for place in depth_order(box, self._request.drawing.eye)]
        centre = _box_centre(self._request.kinds, box)
        members: Members = {
            "boxType": _box_type(carton),
            "centerOfMass": centre,
            "centerOfMassString": f"[{centre['x']:g} {centre['y']:g} {centre['z']:g}]",
            "depthOrder": depths,
            "depthOrderString": f"[{' '.join(map(str, depths))}]",
            "dimensionalWeight": plain(figures.price.dimensional_weight),
            "dimensionalWeightUsed": figures.price.dimensional_weight_used,
            "dimensions": point(carton.dims),
            "id": index,
            "items": [{"item": item} for item in self._items(index, box, figures)],
            "lenItems": figures.eaches,
            "name": carton.name,
            "origin": point((0, 0, 0)),
            "price": max(figures.price.cost, 0),
            "refId": carton.ref_id,
            "subspace": None,
        }
        members |= _volumes(figures) | _weights(carton, figures)
        if self._version >= UNITS_IN_BOXES:
            members["lenUnits"] = len(box.placed)
        return members | _optional(carton)

    def _items(self, box_index: int, box: PackedBox, figures: Figures) -> Iterator[Members]:
        carton = box.carton
        x, y, z = (measure(side) for side in carton.dims)
        place = (
            f"Box(name:{carton.name} dimensions:[{x},{y},{z}] weight:{measure(carton.weight_max)} index:{box_index})"
        )
        costs = _delta_costs(self._request.kinds, box, figures)
        for index, item in enumerate(box.placed):
            self._told += 1
            number = self._number(item.kind)
            taken, at = duration(self._pace_ns), duration(self._pace_ns * self._told)
            yield self._item(self._request.kinds[item.kind], item.dims, number) | {
                "deltaCost": costs[index],
                "index": index + 1,
                "message": f"packed #{number.tried} in {taken} at {at} in {place}",
                "origin": point(item.origin),
            }

    def _item(self, kind: ItemKind, dims: Dims, number: _Number) -> Members:
        members: Members = {
            "centerOfMass": point(_item_centre(kind, dims)),
            "color": kind.color,
            "dimensions": point(dims),
            "name": kind.name,
            "quantity": kind.eaches,
            "refId": kind.ref_id,
            "sequence": kind.sequence,
            "uniqueId": number.unique,
            "virtual": kind.virtual,
            "weight": measure(kind.weight),
        }
        if kind.unit_of_measure:
            members["unitOfMeasure"] = kind.unit_of_measure
        if self._version >= ITEM_PROPERTIES and kind.properties is not None:
            members["properties"] = kind.properties
        if self._version >= ITEM_POSITIONS:
            members |= {"globalId": number.instance, "packedIndex": number.tried}
        return members

    def _number(self, index: int) -> _Number:
        ref_id = self._request.kinds[index].ref_id
        nth, of_ref = self._of_kind[index], self._of_ref[ref_id]
        self._of_kind[index] += 1
        self._of_ref[ref_id] += 1
        return _Number(f"{ref_id}-{of_ref}", self._instances[index] + nth, self._tried[index] + nth)


def _volumes(figures: Figures) -> Members:
    return {
        "volumeMax": cubic(figures.room),
        "volumeNet": cubic(figures.net),
        "volumeRemaining": cubic(figures.room - figures.used),
        "volumeReserved": cubic(figures.reserved),
        "volumeUsed": cubic(figures.used),
        "volumeUtilization": plain(figures.used / figures.room),
    }


def _weights(carton: Carton, figures: Figures) -> Members:
    most = carton.weight_max
    return {
        "weightMax": measure(most),
        "weightNet": measure(figures.weight_net),
        "weightRemaining": measure(most - figures.weight if most else 0),
        "weightTare": measure(carton.weight_tare),
        "weightUsed": measure(figures.weight),
        "weightUtilization": plain(figures.weight / most if most else 0),
    }


def _optional(carton: Carton) -> Members:
    members: Members = {}
    if carton.outer_change:
        members["outer"] = {
            "dimensionChange": point(carton.outer_change),
            "dimensions": point(outer(carton, carton.dims)),
        }
    if carton.outer_based_cost:
        members["outerBasedCost"] = True
    if carton.reserved_space is not None:
        members["reservedSpace"] = plain(carton.reserved_space)
    if carton.constraints:
        members["propertyConstraints"] = [
            {"aggregate": "sum", "key": constraint.key, "max": plain(constraint.most), "value": plain(constraint.value)}
            for constraint in carton.constraints
        ]
    return members


def _box_type(carton: Carton) -> Members:
    return _optional(carton) | {
        "centerOfMass": point(carton.center_of_mass),
        "dimensions": point(carton.dims),
        "itemsInlineOverhang": {"x": -1, "y": -1, "z": -1},
        "name": carton.name,
        "price": carton.price,
        "rateTable": _rate_table(carton.rate_table),
        "refId": carton.ref_id,
        "reservedSpace": None if carton.reserved_space is None else plain(carton.reserved_space),
        "weightMax": measure(carton.weight_max),
        "weightTare": measure(carton.weight_tare),
    }


def _rate_table(table: RateTable) -> Members:
    return {
        "basePrice": plain(table.base_price),
        "carrier": table.carrier,
        "dimFactor": plain(table.dim_factor),
        "priceIncreaseRate": plain(table.price_increase_rate),
        "rates": None if table.rates is None else [plain(rate) for rate in table.rates],
        "service": table.service,
        "weights": None if table.weights is None else [plain(weight) for weight in table.weights],
        "zone": table.zone,
    }


def _delta_costs(kinds: Sequence[ItemKind], box: PackedBox, figures: Figures) -> list[int]:
    """What each item added to the cost of the box: the first one carries the box, later ones what their weight adds."""
    if not rated(box.carton.rate_table):
        return [figures.price.cost] + [0] * len(box.placed)
    weights = accumulate((kinds[item.kind].weight for item in box.placed), initial=box.carton.weight_tare)
    costs = [price(box.carton, weight).cost for weight in weights][1:]
    return [cost - before for cost, before in zip(costs, [0, *costs], strict=False)]


def _item_centre(kind: ItemKind, dims: Dims) -> Dims:
    """Its own where it has one and stands as it was given, else its middle."""
    if kind.center_of_mass and dims == kind.dims:
        return kind.center_of_mass
    return (dims[0] // 2, dims[1] // 2, dims[2] // 2)


def _box_centre(kinds: Sequence[ItemKind], box: PackedBox) -> dict[str, int | float]:
    """The mean of the items' centres by weight; of all alike where nothing weighs anything."""
    if not box.placed:
        return point((0, 0, 0))
    weightless = not any(kinds[item.kind].weight for item in box.placed)
    weights = [1 if weightless else kinds[item.kind].weight for item in box.placed]
    sums = [_moment(kinds, box.placed, weights, axis) for axis in range(3)]
    x, y, z = (plain(total / sum(weights) / SCALE) for total in sums)
    return {"x": x, "y": y, "z": z}


def _moment(kinds: Sequence[ItemKind], placed: Sequence[Placed], weights: Sequence[int], axis: int) -> int:
    return sum(
        weight * (item.origin[axis] + _item_centre(kinds[item.kind], item.dims)[axis])
        for item, weight in zip(placed, weights, strict=True)
    )
