"""Whatever is asked, the answer has the shape that clients get, and its figures agree with each other."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from sandbox.directives import Directive
from sandbox.engine import Clock, Engine
from sandbox.errors import ApiError
from sandbox.replies import packed
from sandbox.settings import SandboxSettings
from tests.support.paccurate_shape import ANSWER_1_7_1, ANSWER_1_9_2, ERROR
from tests.support.pack_requests import KEY, requests

AUTHORIZATION = f"apikey {KEY}"
NEW = Draft202012Validator(ANSWER_1_9_2)
TOTALS = {
    "lenUnits": "lenUnits",
    "totalCost": "price",
    "totalVolume": "volumeMax",
    "totalVolumeNet": "volumeNet",
    "totalVolumeUsed": "volumeUsed",
    "totalWeight": "weightUsed",
}
OLD = Draft202012Validator(ANSWER_1_7_1)


def engine(**settings_given: Any) -> Engine:
    return Engine(
        SandboxSettings(**settings_given), Clock(lambda: 1_800_000_000_123_456_789, iter(range(10**9)).__next__)
    )


def answered(body: dict[str, Any], version: tuple[int, ...] | None = None, **settings_given: Any) -> dict[str, Any]:
    raw = json.dumps(body).encode()
    packer = engine(**settings_given)
    members = packer.finish(packer.prepare(raw, AUTHORIZATION, version))
    answer: dict[str, Any] = json.loads(packed(members, raw, b"entropy", Directive()).body)
    return answer


@given(requests)
@settings(max_examples=50, deadline=None)
def test_answers_have_their_shape_and_figures_that_agree(body: dict[str, Any]) -> None:
    answer = answered(body)
    NEW.validate(answer)
    boxes = [wrapped["box"] for wrapped in answer["boxes"]]
    left = [wrapped["item"] for wrapped in answer["leftovers"]]
    assert_totals_are_the_sums_of_the_boxes(answer, boxes, left)
    for box in boxes:
        assert_the_figures_of_a_box_agree(box)
    assert_every_item_has_its_own_numbers([inner["item"] for box in boxes for inner in box["items"]] + left)


@given(requests)
@settings(max_examples=10, deadline=None)
def test_answers_can_have_the_shape_of_an_older_version(body: dict[str, Any]) -> None:
    OLD.validate(answered(body, version=(1, 7, 1)))


@given(requests)
@settings(max_examples=10, deadline=None)
def test_the_answer_is_the_same_each_time(body: dict[str, Any]) -> None:
    assert answered(body) == answered(body)


def assert_totals_are_the_sums_of_the_boxes(
    answer: dict[str, Any], boxes: list[dict[str, Any]], left: list[dict[str, Any]]
) -> None:
    for total, part in TOTALS.items():
        assert answer[total] == pytest.approx(sum(box[part] for box in boxes), abs=1e-6)
    assert answer["lenBoxes"] == len(boxes)
    assert answer["lenLeftovers"] == len(left)
    assert answer["lenItems"] == sum(box["lenItems"] for box in boxes) + sum(item["quantity"] for item in left)
    if boxes:
        expected = answer["totalVolumeUsed"] / answer["totalVolume"]
        assert answer["totalVolumeUtilization"] == pytest.approx(expected, abs=1e-8)


def assert_the_figures_of_a_box_agree(box: dict[str, Any]) -> None:
    items = [inner["item"] for inner in box["items"]]
    assert box["volumeUsed"] == pytest.approx(box["volumeNet"] + box["volumeReserved"], abs=1e-6)
    assert box["volumeMax"] == pytest.approx(box["volumeUsed"] + box["volumeRemaining"], abs=1e-6)
    assert box["weightUsed"] == pytest.approx(box["weightNet"] + box["weightTare"], abs=1e-6)
    assert box["weightNet"] == pytest.approx(sum(item["weight"] for item in items), abs=1e-5)
    assert box["lenUnits"] == len(items)
    assert [item["index"] for item in items] == list(range(1, len(items) + 1))
    assert sorted(box["depthOrder"]) == [item["index"] for item in items]
    assert not items or sum(item["deltaCost"] for item in items) == box["price"]


def assert_every_item_has_its_own_numbers(items: list[dict[str, Any]]) -> None:
    assert len({item["uniqueId"] for item in items}) == len(items)
    assert {item["globalId"] for item in items} == set(range(len(items)))
    assert {item["packedIndex"] for item in items} == set(range(len(items)))


@pytest.mark.parametrize(
    "error",
    [ApiError(400, "EOF"), ApiError(401), ApiError(422, details="x"), ApiError(429), ApiError(500), ApiError(599)],
)
def test_errors_have_the_documented_shape(error: ApiError) -> None:
    Draft202012Validator(ERROR).validate(error.body())
    assert error.body()["message"]
