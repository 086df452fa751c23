"""What is taken and what is a 422: as lenient as the live service, and every problem named with its place."""

import copy
from typing import Any

import pytest

from sandbox.errors import ApiError
from sandbox.measures import micro
from sandbox.model import PackRequest
from sandbox.request import ID_HINT, Dialect, read_request

ITEM = {"dimensions": {"x": 1, "y": 2, "z": 3}, "quantity": 2, "weight": 1}
BOX = {"dimensions": {"x": 9, "y": 9, "z": 9}, "weightMax": 50}
BODY: dict[str, Any] = {"itemSets": [ITEM], "boxTypes": [BOX]}


def read(body: Any, **dialect: Any) -> PackRequest:
    return read_request(copy.deepcopy(body), Dialect(**dialect))


def details(body: Any, **dialect: Any) -> str:
    with pytest.raises(ApiError) as refused:
        read(body, **dialect)
    assert refused.value.code == 422
    return refused.value.details


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"itemSets": None}, "itemSets: there is nothing to pack"),
        ({"itemSets": []}, "itemSets: there is nothing to pack"),
        ({"itemSets": {}}, "itemSets: must be an array, not an object"),
        ({"itemSets": [5]}, "itemSets[0]: must be an object, not a number"),
        ({"itemSets": [ITEM, {"quantity": 1}]}, "itemSets[1].dimensions: is needed"),
        ({"itemSets": [ITEM | {"dimensions": 7}]}, "itemSets[0].dimensions: must be an object, not a number"),
        (
            {"itemSets": [ITEM | {"dimensions": {"x": 1, "y": 0, "z": 1}}]},
            "itemSets[0].dimensions.y: must be greater than 0",
        ),
        (
            {"itemSets": [ITEM | {"dimensions": {"x": -1, "y": 1, "z": 1}}]},
            "itemSets[0].dimensions.x: must be greater than 0",
        ),
        ({"itemSets": [ITEM | {"dimensions": {"x": 1, "y": 1}}]}, "itemSets[0].dimensions.z: must be greater than 0"),
        (
            {"itemSets": [ITEM | {"dimensions": {"x": "1", "y": 1, "z": 1}}]},
            "itemSets[0].dimensions.x: must be a number, not a string",
        ),
        (
            {"itemSets": [ITEM | {"dimensions": {"x": 1e12, "y": 1, "z": 1}}]},
            "itemSets[0].dimensions.x: must be at most 1e+09",
        ),
        (
            {"itemSets": [ITEM | {"dimensions": {"x": float("inf"), "y": 1, "z": 1}}]},
            "itemSets[0].dimensions.x: must be at most",
        ),
        ({"itemSets": [ITEM | {"quantity": 0}]}, "itemSets[0].quantity: must be at least 1"),
        ({"itemSets": [ITEM | {"quantity": -3}]}, "itemSets[0].quantity: must be at least 1"),
        ({"itemSets": [ITEM | {"quantity": 2.5}]}, "itemSets[0].quantity: must be a whole number, not 2.5"),
        ({"itemSets": [ITEM | {"quantity": True}]}, "itemSets[0].quantity: must be a number, not a boolean"),
        ({"itemSets": [ITEM | {"quantity": 10**400}]}, "itemSets[0].quantity: must be at most"),
        ({"itemSets": [ITEM | {"quantity": 5001}]}, "itemSets: at most 5000 items are packed here, not 5001"),
        ({"itemSets": [ITEM | {"weight": -1}]}, "itemSets[0].weight: must be at least 0"),
        ({"itemSets": [ITEM | {"name": 5}]}, "itemSets[0].name: must be a string, not a number"),
        ({"itemSets": [ITEM | {"properties": "x"}]}, "itemSets[0].properties: must be an object, not a string"),
        (
            {"itemSets": [ITEM | {"dimensionSets": [{}, {"quantityDivisor": 0}]}]},
            "dimensionSets[1].quantityDivisor: must be at least 1",
        ),
        ({"boxTypes": None}, "boxTypes: there is no box to pack into"),
        ({"boxTypes": []}, "boxTypes: there is no box to pack into"),
        ({"boxTypes": "S"}, "boxTypes: must be an array, not a string"),
        ({"boxTypes": [{"weightMax": 5}]}, "boxTypes[0].dimensions: is needed"),
        ({"boxTypes": [BOX | {"weightMax": -5}]}, "boxTypes[0].weightMax: must be at least 0"),
        ({"boxTypes": [BOX | {"price": -2}]}, "boxTypes[0].price: must be at least -1"),
        ({"boxTypes": [BOX | {"reservedSpace": 1.5}]}, "boxTypes[0].reservedSpace: must be at most 1"),
        (
            {"boxTypes": [BOX | {"rateTable": {"rates": [1, "2"]}}]},
            "boxTypes[0].rateTable.rates[1]: must be a number, not a string",
        ),
        ({"boxTypes": [BOX] * 1001}, "boxTypes: at most 1000 are tried here, not 1001"),
        ({"boxTypes": None, "boxTypeSets": ["fedex"]}, "boxTypeSets: must be of customer, not 'fedex'"),
        (
            {"boxTypeGenerators": [{"operation": "magic"}]},
            "boxTypeGenerators[0].operation: must be one of cartesian, pack-as-is",
        ),
        ({"boxTypeGenerators": [{"operation": "cartesian"}]}, "boxTypeGenerators[0].options: are needed"),
        (
            {"boxTypeGenerators": [{"operation": "cartesian", "options": {"xList": [1], "yList": [1]}}]},
            "options.zList: or zRange must name",
        ),
        (
            {"boxTypeGenerators": [{"options": {"xRange": {"min": 5, "max": 2}, "yList": [1], "zList": [1]}}]},
            "xRange.max: must not be less",
        ),
        (
            {
                "boxTypeGenerators": [
                    {"options": {"xList": [1], "yList": [1], "zList": [1], "limits": [{"metric": "mass"}]}}
                ]
            },
            "metric: must be",
        ),
        (
            {
                "boxTypeGenerators": [
                    {"options": {"xList": [1], "yList": [1], "zList": [1], "priceComponents": [{"thresholds": [1]}]}}
                ]
            },
            "priceComponents[0].prices: must be as many",
        ),
        ({"rules": [{}]}, "rules[0].operation: must be one of exclude"),
        ({"rules": [{"operation": "levitate"}]}, "not 'levitate'"),
        ({"boxes": [{"box": {"items": []}}]}, "boxes[0].box.dimensions: is needed"),
        (
            {"boxes": [BOX | {"items": [ITEM | {"origin": {"x": 8.5}}]}]},
            "boxes[0].items[0].origin: the item is not inside its box",
        ),
        (
            {"boxes": [BOX | {"items": [ITEM | {"origin": {}}, ITEM | {"origin": {"z": 1}}]}]},
            "boxes[0].items[1].origin: the item overlaps",
        ),
        ({"boxes": [BOX | {"items": [{"origin": {}}]}]}, "boxes[0].items[0].dimensions: is needed"),
        ({"boxes": [{"items": [ITEM | {"origin": {}}]}]}, "boxes[0].dimensions: is needed"),
        ({"itemSort": "biggest"}, "itemSort: must be one of default"),
        ({"boxTypeChoiceGoal": "cheap"}, "boxTypeChoiceGoal: must be one of lowest-cost, most-items"),
        ({"placementStyle": "throw"}, "placementStyle: must be one of"),
        ({"template": "x.tmpl"}, "template: must be one of"),
        ({"imageFormat": "gif"}, "imageFormat: must be svg or png, not 'gif'"),
        ({"imageScaleStyle": "huge"}, "imageScaleStyle: must be one of"),
        ({"reservedSpace": 2}, "reservedSpace: must be at most 1"),
        ({"coordOrder": [0, 0, 2]}, "coordOrder: must be the axes"),
        ({"includeImages": "yes"}, "includeImages: must be true or false, not a string"),
        ({"random": True, "n": 0}, "n: must be at least 1"),
        ({"random": True, "n": 99}, "at most 5000 items are packed here, not 9801"),
        ({"timeout": -1}, "timeout: must be at least 0"),
        ({"orderId": 5}, "orderId: must be a string, not a number"),
        ({"properties": []}, "properties: must be an object, not an array"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: dict[str, Any], problem: str) -> None:
    assert problem in details(BODY | change)


