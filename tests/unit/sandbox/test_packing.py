"""The packer: whatever is asked, the outcome is sound; and what a person would expect of simple cases."""

from typing import Any

import pytest
from hypothesis import given, settings

from sandbox.measures import measure, volume
from sandbox.model import Packing
from sandbox.packing import pack
from tests.support.pack_requests import assert_sound, requests, understood


def packed(body: dict[str, Any]) -> Packing:
    request = understood(body)
    packing = pack(request)
    assert_sound(request, packing)
    return packing


def item(x: float, y: float, z: float, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"dimensions": {"x": x, "y": y, "z": z}, "quantity": quantity, **more}


def box(x: float, y: float, z: float, **more: Any) -> dict[str, Any]:
    return {"dimensions": {"x": x, "y": y, "z": z}, **more}


def names(packing: Packing) -> list[str]:
    return [packed_box.carton.name for packed_box in packing.boxes]


@given(requests)
@settings(max_examples=60, deadline=None)
def test_every_packing_is_sound(body: dict[str, Any]) -> None:
    packed(body)


@given(requests)
@settings(max_examples=15, deadline=None)
def test_the_same_request_is_packed_the_same_way(body: dict[str, Any]) -> None:
    assert pack(understood(body)) == pack(understood(body))


@given(requests)
@settings(max_examples=20, deadline=None)
def test_an_item_that_fits_an_empty_carton_is_never_left_over_without_a_limit(body: dict[str, Any]) -> None:
    plain = {
        "itemSets": [{"dimensions": entry["dimensions"], "quantity": entry["quantity"]} for entry in body["itemSets"]]
    }
    packing = packed(plain | {"boxTypes": [box(13, 13, 13), box(6, 25, 6)]})
    assert packing.leftovers == ()


@given(requests)
@settings(max_examples=20, deadline=None)
def test_who_is_left_over_is_told_why(body: dict[str, Any]) -> None:
    for leftover in packed(body).leftovers:
        assert leftover.message


def test_a_box_is_filled_to_the_last_corner() -> None:
    packing = packed({"itemSets": [item(2, 3, 4, 60)], "boxTypes": [box(10, 12, 12)]})
    assert len(packing.boxes) == 1
    assert sum(volume(placed.dims) for placed in packing.boxes[0].placed) == volume(packing.boxes[0].carton.dims)


def test_tenths_add_up() -> None:
    packing = packed({"itemSets": [item(0.1, 1, 1, 3)], "boxTypes": [box(0.3, 1, 1)]})
    assert len(packing.boxes) == 1


def test_an_item_is_turned_only_if_it_does_not_fit_as_given() -> None:
    packing = packed({"itemSets": [item(5, 6, 4)], "boxTypes": [box(6, 6, 6)]})
    assert [measure(side) for side in packing.boxes[0].placed[0].dims] == [5, 6, 4]
    turned = packed({"itemSets": [item(9, 1, 1)], "boxTypes": [box(1, 1, 9)]})
    assert [measure(side) for side in turned.boxes[0].placed[0].dims] == [1, 1, 9]


def test_the_cheapest_carton_that_takes_everything_is_used() -> None:
    cartons = [
        box(10, 10, 10, name="dear", price=900),
        box(9, 9, 9, name="cheap", price=300),
        box(3, 3, 3, name="tiny", price=10),
    ]
    assert names(packed({"itemSets": [item(4, 4, 4, 2)], "boxTypes": cartons})) == ["cheap"]


def test_without_prices_the_smallest_volume_is_the_cheapest() -> None:
    assert names(
        packed({"itemSets": [item(4, 4, 4)], "boxTypes": [box(9, 9, 9, name="L"), box(5, 5, 5, name="S")]})
    ) == ["S"]


def test_most_items_prefers_fewer_boxes_over_cost() -> None:
    body = {
        "itemSets": [item(2, 2, 2, 9)],
        "boxTypes": [box(2, 2, 2, name="one", price=1), box(2, 4, 4, name="four", price=99)],
    }
    assert names(packed(body)) == ["one"] * 9
    assert names(packed(body | {"boxTypeChoiceGoal": "most-items"})) == ["four", "four", "one"]


def test_weight_splits_what_would_fit() -> None:
    packing = packed({"itemSets": [item(1, 1, 1, 4, weight=3)], "boxTypes": [box(9, 9, 9, weightMax=7, weightTare=1)]})
    assert [len(packed_box.placed) for packed_box in packing.boxes] == [2, 2]


