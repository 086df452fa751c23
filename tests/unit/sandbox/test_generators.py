"""Cartons made to measure: sizes, limits, prices."""

from typing import Any

import pytest

from sandbox.generators import METRICS, generate, trimmed, within
from sandbox.measures import Dims, measure, micro
from sandbox.model import Carton, ItemKind, Limit, Trim
from sandbox.reader import Problems, Reader

ONE = {"xList": [1], "yList": [1], "zList": [1]}


def dims(x: float, y: float, z: float) -> Dims:
    return micro(x), micro(y), micro(z)


def generated(kinds: list[ItemKind] | None = None, sizes_max: int = 0, **generator: Any) -> list[Carton]:
    problems = Problems()
    cartons = generate(Reader(generator, "boxTypeGenerators[0]", problems), kinds or [], sizes_max)
    assert not problems, problems.text()
    return cartons


def sides(cartons: list[Carton], axis: int) -> list[float]:
    return sorted({measure(carton.dims[axis]) for carton in cartons})


def test_lists_and_ranges_are_combined() -> None:
    options = ONE | {"xList": [3], "xRange": {"min": 5, "max": 59, "increment": 10}}
    assert sides(generated(options=options), 0) == [3, 5, 10, 20, 30, 40, 50, 59]
    assert len(generated(options=ONE | {"xList": [1, 2], "yList": [1, 2, 3]})) == 6


def test_lengths_can_come_from_the_items() -> None:
    kinds = [ItemKind(ref_id=0, dims=dims(2, 7, 30), quantity=1)]
    options = ONE | {"xRange": {"min": 5, "max": 20, "deriveFromItems": True}}
    assert sides(generated(kinds, options=options), 0) == [1, 5, 7, 20]


def test_sizes_beyond_a_limit_are_not_made() -> None:
    options = ONE | {"xList": [1, 5, 9], "limits": [{"metric": "volume", "min": 2, "max": 6}]}
    assert sides(generated(options=options), 0) == [5]


def test_no_more_sizes_than_asked_for_and_the_same_each_time() -> None:
    options = {f"{axis}Range": {"min": 1, "max": 20, "increment": 1} for axis in "xyz"}
    some = generated(options=options, sizes_max=5)
    assert len(some) == 5
    assert some == generated(options=options, sizes_max=5)
    assert len(generated(options=options)) == 64


def test_prices_are_found_by_threshold_and_added_over_keys() -> None:
    def priced(x: float, **component: Any) -> int:
        base = {"key": "a", "metric": "x-dimension", "thresholds": [0, 10], "prices": [3, 5]}
        options = ONE | {
            "xList": [x],
            "priceComponents": [base | component, {"key": "b", "thresholds": [0], "prices": [100]}],
        }
        return generated(options=options, boxTypeDefaults={"price": 1000})[0].price

    assert priced(5) == 1103
    assert priced(15) == 1105
    assert priced(15, aggregator="sum") == 1108
    assert priced(15, aggregator="product") == 1105
    assert priced(0.5, thresholds=[2, 10]) == 1100


def test_a_size_that_passes_no_threshold_of_a_product_costs_nothing_by_it() -> None:
    component = {"key": "a", "metric": "x-dimension", "aggregator": "product", "thresholds": [50], "prices": [3]}
    assert generated(options=ONE | {"priceComponents": [component]})[0].price == 0


def test_defaults_are_given_to_each_and_sizes_are_its_name_without_one() -> None:
    assert generated(options=ONE)[0].name == "1x1x1"
    carton = generated(options=ONE, boxTypeDefaults={"name": "cut", "weightMax": 9})[0]
    assert (carton.name, carton.weight_max) == ("cut", micro(9))


def test_ship_as_is_cartons_fit_one_kind_each() -> None:
    kinds = [ItemKind(0, dims(1, 2, 3), 2, name="TV"), ItemKind(1, dims(1, 1, 1), 0), ItemKind(2, dims(4, 5, 6), 1)]
    cartons = generated(kinds, operation="pack-as-is", boxTypeDefaults={"price": -1})
    assert [(carton.name, carton.only_kind, carton.price, carton.dims) for carton in cartons] == [
        ("TV", 0, -1, dims(1, 2, 3)),
        ("", 2, -1, dims(4, 5, 6)),
    ]


def test_a_range_without_trimming_leaves_its_cartons_alone() -> None:
    assert generated(options=ONE)[0].trim == Trim((None, None, None))
    assert generated(options=ONE | {"noTrimToMaxExtent": True})[0].trim is None


def test_trimming_rounds_up_to_tenths_between_the_least_length_and_the_whole() -> None:
    trim = Trim((micro(2), None, micro(2)))
    assert trimmed(dims(9, 9, 9), dims(3.14, 1, 1), trim) == dims(3.2, 9, 2)
    assert trimmed(dims(9.05, 9, 9), dims(9.04, 1, 8), trim) == dims(9.05, 9, 8)
    limited = Trim((micro(1), micro(1), micro(1)), (Limit("volume", least=500),))
    assert trimmed(dims(9, 9, 9), dims(2, 2, 2), limited) == dims(9, 9, 9)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("volume", 24),
        ("surface-area", 52),
        ("surface-area-rsc", 60),
        ("longest-dimension", 4),
        ("middle-dimension", 3),
        ("shortest-dimension", 2),
        ("length-plus-girth", 14),
        ("girth", 10),
        ("x-dimension", 3),
        ("y-dimension", 2),
        ("z-dimension", 4),
        ("longest-to-middle-ratio", 4 / 3),
        ("longest-to-shortest-ratio", 2),
        ("middle-to-shortest-ratio", 1.5),
        ("z-to-y-ratio", 2),
        ("z-to-x-ratio", 4 / 3),
        ("y-to-x-ratio", 2 / 3),
    ],
)
def test_metrics_of_a_size(metric: str, value: float) -> None:
    assert METRICS[metric](dims(3, 2, 4)) == pytest.approx(value)
    assert within(dims(3, 2, 4), [Limit(metric, least=value - 0.01, most=value + 0.01)])
    assert not within(dims(3, 2, 4), [Limit(metric, most=value - 0.01)])
    assert not within(dims(3, 2, 4), [Limit(metric, least=value + 0.01)])