@pytest.mark.parametrize("body", [None, [], "text", 5, True])
def test_only_an_object_is_a_request(body: object) -> None:
    assert details(body) == "the request must be a JSON object"


def test_every_problem_is_named_at_once_up_to_eight() -> None:
    found = details({"itemSets": [{"quantity": 0, "weight": -1} for _ in range(4)], "boxTypes": [BOX]})
    assert found.count(";") == 8
    assert found.endswith("; and 4 more")


@pytest.mark.parametrize(
    "change",
    [
        {"itemSets": [{"dimensions": {"x": 1, "y": 1, "z": 1}}]},
        {"itemSets": [ITEM | {"quantity": 3.0, "weight": None, "refId": None, "colour": "red"}]},
        {"boxTypes": [{"dimensions": {"x": 9, "y": 9, "z": 9}}]},
        {"boxTypes": [{"dimensions": {"x": 9, "y": 9, "z": 9}, "weightMax": None, "rateTable": None}]},
        {"boxTypes": [{"weightMax": 5}], "boxTypeDefaults": {"dimensions": {"x": 9, "y": 9, "z": 9}}},
        {"template": "", "imageFormat": "SVG", "itemSort": "", "zone": 7, "key": "abc", "anything": {"else": 1}},
        {"rules": [{"operation": "compact-pattern"}]},
        {"boxesMax": None, "itemsPerBoxMax": -1, "boxTypeChoiceLookback": None},
        {"boxTypes": None, "boxTypeSets": ["customer"]},
        {"boxTypes": None, "boxes": [{"box": BOX}]},
        {"itemSets": None, "boxes": [{"box": BOX}]},
        {"itemSets": None, "random": True},
    ],
)
def test_what_live_callers_leave_out_or_add_is_taken(change: dict[str, Any]) -> None:
    assert isinstance(read(BODY | change), PackRequest)


