"""An answer is a pack, an error or neither, and each field of it is known or unknown; none makes reading fail."""

import gzip
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.events import Leftover
from proxy import pack_answer
from proxy.pack_answer import Content, EngineFacts, Pack, TotalFacts
from tests.support import answers
from tests.support.answers import content

LIMIT = 10_000_000


def read(answer: object, codings: str = "") -> Content:
    return pack_answer.read_pack(content(answer), codings, LIMIT)


def pack(answer: object) -> Pack:
    found = read(answer).pack
    assert found is not None
    return found


def test_a_real_answer_is_read() -> None:
    found = read(answers.pack())

    assert found.pack is not None
    assert found.json == content(answers.pack())
    assert found.keystem == "6UZlPsHAqp"
    assert found.pack.engine == EngineFacts(
        engine_version="1.7.1",
        engine_built="2024-09-04T21:52:11.858161781Z",
        upstream_host="api.paccurate.io",
        goal="lowest-cost",
        pack_s=0.000700856,
        render_s=0.00061995,
        total_s=0.001320806,
        pack_uuid="30459e3c3fd5b6ad" * 8,
    )
    assert found.pack.totals == TotalFacts(
        items=1,
        units=1,
        boxes=1,
        leftovers=0,
        volume=240,
        volume_used=120,
        volume_net=120,
        utilization=0.5,
        weight=2,
        cost_cents=None,
    )
    assert found.pack.suspect == 0
    assert found.pack.leftover_sample == []


def test_an_empty_pack_is_one() -> None:
    assert pack({"boxes": []}).totals == TotalFacts(boxes=0)
    assert pack({"boxes": None}).totals == TotalFacts()
    assert pack({"lenBoxes": 3}).totals == TotalFacts(boxes=3)


def test_boxes_and_leftovers_are_counted_where_their_number_is_missing() -> None:
    found = pack({"boxes": [{"box": {}}] * 2, "leftovers": [{"item": {}}] * 3}).totals

    assert (found.boxes, found.leftovers) == (2, 3)
    assert pack({"boxes": [{"box": {}}], "lenBoxes": -1}).totals.boxes == 1
    assert pack({"boxes": [{"box": {}}], "lenBoxes": 1.0}).totals.boxes == 1


def test_the_cost_is_that_of_priced_boxes() -> None:
    priced = answers.box(boxType=answers.box_type(price=250), price=700)

    assert pack(answers.pack_of(priced, priced, answers.box())).totals.cost_cents == 1400
    assert pack(answers.pack_of(answers.box())).totals.cost_cents is None


def test_figures_stay_as_upstream_gave_them_and_are_rounded_for_the_event() -> None:
    totals = pack(answers.pack(totalVolumeUtilization=0.36996528)).totals

    assert totals.utilization == 0.36996528
    assert totals.rounded().utilization == 0.369965
    assert TotalFacts().rounded() == TotalFacts()


def test_absurd_numbers_are_unknown_and_counted() -> None:
    found = pack(answers.pack(totalVolume=1e13, totalVolumeUtilization=1.1, lenItems=-3, totalWeight=2e9, packTime=1e6))

    assert found.totals.volume is None
    assert found.totals.utilization is None
    assert found.totals.items is None
    assert found.suspect == 5


def test_boxes_are_counted_by_reference_and_by_name() -> None:
    boxes = [answers.box(refId=7, name="S"), answers.box(refId=7, name="S"), answers.box(refId=8, name="")]
    unknown = answers.box(refId=None, name=None, boxType=None)
    found = pack(answers.pack_of(*boxes, unknown))

    assert found.box_types == {"7": 2, "8": 1, "0": 1}
    assert found.cartons == {"S": 2, "5x6x8": 1, "(unnamed)": 1}


def test_leftovers_are_sampled_by_kind() -> None:
    kinds: list[dict[str, Any]] = [answers.item(refId=number, name=f"n{number}") for number in range(6)]
    found = pack(answers.pack(leftovers=[{"item": each} for each in [*kinds, kinds[1], kinds[5]]])).leftover_sample

    assert [(each.ref_id, each.count) for each in found] == [("0", 1), ("1", 2), ("2", 1), ("3", 1)]
    assert found[0] == Leftover(ref_id="0", name="n0", dims=(5, 6, 4), weight=2, message=answers.item()["message"])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"code": 500, "message": "m"}, "has neither boxes nor lenBoxes"),
        ({}, "has neither boxes nor lenBoxes"),
        ([], "is no JSON object"),
        ({"boxes": [{}] * 50_001}, "has 50001 boxes"),
    ],
)
def test_what_is_no_pack_is_said_why(answer: object, problem: str) -> None:
    found = read(answer)

    assert found.pack is None
    assert found.problem == problem
    assert found.json == (content(answer) if isinstance(answer, dict) else None)


def test_a_coded_answer_is_unpacked_to_be_read() -> None:
    whole = content(answers.pack())

    assert pack_answer.read_pack(gzip.compress(whole), "gzip", LIMIT).json == whole
    assert pack_answer.read_pack(whole, "gzip", LIMIT).problem == "is no gzip"
    assert pack_answer.read_pack(gzip.compress(whole), "gzip", 10).problem == "is too large once unpacked"


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        ({"code": 422, "message": "invalid", "details": "boxTypes[0]"}, 422, "invalid: boxTypes[0]"),
        ({"code": 400, "message": "EOF"}, 400, "EOF"),
        ({"message": None, "details": "why"}, 422, "why"),
        ({"code": "422", "message": ["x"]}, 422, "upstream answered 422 without a message"),
        ({"code": -5}, 422, "upstream answered 422 without a message"),
        ([], 422, "upstream answered 422 without a message"),
    ],
)
def test_an_error_says_what_upstream_said(answer: object, code: int, message: str) -> None:
    found = pack_answer.read_error(content(answer), "", LIMIT, 422)

    assert (found.error_code, found.error_message) == (code, message)
    assert found.json == (content(answer) if isinstance(answer, dict) else None)


def test_an_error_that_is_no_json_has_a_plain_message() -> None:
    found = pack_answer.read_error(b"<html>", "", LIMIT, 503)

    assert (found.json, found.error_code) == (None, 503)
    assert found.error_message == "upstream answered 503 without a message"


def test_an_error_may_say_whose_it_is() -> None:
    assert (
        pack_answer.read_error(b'{"code":429,"message":"quota","usedKeyStem":"stem"}', "", LIMIT, 429).keystem == "stem"
    )


_ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_no_field_of_any_type_makes_reading_fail(data: st.DataObject) -> None:
    answer = answers.pack(leftovers=[{"item": answers.item()}])
    places: list[dict[str, Any]] = [
        answer,
        answer["boxes"][0]["box"],
        answer["boxes"][0]["box"]["boxType"],
        answer["boxes"][0]["box"]["boxType"]["rateTable"],
        answer["boxes"][0]["box"]["dimensions"],
        answer["leftovers"][0]["item"],
    ]
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.sampled_from(places))
        place[data.draw(st.sampled_from(sorted(place)))] = data.draw(_ODD)
    body = content(answer)

    assert read(answer).json == body
    pack_answer.read_error(body, "", LIMIT, 500)
