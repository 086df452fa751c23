"""The one recorded answer of the real service, told again; and what is there only under some circumstances."""

import json
from typing import Any

import pytest

from sandbox import gojson
from sandbox.answer import FINGERPRINTS, rfc3339, serialise
from sandbox.directives import Directive
from sandbox.engine import Clock, Engine
from sandbox.replies import packed
from sandbox.settings import SandboxSettings
from tests.support.pack_requests import KEY

RECORDED_REQUEST = (
    b'{"itemSets":[{"refId":0,"color":"tomato","weight":2,"dimensions":{"x":5,"y":6,"z":4},"quantity":1}],'
    b'"boxTypes":[{"weightMax":150,"name":"5x6x8","dimensions":{"x":5,"y":6,"z":8}}],"includeScripts":false}'
)
RECORDED_FINGERPRINT = "2662fbac3653ed2b8f2b8724f24e4991a2fe8f12efa8e5fc931efbb93bbe99de3de867a95177a1f0dc7de5dd33190b6aac88cb5c5776e8809194906f3b7f9b3c"
RECORDED_BOX = {
    "boxType": {
        "centerOfMass": {"x": 0, "y": 0, "z": 0},
        "dimensions": {"x": 5, "y": 6, "z": 8},
        "itemsInlineOverhang": {"x": -1, "y": -1, "z": -1},
        "name": "5x6x8",
        "price": 0,
        "rateTable": {
            "basePrice": 0,
            "carrier": "",
            "dimFactor": 0,
            "priceIncreaseRate": 0,
            "rates": None,
            "service": "",
            "weights": None,
            "zone": "",
        },
        "refId": 0,
        "reservedSpace": None,
        "weightMax": 150,
        "weightTare": 0,
    },
    "centerOfMass": {"x": 2.5, "y": 3, "z": 2},
    "centerOfMassString": "[2.5 3 2]",
    "depthOrder": [1],
    "depthOrderString": "[1]",
    "dimensionalWeight": 0,
    "dimensionalWeightUsed": False,
    "dimensions": {"x": 5, "y": 6, "z": 8},
    "id": 0,
    "items": [
        {
            "item": {
                "centerOfMass": {"x": 2.5, "y": 3, "z": 2},
                "color": "tomato",
                "deltaCost": 240,
                "dimensions": {"x": 5, "y": 6, "z": 4},
                "index": 1,
                "message": "packed #0 in 100.5µs at 100.5µs in Box(name:5x6x8 dimensions:[5,6,8] weight:150 index:0)",
                "name": "",
                "origin": {"x": 0, "y": 0, "z": 0},
                "quantity": 1,
                "refId": 0,
                "sequence": "",
                "uniqueId": "0-0",
                "virtual": False,
                "weight": 2,
            }
        }
    ],
    "lenItems": 1,
    "name": "5x6x8",
    "origin": {"x": 0, "y": 0, "z": 0},
    "price": 240,
    "refId": 0,
    "subspace": None,
    "volumeMax": 240,
    "volumeNet": 120,
    "volumeRemaining": 120,
    "volumeReserved": 0,
    "volumeUsed": 120,
    "volumeUtilization": 0.5,
    "weightMax": 150,
    "weightNet": 2,
    "weightRemaining": 148,
    "weightTare": 0,
    "weightUsed": 2,
    "weightUtilization": 0.013333333333333334,
}
RECORDED_TOP = {
    "boxTypeChoiceGoalUsed": "lowest-cost",
    "built": "2024-09-04T21:52:11.858161781Z",
    "host": "api.paccurate.io",
    "itemSortReverseUsed": False,
    "itemSortUsed": "none",
    "leftovers": [],
    "lenBoxes": 1,
    "lenItems": 1,
    "lenLeftovers": 0,
    "lenUnits": 1,
    "title": "Default",
    "totalCost": 240,
    "totalVolume": 240,
    "totalVolumeNet": 120,
    "totalVolumeUsed": 120,
    "totalVolumeUtilization": 0.5,
    "totalWeight": 2,
    "usedKeyStem": KEY[:10],
    "version": "1.7.1",
}
PER_CALL = {"packTime", "renderTime", "totalTime", "startedAt", "svgs", *FINGERPRINTS}


def told(body: bytes | dict[str, Any], version: str = "1.9.2", **settings: Any) -> tuple[dict[str, Any], bytes]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    ticks = iter(range(0, 10**9, 100_500))
    engine = Engine(
        SandboxSettings(version=version, **settings), Clock(lambda: 1_725_520_042_161_716_287, ticks.__next__)
    )
    reply = packed(engine.finish(engine.prepare(raw, f"apikey {KEY}")), raw, b"entropy", Directive())
    return json.loads(reply.body), reply.body