def test_absent_weights_are_zero_and_no_limit() -> None:
    request = read(
        {"itemSets": [{"dimensions": {"x": 1, "y": 1, "z": 1}}], "boxTypes": [{"dimensions": {"x": 9, "y": 9, "z": 9}}]}
    )
    assert (request.kinds[0].weight, request.kinds[0].quantity, request.cartons[0].weight_max) == (0, 1, 0)


def test_ref_ids_that_are_missing_are_assigned_and_do_not_collide() -> None:
    request = read(BODY | {"itemSets": [ITEM, ITEM | {"refId": 0}, ITEM | {"refId": -1}, ITEM | {"refId": None}]})
    assert [kind.ref_id for kind in request.kinds] == [1, 0, 2, 3]


def test_defaults_lie_beneath_each_box_type_and_reach_into_rate_tables() -> None:
    defaults = {"weightMax": 40, "name": "default", "rateTable": {"dimFactor": 139, "basePrice": 3}}
    own = {"dimensions": {"x": 1, "y": 1, "z": 1}, "name": "own", "weightMax": None, "rateTable": {"basePrice": 5}}
    carton = read(BODY | {"boxTypes": [own], "boxTypeDefaults": defaults}).cartons[0]
    assert (carton.name, carton.weight_max) == ("own", micro(40))
    assert (carton.rate_table.dim_factor, carton.rate_table.base_price) == (139, 5)


def test_own_box_types_win_over_sets() -> None:
    assert len(read(BODY | {"boxTypeSets": ["customer"]}).cartons) == 1
    assert len(read(BODY | {"boxTypes": None, "boxTypeSets": ["customer"]}).cartons) > 1


def test_older_versions_know_older_carton_sets() -> None:
    body = BODY | {"boxTypes": None, "boxTypeSets": ["fedex", "usps", "pallet"]}
    assert read(body, version=(1, 7, 1)).cartons
    assert "boxTypeSets" in details(body, version=(1, 9, 0))


def test_boxes_and_items_come_wrapped_or_bare() -> None:
    item = ITEM | {"origin": {"x": 0, "y": 0, "z": 0}}
    wrapped = read(BODY | {"boxes": [{"box": BOX | {"items": [{"item": item}]}}]})
    bare = read(BODY | {"boxes": [BOX | {"items": [item]}]})
    assert wrapped.open_boxes == bare.open_boxes
    assert len(wrapped.open_boxes[0].placed) == 1


def test_the_price_of_a_packed_box_is_that_of_its_type() -> None:
    box = {"price": 240, "dimensions": {"x": 5, "y": 6, "z": 8}, "boxType": {"price": 0, "name": "5x6x8"}, "items": []}
    assert read(BODY | {"boxes": [{"box": box}]}).open_boxes[0].carton.price == 0


def test_seeded_random_items_are_the_same_each_time() -> None:
    body: dict[str, Any] = {"random": True, "n": 4, "randomMaxDimension": 8, "seedValue": 42, "boxTypes": [BOX]}
    kinds = read(body).kinds
    assert kinds == read(body).kinds
    assert kinds != read(body | {"seedValue": 43}).kinds
    assert [kind.quantity for kind in kinds] == [4, 4, 4, 4]
    assert max(max(kind.dims) for kind in kinds) <= micro(8)


def test_unseeded_random_items_differ() -> None:
    body = {"random": True, "n": 20, "seed": False, "boxTypes": [BOX]}
    assert read(body).kinds != read(body).kinds


def test_the_order_id_can_be_the_seed() -> None:
    body = {"random": True, "n": 8, "seedFromOrderId": True, "boxTypes": [BOX]}
    assert read(body | {"orderId": "a"}).kinds == read(body | {"orderId": "a"}).kinds
    assert read(body | {"orderId": "a"}).kinds != read(body | {"orderId": "b"}).kinds
    assert read(body | {"orderId": " "}).kinds == read(body).kinds


def test_random_quantities_have_their_own_bound() -> None:
    kinds = read({"random": True, "n": 30, "randomMaxQuantity": 3, "boxTypes": [BOX]}).kinds
    assert {kind.quantity for kind in kinds} == {1, 2, 3}


def test_warnings_say_what_was_not_followed() -> None:
    body = BODY | {
        "rules": [{"operation": "fragile"}, {"operation": "fragile"}],
        "itemOrientationSearchDepth": 9,
        "itemsInlineMax": [1, 1, 1],
    }
    warnings = read(body).warnings
    assert warnings[0] == ID_HINT
    assert len(warnings) == 4
    assert "itemOrientationSearchDepth 9" in warnings[1]
    assert "'fragile'" in warnings[2]
    assert read(BODY | {"orderId": "o"}).warnings == ()
    assert read(BODY, version=(1, 7, 1)).warnings == ()