def test_no_weight_limit_means_none() -> None:
    assert len(packed({"itemSets": [item(1, 1, 1, 4, weight=1e6)], "boxTypes": [box(9, 9, 9)]}).boxes) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"itemSets": [item(20, 1, 1)], "boxTypes": [box(9, 9, 9)]}, "too large"),
        ({"itemSets": [item(1, 1, 1, weight=10)], "boxTypes": [box(9, 9, 9, weightMax=9)]}, "too heavy"),
        ({"itemSets": [item(9, 9, 9)], "boxTypes": [box(9, 9, 9)], "reservedSpace": 0.2}, "reserved space"),
        ({"itemSets": [item(9, 9, 9, 2)], "boxTypes": [box(9, 9, 9)], "boxesMax": 1}, "boxesMax is 1"),
        (
            {"itemSets": [item(9, 9, 9, 2)], "boxTypes": [box(9, 9, 9)], "boxesPerItemSetMax": 1},
            "as many boxes as it may",
        ),
        (
            {"itemSets": [item(1, 1, 1, sequence="7")], "boxTypes": [], "boxes": [{"box": box(0.5, 1, 1)}]},
            "no box type",
        ),
        (
            {
                "itemSets": [item(1, 1, 1, properties={"risk": 5})],
                "boxTypes": [box(9, 9, 9, propertyConstraints=[{"key": "risk", "max": 4}])],
            },
            "property constraint",
        ),
        (
            {
                "itemSets": [item(1, 1, 1, refId=3)],
                "boxTypes": [box(9, 9, 9, refId=8)],
                "rules": [{"operation": "exclude", "itemRefId": 3, "targetBoxRefIds": [8]}],
            },
            "no box type",
        ),
        (
            {
                "itemSets": [item(1, 1, 1)],
                "boxTypes": [box(9, 9, 9)],
                "boxes": [{"box": box(1, 1, 1, items=[item(1, 1, 1, origin={})])}],
                "boxesMax": 1,
            },
            "boxesMax",
        ),
    ],
)
def test_what_does_not_fit_is_left_over_with_a_reason(body: dict[str, Any], message: str) -> None:
    leftovers = packed(body).leftovers
    assert len(leftovers) == 1
    assert message in leftovers[0].message


def test_items_kept_apart_by_a_limit_that_is_no_fault_of_theirs_are_said_to_be_unplaceable() -> None:
    body = {
        "itemSets": [item(1, 1, 1)],
        "boxTypes": [box(9, 9, 9, propertyConstraints=[{"key": "risk", "max": 1, "value": 2}])],
    }
    assert packed(body).leftovers == ()  # an item without the property is not constrained
    narrow = {
        "itemSets": [item(1, 1, 1, sequence="5", quantity=1), item(1, 1, 1, sequence="1", refId=9)],
        "boxTypes": [box(2, 2, 2)],
    }
    assert len(packed(narrow | {"maxSequenceDistance": 1}).boxes) == 2


def test_reserved_space_leaves_room() -> None:
    body = {"itemSets": [item(1, 1, 1, 8)], "boxTypes": [box(2, 2, 2, reservedSpace=0.5)]}
    assert [len(packed_box.placed) for packed_box in packed(body).boxes] == [4, 4]


def test_open_boxes_are_filled_before_a_new_one_is_opened() -> None:
    standing = {"item": item(2, 4, 4, origin={"x": 0, "y": 0, "z": 0}, name="there already")}
    body = {
        "itemSets": [item(2, 4, 4, 2, refId=7)],
        "boxTypes": [box(4, 4, 4, name="new")],
        "boxes": [{"box": box(4, 4, 4, name="open", items=[standing])}],
    }
    packing = packed(body)
    assert names(packing) == ["open", "new"]
    assert [len(packed_box.placed) for packed_box in packing.boxes] == [2, 1]


def test_what_waits_for_an_open_box_goes_there_first_and_elsewhere_if_it_must() -> None:
    waiting = item(3, 3, 3, refId=1)
    both = {"boxTypes": [box(9, 9, 9, name="new")], "itemSets": [item(4, 4, 4, refId=2)]}
    assert names(packed(both | {"boxes": [box(4, 4, 4, name="open", items=[waiting])]})) == ["open", "new"]
    packing = packed(both | {"boxes": [box(1, 1, 1, name="small", items=[waiting])]})
    assert names(packing) == ["small", "new"]
    assert [len(packed_box.placed) for packed_box in packing.boxes] == [0, 2]


def test_open_boxes_count_towards_boxes_max_but_are_all_kept() -> None:
    body = {
        "itemSets": [item(9, 9, 9)],
        "boxTypes": [box(9, 9, 9)],
        "boxes": [box(1, 1, 1), box(1, 1, 1)],
        "boxesMax": 1,
    }
    packing = packed(body)
    assert len(packing.boxes) == 2
    assert packing.leftovers[0].count == 1


def test_ship_as_is_makes_a_box_of_each_item() -> None:
    body = {
        "itemSets": [item(5, 6, 7, 3, refId=4, name="TV"), item(1, 1, 1)],
        "boxTypes": [box(20, 20, 20, name="carton")],
        "rules": [{"operation": "pack-as-is", "itemRefId": 4}],
    }
    assert names(packed(body)) == ["TV", "TV", "TV", "carton"]


def test_what_ships_as_is_needs_a_box_too() -> None:
    body = {"itemSets": [item(5, 6, 7, 3, refId=4)], "boxTypes": [box(20, 20, 20)], "boxesMax": 2}
    packing = packed(body | {"rules": [{"operation": "pack-as-is", "itemRefId": 4}]})
    assert len(packing.boxes) == 2
    assert packing.leftovers[0].message == "no further box may be opened: boxesMax is 2"