def request(**more: Any) -> dict[str, Any]:
    item = {"dimensions": {"x": 1, "y": 1, "z": 1}, "quantity": 2, "weight": 1}
    box = {"dimensions": {"x": 2, "y": 2, "z": 2}}
    return {"itemSets": [item], "boxTypes": [box], "orderId": "o"} | more


def test_the_recorded_request_gets_the_recorded_answer() -> None:
    answer, _ = told(RECORDED_REQUEST, "1.7.1")
    assert answer["boxes"] == [{"box": RECORDED_BOX}]
    assert {name: value for name, value in answer.items() if name not in PER_CALL | {"boxes"}} == RECORDED_TOP
    assert set(answer) >= PER_CALL
    assert answer["totalTime"] == answer["packTime"] + answer["renderTime"]
    assert answer["startedAt"] == "2024-09-05T07:07:22.161716287Z"


def test_the_request_fingerprint_is_the_recorded_one() -> None:
    assert told(RECORDED_REQUEST)[0]["requestFingerprint"] == RECORDED_FINGERPRINT


def test_the_response_fingerprint_is_that_of_the_answer_without_the_fingerprints() -> None:
    answer, body = told(RECORDED_REQUEST)
    rest = {name: value for name, value in answer.items() if name not in FINGERPRINTS}
    assert answer["responseFingerprint"] == gojson.fingerprint(gojson.encode(rest))
    assert body == gojson.encode(answer), "compact, sorted, escaped"


def test_each_call_has_its_own_pack_uuid() -> None:
    assert serialise({}, b"", b"one") != serialise({}, b"", b"two")
    assert len(json.loads(serialise({}, b"", b"one"))["packUuid"]) == 128


def test_members_can_be_left_out_and_overridden_even_fingerprints() -> None:
    members = json.loads(serialise({"packUuid": "mine", "a": 1, "z": 2}, b"", b"", ("z", "responseFingerprint")))
    assert members == {"a": 1, "packUuid": "mine", "requestFingerprint": gojson.fingerprint(b"")}


def test_a_newer_version_tells_more() -> None:
    body = request(properties={"site": 1}, itemSets=[request()["itemSets"][0] | {"properties": {"sku": "x"}}])
    new, old = told(body)[0], told(body, "1.7.1")[0]
    assert set(new) - set(old) == {"imageScaleStyleUsed", "properties"}
    new_box, old_box = new["boxes"][0]["box"], old["boxes"][0]["box"]
    assert set(new_box) - set(old_box) == {"lenUnits"}
    new_item, old_item = new_box["items"][0]["item"], old_box["items"][0]["item"]
    assert set(new_item) - set(old_item) == {"globalId", "packedIndex", "properties"}
    assert new["built"] != old["built"]


def test_an_old_version_tells_less() -> None:
    assert "lenUnits" not in told(request(), "1.6.1")[0]


def test_an_open_box_that_stays_empty_is_told_too() -> None:
    box = told(request(boxes=[{"dimensions": {"x": 0.5, "y": 1, "z": 1}}]))[0]["boxes"][0]["box"]
    assert (box["items"], box["centerOfMass"], box["volumeUtilization"]) == ([], {"x": 0, "y": 0, "z": 0}, 0)


def test_ids_are_echoed_and_their_absence_is_warned_of() -> None:
    answer, _ = told(request(requestId="r"))
    assert (answer["orderId"], answer["requestId"]) == ("o", "r")
    assert "warnings" not in answer
    without, _ = told(RECORDED_REQUEST)
    assert not {"orderId", "requestId"} & set(without)
    assert "orderId and/or requestId" in without["warnings"][0]


def test_images_are_drawn_unless_they_are_not_wanted() -> None:
    assert len(told(request())[0]["svgs"]) == 1
    assert "svgs" not in told(request(includeImages=False))[0]
    assert "svgs" not in told(request(), include_images=False)[0]
    assert told(request(imageFormat="PNG"))[0]["images"][0]["format"] == "png"


def test_scripts_come_only_if_wanted() -> None:
    assert {"scripts", "styles"} <= set(told(request(includeScripts=True))[0])
    assert not {"scripts", "styles"} & set(told(request())[0])


