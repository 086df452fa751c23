"""The nouns of a pack inside the sandbox: what was asked, what is offered, and what came out. Lengths and weights are in millionths."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.measures import Dims


@dataclass(frozen=True, slots=True)
class ItemKind:
    """Items that are alike; `quantity` of them are to be packed."""

    ref_id: int
    dims: Dims
    quantity: int
    weight: int = 0
    name: str = ""
    color: str = ""
    sequence: str = ""
    properties: Mapping[str, Any] | None = None
    center_of_mass: Dims | None = None
    virtual: bool = False
    eaches: int = 1
    """How many of the asked items one of these holds: 12 for a case of a dozen."""
    unit_of_measure: str | None = None


@dataclass(frozen=True, slots=True)
class RateTable:
    """What shipping a weight costs."""

    carrier: str = ""
    service: str = ""
    zone: str = ""
    rates: tuple[float, ...] | None = None
    weights: tuple[float, ...] | None = None
    base_price: float = 0
    price_increase_rate: float = 0
    dim_factor: float = 0


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on the sum of one numerical property over the items of a box."""

    key: str
    most: float
    value: float = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on a figure of a box's size."""

    metric: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Trim:
    """How far a generated carton may shrink to its contents: the least length of each axis, None where it may not."""

    least: tuple[int | None, int | None, int | None]
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Carton:
    """A kind of box. 0 as a maximum means that there is none."""

    dims: Dims
    name: str = ""
    ref_id: int = 0
    price: int = 0
    weight_tare: int = 0
    weight_max: int = 0
    reserved_space: float | None = None
    outer_change: Dims | None = None
    outer_based_cost: bool = False
    center_of_mass: Dims = (0, 0, 0)
    items_max: int | None = None
    item_sets_max: int | None = None
    constraints: tuple[Constraint, ...] = ()
    rate_table: RateTable = field(default_factory=RateTable)
    only_kind: int | None = None
    """The kind of item that travels in this carton as it is, alone."""
    trim: Trim | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """An item where it stands: index of its kind, corner nearest the origin, sides as turned."""

    kind: int
    origin: Dims
    dims: Dims


@dataclass(frozen=True, slots=True)
class OpenBox:
    """A box that is there already: what stands in it, and what (by kind) is to be put into it before anything else."""

    carton: Carton
    placed: tuple[Placed, ...] = ()
    waiting: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What the rules of the request mean for one kind of item."""

    apart_from: frozenset[int] = frozenset()
    """Kinds it must not share a box with."""
    not_into: frozenset[int] = frozenset()
    """Cartons, by their index among the offered ones, that it must not go into."""
    as_is: bool = False
    turns: tuple[Dims, ...] = ()
    """The orientations it may have, its own first."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to pack. 0 as a maximum means that there is none."""

    goal: str = "lowest-cost"
    item_sort: str = "combined"
    item_sort_reverse: bool = False
    coord_order: tuple[int, int, int] = (0, 1, 2)
    reserved_space: float = 0
    boxes_max: int = 0
    boxes_per_item_set_max: int = 0
    boxes_per_sequence_max: int = 0
    items_per_box_max: int = 0
    item_sets_per_box_max: int = 0
    max_sequence_distance: int | None = None
    tiebreaker: str = "volume"


@dataclass(frozen=True, slots=True)
class Drawing:
    """Whether and how to draw the boxes."""

    wanted: bool = True
    scripts: bool = False
    format: str = "svg"
    size_px: int = 400
    eye: tuple[float, float, float] = (1, 1, 1)
    scale: Dims = (0, 0, 0)
    scale_style: str = "fill"


@dataclass(frozen=True, slots=True)
class PackRequest:
    """One request, understood. `kinds` and `restrictions` run in parallel; items of open boxes are kinds of quantity 0."""

    kinds: tuple[ItemKind, ...]
    cartons: tuple[Carton, ...]
    open_boxes: tuple[OpenBox, ...] = ()
    restrictions: tuple[Restrictions, ...] = ()
    options: Options = field(default_factory=Options)
    drawing: Drawing = field(default_factory=Drawing)
    request_id: str | None = None
    order_id: str | None = None
    properties: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackedBox:
    """A box as it is when packing ends."""

    carton: Carton
    placed: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Leftover:
    """Items of one kind that stay behind, and why."""

    kind: int
    count: int
    message: str


@dataclass(frozen=True, slots=True)
class Packing:
    """What came out: each asked item is in exactly one box or left over."""

    boxes: tuple[PackedBox, ...]
    leftovers: tuple[Leftover, ...]
    sort_used: str
    order: tuple[int, ...]
    """The kinds in the order in which they were tried."""