def test_a_pack_as_is_generator_competes_with_cartons() -> None:
    body = {
        "itemSets": [item(5, 6, 7, name="TV")],
        "boxTypes": [box(20, 20, 20, name="carton", price=500)],
        "boxTypeGenerators": [{"operation": "pack-as-is", "boxTypeDefaults": {"price": -1}}],
    }
    assert names(packed(body)) == ["TV"]
    body["boxTypeGenerators"] = [{"operation": "pack-as-is", "boxTypeDefaults": {"price": 900}}]
    assert names(packed(body)) == ["carton"]


def test_a_generated_carton_shrinks_to_its_contents() -> None:
    options = {"xRange": {"min": 2, "max": 10}, "yList": [10], "zRange": {"min": 2, "max": 10}}
    generator = {"operation": "cartesian", "options": options}
    body = {"itemSets": [item(3.33, 5, 4)], "boxTypeGenerators": [generator]}
    assert [measure(side) for side in packed(body).boxes[0].carton.dims] == [3.4, 10, 4]
    options["noTrimToMaxExtent"] = True  # type: ignore[assignment]  # the options are no longer ranges alone
    assert [measure(side) for side in packed(body).boxes[0].carton.dims] == [10, 10, 10]


def test_an_item_that_may_not_be_turned_is_not() -> None:
    rule = {"operation": "lock-orientation", "itemRefId": 0}
    body = {"itemSets": [item(1, 1, 9, refId=0)], "boxTypes": [box(9, 1, 1)], "rules": [rule]}
    assert packed(body).boxes == ()
    assert len(packed(body | {"rules": [rule | {"options": {"freeAxes": [0, 1]}}]}).boxes) == 1
    assert packed(body | {"rules": [rule | {"options": {"freeAxes": [2]}}]}).boxes == ()


def test_the_sort_that_won_is_named_and_none_where_there_is_nothing_to_sort() -> None:
    cartons = {"boxTypes": [box(9, 9, 9)]}
    assert packed(cartons | {"itemSets": [item(1, 1, 1, 5)]}).sort_used == "none"
    two = {"itemSets": [item(1, 1, 1), item(2, 2, 2)]}
    assert packed(cartons | two).sort_used == "default"
    assert packed(cartons | two | {"itemSort": "weight"}).sort_used == "weight"


def test_a_better_sort_wins() -> None:
    body = {
        "itemSets": [item(6, 6, 1, 2), item(4, 4, 3, 2)],
        "boxTypes": [box(3, 6, 6, price=5)],
        "itemSort": "all",
    }
    best = packed(body)
    for sort in ("default", "weight", "shortest-dimension", "longest-dimension"):
        assert len(best.boxes) <= len(packed(body | {"itemSort": sort}).boxes)


def test_large_uniform_packs_repeat_boxes_exactly() -> None:
    packing = packed(
        {"itemSets": [item(2, 2, 2, 1000)], "boxTypes": [box(4, 4, 4, name="eight"), box(2, 2, 2, name="one")]}
    )
    assert len(packing.boxes) == 125
    assert {len(packed_box.placed) for packed_box in packing.boxes} == {8}


def test_boxes_are_not_repeated_where_another_carton_takes_all_the_rest_for_less() -> None:
    cartons = [box(2, 4, 4, name="four", price=40), box(4, 4, 4, name="seven", price=79, itemsPerBoxMax=7)]
    assert names(packed({"itemSets": [item(2, 2, 2, 10)], "boxTypes": cartons})) == ["four", "seven"]


def test_two_cartons_that_cost_less_than_one_for_all_are_used_the_large_item_first() -> None:
    cartons = [
        box(10, 10, 11, name="both", price=100),
        box(10, 10, 10, name="large", price=60),
        box(1, 1, 1, name="small", price=10),
    ]
    assert names(packed({"itemSets": [item(1, 1, 1), item(10, 10, 10)], "boxTypes": cartons})) == ["large", "small"]


def test_the_largest_unit_that_the_quantity_fills_comes_first() -> None:
    units = [
        {},
        {"axisMultipliers": {"x": 1, "y": 1, "z": 2}},
        {"quantityDivisor": 6, "dimensions": {"x": 2, "y": 2, "z": 2}},
    ]
    request = understood({"itemSets": [item(1, 1, 1, 15, dimensionSets=units)], "boxTypes": [box(9, 9, 9)]})
    assert [(kind.quantity, kind.eaches) for kind in request.kinds] == [(2, 6), (1, 2), (1, 1)]


def test_items_of_one_set_in_different_units_share_its_ref_id() -> None:
    units = [{}, {"axisMultipliers": {"x": 1, "y": 2, "z": 3}, "unitOfMeasure": "case"}]
    request = understood(
        {"itemSets": [item(1, 1, 1, 14, dimensionSets=units), item(2, 2, 2)], "boxTypes": [box(9, 9, 9)]}
    )
    assert [(kind.ref_id, kind.quantity, kind.eaches) for kind in request.kinds] == [(0, 2, 6), (0, 2, 1), (1, 1, 1)]