def test_the_scale_of_images_is_told() -> None:
    assert told(request(imageScaleStyle="largest-box"))[0]["imageScaleStyleUsed"] == "largest-box"
    answer, _ = told(request(imageScale={"x": 9, "y": 9, "z": 9}))
    assert (answer["imageScaleStyleUsed"], answer["imageScale"]) == ("override", {"x": 9, "y": 9, "z": 9})


def test_what_stays_behind_is_wrapped_and_says_why() -> None:
    item = {"dimensions": {"x": 9, "y": 1, "z": 1}, "quantity": 2, "refId": 4, "name": "pole"}
    answer, _ = told(request(itemSets=[item]))
    assert answer["boxes"] == []
    assert (answer["lenLeftovers"], answer["totalVolumeUtilization"], answer["lenBoxes"]) == (2, 0, 0)
    assert [wrapped["item"]["uniqueId"] for wrapped in answer["leftovers"]] == ["4-0", "4-1"]
    assert "too large" in answer["leftovers"][0]["item"]["message"]


def test_whether_items_left_over_count_is_a_setting() -> None:
    item = {"dimensions": {"x": 2, "y": 2, "z": 2}, "quantity": 3}
    body = request(itemSets=[item], boxesMax=1)
    assert told(body)[0]["lenItems"] == 3
    assert told(body, len_items="packed")[0]["lenItems"] == 1


def test_the_first_item_carries_the_box_and_later_ones_what_they_add() -> None:
    table = {"basePrice": 100, "priceIncreaseRate": 10}
    box = {"dimensions": {"x": 2, "y": 2, "z": 2}, "price": 50, "rateTable": table}
    items = told(request(boxTypes=[box]))[0]["boxes"][0]["box"]["items"]
    assert [wrapped["item"]["deltaCost"] for wrapped in items] == [160, 10]


def test_a_case_counts_as_the_items_in_it() -> None:
    units = [{}, {"axisMultipliers": {"x": 1, "y": 1, "z": 2}, "unitOfMeasure": "pair"}]
    item = {"dimensions": {"x": 1, "y": 1, "z": 1}, "quantity": 3, "dimensionSets": units}
    answer, _ = told(request(itemSets=[item]))
    box = answer["boxes"][0]["box"]
    assert (answer["lenItems"], answer["lenUnits"], box["lenItems"], box["lenUnits"]) == (3, 2, 3, 2)
    assert [(wrapped["item"]["quantity"], wrapped["item"]["unitOfMeasure"]) for wrapped in box["items"]] == [
        (2, "pair"),
        (1, "each"),
    ]


def test_what_was_said_of_a_carton_is_told_back() -> None:
    box = {
        "dimensions": {"x": 2, "y": 2, "z": 2},
        "outer": {"dimensionChange": {"x": 0.5, "y": 0.5, "z": 0.5}},
        "outerBasedCost": True,
        "reservedSpace": 0.25,
        "rateTable": {"dimFactor": 1, "rates": [5], "weights": [9]},
        "propertyConstraints": [{"key": "risk", "max": 4}],
    }
    told_box = told(request(boxTypes=[box]))[0]["boxes"][0]["box"]
    assert told_box["outer"]["dimensions"] == {"x": 2.5, "y": 2.5, "z": 2.5}
    assert (told_box["outerBasedCost"], told_box["reservedSpace"], told_box["volumeReserved"]) == (True, 0.25, 2)
    assert (told_box["dimensionalWeight"], told_box["dimensionalWeightUsed"]) == (15.625, True)
    assert told_box["propertyConstraints"] == [{"aggregate": "sum", "key": "risk", "max": 4, "value": 0}]
    assert told_box["boxType"]["rateTable"]["rates"] == [5]


def test_an_items_own_centre_of_mass_moves_the_box() -> None:
    item = {"dimensions": {"x": 2, "y": 2, "z": 2}, "weight": 1, "centerOfMass": {"x": 0.5, "y": 1, "z": 1}}
    box = told(request(itemSets=[item]))[0]["boxes"][0]["box"]
    assert box["centerOfMass"] == {"x": 0.5, "y": 1, "z": 1}
    weightless = told(request(itemSets=[item | {"weight": 0}]))[0]["boxes"][0]["box"]
    assert weightless["centerOfMass"] == {"x": 0.5, "y": 1, "z": 1}


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "1970-01-01T00:00:00Z"), (1_500_000_000, "1970-01-01T00:00:01.5Z"), (1, "1970-01-01T00:00:00.000000001Z")],
)
def test_moments_have_nanoseconds_without_trailing_zeros(nanoseconds: int, text: str) -> None:
    assert rfc3339(nanoseconds) == text
