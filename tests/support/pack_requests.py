"""Requests of every sort as Hypothesis draws them, and what must hold for any packing of them."""

from collections import Counter
from itertools import combinations
from typing import Any

from hypothesis import strategies as st

from sandbox.measures import volume
from sandbox.model import PackedBox, Packing, PackRequest
from sandbox.request import Dialect, read_request

KEY = "sandbox-key-of-the-tests-0123456789abcdef"

_SIDES = st.one_of(st.integers(1, 12), st.floats(0.1, 12, allow_nan=False))
_POINTS = st.fixed_dictionaries({"x": _SIDES, "y": _SIDES, "z": _SIDES})
_ITEM_SETS = st.fixed_dictionaries(
    {"dimensions": _POINTS, "quantity": st.integers(1, 7)},
    optional={
        "refId": st.integers(-1, 6),
        "weight": st.floats(0, 9),
        "name": st.sampled_from(["mug", "<b>&", "größer"]),
        "sequence": st.sampled_from(["0401", "1228", "aisle"]),
        "properties": st.fixed_dictionaries({"risk": st.integers(0, 3)}),
        "dimensionSets": st.just([{}, {"axisMultipliers": {"x": 1, "y": 2, "z": 2}, "unitOfMeasure": "case"}]),
    },
)
_ROOMY = st.fixed_dictionaries({axis: st.integers(6, 25) for axis in "xyz"})
_RATE_TABLES = st.sampled_from(
    [
        {"dimFactor": 139, "basePrice": 5, "priceIncreaseRate": 2},
        {"rates": [10, 15, 20], "weights": [1, 2, 30]},
        {"carrier": "ups", "service": "ground", "zone": "5"},
    ]
)
_BOX_TYPES = st.fixed_dictionaries(
    {"dimensions": _ROOMY},
    optional={
        "refId": st.integers(0, 9),
        "name": st.sampled_from(["S", "M", "L"]),
        "weightMax": st.floats(1, 60),
        "weightTare": st.floats(0, 1),
        "price": st.integers(0, 500),
        "reservedSpace": st.floats(0, 0.5),
        "itemsPerBoxMax": st.integers(-1, 5),
        "itemSetsPerBoxMax": st.integers(0, 2),
        "propertyConstraints": st.just([{"key": "risk", "max": 4}]),
        "rateTable": _RATE_TABLES,
    },
)
_GENERATORS = st.sampled_from(
    [
        {"operation": "pack-as-is", "boxTypeDefaults": {"price": 10}},
        {
            "operation": "cartesian",
            "options": {
                "xRange": {"min": 4, "max": 12, "increment": 4},
                "yList": [10, 14],
                "zRange": {"min": 6, "max": 20, "deriveFromItems": True},
            },
        },
    ]
)
_RULES = st.one_of(
    st.fixed_dictionaries(
        {"operation": st.just("exclude"), "itemRefId": st.integers(0, 4), "targetItemRefIds": st.just([1, 2])}
    ),
    st.fixed_dictionaries(
        {
            "operation": st.sampled_from(["exclude-all", "pack-as-is", "lock-orientation"]),
            "itemRefId": st.integers(0, 4),
        }
    ),
)
_STANDING = {"item": {"dimensions": {"x": 2, "y": 2, "z": 2}, "origin": {"x": 3, "y": 3, "z": 3}}}
_WAITING = {"dimensions": {"x": 4, "y": 4, "z": 4}}
_BOXES = [{"box": {"dimensions": {"x": 9, "y": 9, "z": 9}, "items": [_STANDING, _WAITING]}}]

