"""What is counted of boxes: emptiness exact at every step, dimensional weight, and which limit a box meets first."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.boxes import BINS, Boxes, empty_bin
from aggregator.changes import Change
from tests.support.made_events import box


def boxes(**changed: Any) -> Boxes:
    found, row = Boxes(), box(**changed)
    found.add(row)
    found.add_money(row)
    return found


def row_change(**changed: Any) -> Change:
    change = Change()
    boxes(**changed).change_boxes(change)
    return change


def carton_change(**changed: Any) -> Change:
    change = Change()
    boxes(**changed).change_carton(change, "c.")
    return change


@given(st.integers(1, 10**18), st.integers(0, 10**18))
@example(1, 0)
@example(7, 7)
def test_a_bin_is_closed_above(volume: int, volume_net: int) -> None:
    empty = max(Fraction(0), Fraction(volume - volume_net, volume))
    number = empty_bin(volume, volume_net)
    assert 0 <= number < BINS
    assert empty <= Fraction(number + 1, BINS)
    assert number == 0 or empty > Fraction(number, BINS)


@pytest.mark.parametrize("step", range(BINS + 1))
@pytest.mark.parametrize("volume", [20, 1_000_000, 17_280_000_000, 20 * 333_333_333_333])
def test_every_step_of_5_percent_belongs_to_the_bin_below_it(step: int, volume: int) -> None:
    volume_net = volume - volume * step // BINS
    assert empty_bin(volume, volume_net) == max(0, step - 1)
    if step < BINS:
        assert empty_bin(volume, volume_net - 1) == step


def test_a_box_that_is_half_empty_is_not_more_than_half_empty() -> None:
    assert row_change(volume=0.3, volume_net=0.15).counts["empty_bins.9"] == 1
    assert row_change(volume=0.3, volume_net=0.149999).counts["empty_bins.10"] == 1


@pytest.mark.parametrize("missing", [{"volume": None}, {"volume": 0.0}, {"volume_net": None}])
def test_emptiness_is_unknown_without_both_volumes(missing: dict[str, Any]) -> None:
    assert not any("empty_bins" in path for path in row_change(**missing).counts)


def test_more_than_the_box_holds_is_full_and_not_below() -> None:
    assert row_change(volume=1.0, volume_net=2.0).counts["empty_bins.0"] == 1


def test_dimensional_weight_above_the_real_one_is_the_excess() -> None:
    assert row_change(weight=10.5, dim_weight=12.0).sums["dim_excess"] == 1_500_000
    for no_excess in ({"dim_weight": 10.5}, {"dim_weight": 3.0}, {"dim_weight": None}, {"weight": None}):
        assert "dim_excess" not in row_change(**no_excess).sums


def test_a_box_billed_by_its_size_is_counted_only_if_it_was() -> None:
    assert row_change(dim_billed=True, count=3).counts["dim_billed"] == 3
    for billed in (False, None):
        assert "dim_billed" not in row_change(dim_billed=billed).counts


@pytest.mark.parametrize(
    ("weight", "dim_weight", "billable"),
    [(10.5, 12.0, 12), (10.5, 3.0, 11), (10.000001, None, 11), (10.0, None, 10), (0.0, 0.0, 0), (2.0, 2.5, 2.5)],
)
def test_billable_is_the_greater_of_whole_real_and_dimensional_weight(
    weight: float, dim_weight: float | None, billable: float
) -> None:
    assert row_change(weight=weight, dim_weight=dim_weight).sums.get("billable_weight", 0) == billable * 1_000_000


def test_without_a_weight_nothing_is_billable_or_limited() -> None:
    change = row_change(weight=None)
    assert "billable_weight" not in change.sums
    assert "weight_limited.boxes" not in change.counts


def test_boxes_with_a_weight_limit_add_up_both_weights() -> None:
    change = row_change(weight=10.5, weight_max=50.0, count=2)
    assert change.counts["weight_limited.boxes"] == 2
    assert (change.sums["weight_limited.weight"], change.sums["weight_limited.weight_max"]) == (10_500_000, 50_000_000)


@pytest.mark.parametrize("weight_max", [None, 0.0])
def test_boxes_without_a_weight_limit_are_not_among_them(weight_max: float | None) -> None:
    change = row_change(weight_max=weight_max)
    assert "weight_limited.boxes" not in change.counts
    assert "cube_out" not in change.counts


@pytest.mark.parametrize(
    ("changed", "cubed_out"),
    [
        ({"volume": 100.0, "volume_used": 60.0, "weight": 10.0, "weight_max": 50.0}, True),
        ({"volume": 100.0, "volume_used": 20.0, "weight": 10.0, "weight_max": 50.0}, True),  # equal shares
        ({"volume": 100.0, "volume_used": 19.999999, "weight": 10.0, "weight_max": 50.0}, False),
        ({"volume": 0.3, "volume_used": 0.1, "weight": 0.1, "weight_max": 0.3}, True),  # equal in thirds
        ({"volume": None}, False),
        ({"volume": 0.0}, False),
        ({"volume_used": None}, False),
    ],
)
def test_a_box_cubes_out_if_it_fills_its_volume_before_its_weight(changed: dict[str, Any], cubed_out: bool) -> None:
    assert row_change(count=4, **changed).counts.get("cube_out", 0) == (4 if cubed_out else 0)


def test_a_carton_has_its_own_counters() -> None:
    change = carton_change(count=2)
    assert change.counts == {
        "c.count": 2,
        "c.items": 5,
        "c.priced": 2,
        "c.cost_cents": 500,
        "c.material_cents": 50,
        "c.empty_bins.9": 2,
        "c.dim_billed": 2,
    }
    assert change.sums == {
        "c.volume": 100_000_000,
        "c.volume_used": 60_000_000,
        "c.volume_net": 50_000_000,
        "c.weight": 10_500_000,
        "c.dim_excess": 1_500_000,
    }


def test_a_carton_of_which_nothing_is_known_is_counted_all_the_same() -> None:
    unknown = dict.fromkeys(
        (
            "items",
            "volume",
            "volume_used",
            "volume_net",
            "weight",
            "dim_weight",
            "dim_billed",
            "price_cents",
            "material_cents",
        )
    )
    change = carton_change(**unknown)
    assert (change.counts, change.sums) == ({"c.count": 1}, {})
