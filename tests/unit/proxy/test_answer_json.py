"""Any JSON object can be read, strictly or tolerantly, with the same result; anything else is said to be none."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from proxy import answer_json
from proxy.answer_json import Answer, NotJsonError
from tests.support import answers
from tests.support.answers import content

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def plain(answer: Answer) -> Any:
    """For comparison: the items of a box only count."""
    boxes = answer.boxes if isinstance(answer.boxes, list) else []
    counts = [len(entry.box.items) if entry.box.items is not None else None for entry in boxes]
    for entry in boxes:
        entry.box.items = None
    return msgspec.structs.asdict(answer), counts


def test_both_readers_agree_on_a_real_answer() -> None:
    answer = answers.pack(leftovers=[{"item": answers.item(message="too heavy")}])

    assert plain(answer_json.read(content(answer))) == plain(answer_json._tolerant(answer))


def test_wrapped_and_bare_boxes_and_items_are_read_alike() -> None:
    wrapped = answer_json.read(content(answers.pack(leftovers=[{"item": answers.item()}])))
    bare = answer_json.read(content(answers.pack(boxes=[answers.box()], leftovers=[answers.item()])))

    assert plain(bare) == plain(wrapped)


@pytest.mark.parametrize("entry", [None, 5, "box", [], {"box": None}, {"box": []}, {"box": {}}, {}])
def test_a_box_that_is_none_is_a_box_of_which_nothing_is_known(entry: object) -> None:
    boxes = answer_json.read(content({"boxes": [entry, {"box": {"name": "S"}}]})).boxes

    assert isinstance(boxes, list)
    assert boxes[0].box == answer_json.Box()
    assert boxes[1].box.name == "S"


@pytest.mark.parametrize("odd", [None, 5, "x", [], {"item": 1}])
def test_a_leftover_that_is_none_is_one_of_which_nothing_is_known(odd: object) -> None:
    leftovers = answer_json.read(content({"lenBoxes": 0, "leftovers": [odd, {"item": {"refId": 1}}]})).leftovers

    assert leftovers is not None
    assert leftovers[0].item == answer_json.Item()
    assert leftovers[1].item.ref_id == 1


@pytest.mark.parametrize("field", ["boxes", "leftovers"])
@pytest.mark.parametrize("value", [None, 5, "x", {}, True])
def test_a_list_that_is_none_is_unknown(field: str, value: object) -> None:
    read = answer_json.read(content({"lenBoxes": 1, field: value}))

    assert getattr(read, field) is None


@pytest.mark.parametrize("value", [None, 5, "x", []])
def test_a_box_type_that_is_no_object_is_missing(value: object) -> None:
    boxes = answer_json.read(content({"boxes": [{"box": {"boxType": value, "items": value, "name": "S"}}]})).boxes

    assert isinstance(boxes, list)
    assert boxes[0].box.box_type is None
    assert boxes[0].box.name == "S"
    assert boxes[0].box.items == (value if isinstance(value, list) else None)


def test_the_tolerant_reader_reads_box_types_too() -> None:
    boxes = answer_json.read(content({"boxes": [{"box": {"boxType": {"refId": 4}, "items": [1, 2]}}, 5]})).boxes

    assert isinstance(boxes, list)
    assert boxes[0].box.box_type == answer_json.BoxType(ref_id=4)
    assert len(boxes[0].box.items or []) == 2


@pytest.mark.parametrize(
    ("answer", "is_pack"),
    [
        ({"boxes": []}, True),
        ({"boxes": None}, True),
        ({"lenBoxes": 0}, True),
        ({"boxes": "odd"}, True),
        ({}, False),
        ({"code": 500, "message": "m"}, False),
    ],
)
def test_an_answer_with_boxes_or_their_number_is_a_pack(answer: object, is_pack: bool) -> None:
    assert answer_json.read(content(answer)).is_pack is is_pack


def test_missing_fields_are_missing() -> None:
    read = answer_json.read(b"{}")

    assert read.boxes is UNSET
    assert read.leftovers is None
    assert read.total_volume is None


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "is no JSON"),
        (b"<html>502 Bad Gateway</html>", "is no JSON"),
        (b'{"boxes":[', "is no JSON"),
        (b'{"boxes":[],"title":"\xff"}', "is no JSON"),
        (b'{"boxes":[],"version":"\xff"}', "is no JSON"),
        (b'{"boxes":[],"version":"\\ud800"}', "is no JSON"),
        (b'{"boxes":[],"totalVolume":NaN}', "is no JSON"),
        (b'{"boxes":[],"totalVolume":1e999}', "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"svgs":' + b"[" * 100_000, "is no JSON"),
        (b"[]", "is no JSON object"),
        (b"null", "is no JSON object"),
        (b'"boxes"', "is no JSON object"),
    ],
)
def test_what_is_no_json_object_is_said_to_be_none(body: bytes, problem: str) -> None:
    with pytest.raises(NotJsonError, match=f"^{problem}$"):
        answer_json.read(body)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["boxes", "leftovers", "lenBoxes", "lenItems", "usedKeyStem", "code", "totalVolume", "x"]),
        json_values,
    )
)
def test_any_object_is_read(answer: dict[str, object]) -> None:
    assert isinstance(answer_json.read(content(answer)), Answer)