requests = st.fixed_dictionaries(
    {
        "itemSets": st.lists(_ITEM_SETS, min_size=1, max_size=5),
        "boxTypes": st.lists(_BOX_TYPES, min_size=1, max_size=4),
    },
    optional={
        "boxTypeGenerators": st.lists(_GENERATORS, max_size=1),
        "rules": st.lists(_RULES, max_size=2),
        "reservedSpace": st.floats(0, 0.4),
        "boxesMax": st.integers(0, 4),
        "boxesPerItemSetMax": st.integers(0, 2),
        "itemsPerBoxMax": st.integers(0, 6),
        "maxSequenceDistance": st.integers(0, 900),
        "itemSort": st.sampled_from(["default", "weight", "all", "largest-box-needed", "shortest-dimension"]),
        "itemSortReverse": st.booleans(),
        "coordOrder": st.permutations([0, 1, 2]),
        "boxTypeChoiceGoal": st.sampled_from(["lowest-cost", "most-items"]),
        "orderId": st.text(max_size=8),
        "requestId": st.text(max_size=8),
        "includeImages": st.booleans(),
        "imageFormat": st.sampled_from(["svg", "SVG", "png"]),
        "boxes": st.just(_BOXES),
    },
)
"""Bodies that are valid, with every option that changes where an item may go."""


def understood(body: dict[str, Any]) -> PackRequest:
    return read_request(body, Dialect())


def assert_sound(request: PackRequest, packing: Packing) -> None:
    """What holds for any packing: nothing overlaps or sticks out, no limit is broken, no item is lost or made."""
    for box in packing.boxes:
        _assert_geometry(box)
        _assert_weight(request, box)
        _assert_counts(request, box)
        _assert_rules(request, box)
    _assert_all_there(request, packing)
    options = request.options
    assert not options.boxes_max or len(packing.boxes) <= max(options.boxes_max, len(request.open_boxes))


def _assert_geometry(box: PackedBox) -> None:
    for item in box.placed:
        assert all(item.origin[a] >= 0 and item.origin[a] + item.dims[a] <= box.carton.dims[a] for a in range(3))
    for one, two in combinations(box.placed, 2):
        assert any(
            one.origin[a] + one.dims[a] <= two.origin[a] or two.origin[a] + two.dims[a] <= one.origin[a]
            for a in range(3)
        ), f"{one} overlaps {two}"


def _assert_weight(request: PackRequest, box: PackedBox) -> None:
    weight = box.carton.weight_tare + sum(request.kinds[item.kind].weight for item in box.placed)
    assert not box.carton.weight_max or weight <= box.carton.weight_max
    share = request.options.reserved_space if box.carton.reserved_space is None else box.carton.reserved_space
    room = volume(box.carton.dims) - round(volume(box.carton.dims) * share)
    assert sum(volume(item.dims) for item in box.placed) <= room


def _assert_counts(request: PackRequest, box: PackedBox) -> None:
    ref_ids = {request.kinds[item.kind].ref_id for item in box.placed}
    options, carton = request.options, box.carton
    items_max = options.items_per_box_max if carton.items_max is None else carton.items_max
    assert not items_max or len(box.placed) <= items_max
    sets_max = options.item_sets_per_box_max if carton.item_sets_max is None else carton.item_sets_max
    assert not sets_max or len(ref_ids) <= sets_max
    for constraint in carton.constraints:
        values = [float((request.kinds[item.kind].properties or {}).get(constraint.key, 0)) for item in box.placed]
        assert sum(values) <= constraint.most


def _assert_rules(request: PackRequest, box: PackedBox) -> None:
    kinds = {item.kind for item in box.placed}
    for item in box.placed:
        if request.kinds[item.kind].quantity == 0:
            continue  # it stood there already: the caller's doing
        restrictions = request.restrictions[item.kind]
        assert not restrictions.apart_from & kinds, "items that a rule keeps apart share a box"
        assert not restrictions.as_is or kinds == {item.kind}
        assert item.dims in restrictions.turns


def _assert_all_there(request: PackRequest, packing: Packing) -> None:
    found = Counter(item.kind for box in packing.boxes for item in box.placed)
    found.update({leftover.kind: leftover.count for leftover in packing.leftovers})
    standing = Counter(item.kind for box in request.open_boxes for item in box.placed)
    asked = {index: kind.quantity + standing[index] for index, kind in enumerate(request.kinds)}
    assert dict(found) == {index: count for index, count in asked.items() if count}
