"""A filled carton becomes a row: priced only if upstream had a price, its absurd numbers unknown, its sums exact."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.events import BoxRow
from proxy import boxes
from proxy.answer_json import Box
from proxy.bounds import Numbers, bounded
from tests.support import answers


def row(numbers: Numbers | None = None, **changes: object) -> BoxRow:
    box = msgspec.json.decode(answers.content(answers.box(**changes)), type=Box)
    return boxes.row(box, numbers or Numbers())


def rates(**changes: object) -> dict[str, Any]:
    return {"boxType": answers.box_type(rateTable=changes), "price": 900}


def test_a_real_box_is_read() -> None:
    assert row() == BoxRow(
        carton="5x6x8",
        ref_id="0",
        dims=(5, 6, 8),
        items=1,
        volume=240,
        volume_used=120,
        volume_net=120,
        weight=2,
        weight_tare=0,
        weight_max=150,
        dim_weight=0,
        dim_billed=False,
        material_cents=0,
    )


def test_a_box_without_price_reports_its_volume_which_is_no_money() -> None:
    assert row(price=240).price_cents is None


@pytest.mark.parametrize(
    "table",
    [
        {"rates": [100, 200]},
        {"weights": [1, 2]},
        {"basePrice": 500},
        {"priceIncreaseRate": 1.5},
        {"carrier": "ups", "service": "ground"},
    ],
)
def test_a_box_with_rates_has_a_price(table: dict[str, Any]) -> None:
    assert row(**rates(**table)).price_cents == 900
    assert row(price=900, rateTable=table).price_cents == 900


@pytest.mark.parametrize("table", [{"rates": []}, {"dimFactor": 139}, {"carrier": "ups"}, {"rates": "x"}])
def test_a_rate_table_that_rates_nothing_gives_no_price(table: dict[str, Any]) -> None:
    assert row(**rates(**table)).price_cents is None


@pytest.mark.parametrize("table", [None, 5, [], "rates"])
def test_a_rate_table_that_is_none_gives_no_price(table: object) -> None:
    assert row(boxType=answers.box_type(rateTable=table), price=900).price_cents is None


def test_a_box_with_a_fixed_price_has_one_and_its_material() -> None:
    got = row(boxType=answers.box_type(price=250), price=1099.6)

    assert (got.price_cents, got.material_cents) == (1100, 250)


def test_names_fall_back_to_the_kind_of_box_and_then_to_none() -> None:
    assert row(name="", refId=None, boxType=answers.box_type(name="kind", refId=4)).carton == "kind"
    assert row(name="", refId=None, boxType=answers.box_type(name="kind", refId=4)).ref_id == "4"
    unnamed = row(name=None, refId=None, boxType=None)
    assert (unnamed.carton, unnamed.ref_id) == ("(unnamed)", None)
    assert row(name="x" * 200).carton == bounded("x" * 200)


def test_items_are_counted_where_their_number_is_missing() -> None:
    assert row(lenItems=None, items=[{}, {}]).items == 2
    assert row(lenItems=3, items=[{}, {}]).items == 3
    assert row(lenItems=None, items=None).items is None


def test_the_outside_is_as_said_or_the_inside_and_its_change() -> None:
    said = {"dimensions": {"x": 6, "y": 7, "z": 9}, "dimensionChange": {"x": 9, "y": 9, "z": 9}}
    change = {"dimensionChange": {"x": 0.25, "y": 0, "z": 1}}

    assert row(outer=said).outer == (6, 7, 9)
    assert row(outer=change).outer == (5.25, 6, 9)
    assert row(boxType=answers.box_type(outer=change)).outer == (5.25, 6, 9)
    assert row(outer=change, dimensions=None).outer is None
    assert row(outer={"dimensionChange": {"x": 1}}).outer is None


def test_a_flag_that_is_none_is_unknown() -> None:
    assert row(dimensionalWeightUsed=True).dim_billed is True
    assert row(dimensionalWeightUsed=1).dim_billed is None


def test_absurd_numbers_are_unknown_and_counted() -> None:
    numbers = Numbers()
    got = row(numbers, volumeMax=1e13, volumeNet=-5, weightUsed=1e10, lenItems=10**7, price=1e10, weightMax=-1)

    assert (got.volume, got.volume_net, got.weight, got.items, got.weight_max) == (None, None, None, None, None)
    assert numbers.suspect == 6


def test_measures_are_rounded_to_millionths() -> None:
    assert row(volumeMax=1 / 3, dimensions={"x": 2 / 3, "y": 1, "z": 1}).volume == 0.333333
    assert row(dimensions={"x": 2 / 3, "y": 1, "z": 1}).dims == (0.666667, 1, 1)


def test_rows_are_added_up_under_other() -> None:
    first = BoxRow(carton="S", ref_id="1", dims=(1, 1, 1), items=2, volume=0.1, dim_billed=True, price_cents=100)
    second = BoxRow(carton="M", count=3, items=None, volume=0.2, volume_net=5, dim_billed=True, material_cents=7)

    assert boxes.added_up([first, second]) == BoxRow(
        carton="(other)",
        count=4,
        items=2,
        volume=0.3,
        volume_net=5,
        dim_billed=True,
        price_cents=100,
        material_cents=7,
    )
    assert boxes.added_up([first, BoxRow(carton="L", dim_billed=False)]).dim_billed is None
    assert boxes.added_up([first]).carton == "(other)"


def test_a_sum_stays_within_what_an_event_takes() -> None:
    heavy = BoxRow(carton="S", items=1_000_000, volume=1e12, price_cents=1_000_000_000)

    total = boxes.added_up([heavy] * 2000)

    assert (total.items, total.volume, total.price_cents) == (10_000_000, 1e15, 10**12)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6) | st.none(), min_size=1, max_size=30), st.integers(0, 30))
def test_adding_up_in_parts_gives_the_same_sum(volumes: list[float | None], split: int) -> None:
    rows = [BoxRow(carton="S", volume=volume if volume is None else round(volume, 6)) for volume in volumes]
    parts = [part for part in (rows[:split], rows[split:]) if part]
    whole, in_parts = boxes.added_up(rows), boxes.added_up([boxes.added_up(part) for part in parts])

    assert whole.count == in_parts.count == len(rows)
    assert whole.volume == pytest.approx(in_parts.volume, abs=1e-6) if whole.volume is not None else not in_parts.volume
