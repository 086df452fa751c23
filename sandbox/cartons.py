"""Which cartons a request offers: its own, an account's list, or generated ones; defaults are merged beneath each."""

from collections.abc import Mapping
from typing import Any, Final

from sandbox.measures import SCALE, Dims, micro
from sandbox.model import Carton, Constraint, RateTable
from sandbox.reader import Reader

_NO_SETS_BUT_CUSTOMER: Final = (1, 9, 0)
CUSTOMER_ONLY: Final = ("customer",)
ALL_SETS: Final = ("customer", "fedex", "usps", "pallet")


def _stock(name: str, dims: tuple[float, float, float], weight_max: float, price: int) -> Carton:
    x, y, z = (micro(side) for side in dims)
    return Carton(dims=(x, y, z), name=name, price=price, weight_max=micro(weight_max), ref_id=0)


_SETS: Final[Mapping[str, tuple[Carton, ...]]] = {
    # Stands for the carton list of the account behind the key.
    "customer": (
        _stock("S1", (4, 6, 8), 20, 45),
        _stock("S2", (6, 8, 10), 30, 68),
        _stock("M1", (8, 10, 12), 40, 95),
        _stock("M2", (10, 12, 16), 50, 130),
        _stock("L1", (12, 16, 20), 60, 185),
        _stock("L2", (16, 20, 24), 70, 260),
    ),
    # Sets of earlier versions, in their sizes and about their prices.
    "fedex": (
        _stock("FedEx Small Box", (10.875, 1.5, 12.375), 50, 1150),
        _stock("FedEx Medium Box", (11.5, 2.375, 13.25), 50, 1650),
        _stock("FedEx Large Box", (12.375, 3, 17.5), 50, 2150),
        _stock("FedEx Extra Large Box", (15.75, 14.125, 6), 50, 2550),
    ),
    "usps": (
        _stock("Small Flat Rate Box", (5.375, 1.625, 8.625), 70, 1040),
        _stock("Medium Flat Rate Box", (8.5, 5.5, 11), 70, 1840),
        _stock("Large Flat Rate Box", (12, 5.5, 12), 70, 2475),
    ),
    "pallet": (
        _stock("quarter pallet", (48, 20, 24), 600, 4000),
        _stock("half pallet", (48, 24, 40), 1200, 7000),
        _stock("full pallet", (48, 40, 48), 2400, 12000),
    ),
}


def known_sets(version: tuple[int, ...]) -> tuple[str, ...]:
    """The carton sets that this version of the API knows by name."""
    return CUSTOMER_ONLY if version >= _NO_SETS_BUT_CUSTOMER else ALL_SETS


def carton_set(name: str) -> tuple[Carton, ...]:
    return _SETS[name]


def merged(defaults: Reader | None, own: Reader) -> Reader:
    """The own attributes over the defaults; objects within them (a rate table) are merged likewise."""
    if defaults is None:
        return own
    return Reader(_merge(defaults.source, own.source), own.where(""), own.problems)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for name, value in above.items():
        beneath = result.get(name)
        both = isinstance(beneath, dict) and isinstance(value, dict)
        if value is not None:
            result[name] = _merge(beneath, value) if both and beneath else value
    return result


def read_carton(box_type: Reader, *, dims: Dims | None = None) -> Carton | None:
    """One carton from its attributes; None, and a problem, if it has no usable size. `dims` stands in for a size of its own."""
    size = dims or box_type.dimensions("dimensions")
    outer = box_type.child("outer")
    reserved = box_type.number("reservedSpace", -1, least=-1, most=1)
    carton = Carton(
        dims=size or (SCALE, SCALE, SCALE),
        name=box_type.text("name"),
        ref_id=box_type.integer("refId"),
        price=box_type.integer("price", least=-1),
        weight_tare=micro(box_type.number("weightTare", least=0)),
        weight_max=micro(box_type.number("weightMax", least=0)),
        reserved_space=reserved if reserved >= 0 else None,
        outer_change=outer.point("dimensionChange") if outer else None,
        outer_based_cost=box_type.flag("outerBasedCost"),
        center_of_mass=box_type.point("centerOfMass") or (0, 0, 0),
        items_max=box_type.limit("itemsPerBoxMax") if box_type.has("itemsPerBoxMax") else None,
        item_sets_max=box_type.limit("itemSetsPerBoxMax") if box_type.has("itemSetsPerBoxMax") else None,
        constraints=tuple(
            Constraint(constraint.text("key"), constraint.number("max"), constraint.number("value"))
            for constraint in box_type.children("propertyConstraints")
        ),
        rate_table=_read_rate_table(box_type.child("rateTable")),
    )
    return carton if size else None


def _read_rate_table(table: Reader | None) -> RateTable:
    if table is None:
        return RateTable()
    return RateTable(
        carrier=table.text("carrier"),
        service=table.text("service"),
        zone=table.text("zone"),
        rates=table.numbers("rates", least=0) if table.has("rates") else None,
        weights=table.numbers("weights", least=0) if table.has("weights") else None,
        base_price=table.number("basePrice"),
        price_increase_rate=table.number("priceIncreaseRate"),
        dim_factor=table.number("dimFactor", least=-1),
    )
