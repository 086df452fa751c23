"""What a box costs."""

from typing import Any

import pytest

from sandbox.measures import Dims, micro
from sandbox.model import Carton, RateTable
from sandbox.pricing import price, rated

DIMS: Dims = (micro(10), micro(10), micro(13.9))


def cost(weight: float, fixed: int = 0, dims: Dims = DIMS, **table: Any) -> int:
    return price(Carton(dims=dims, price=fixed, rate_table=RateTable(**table)), micro(weight)).cost


def test_without_price_and_rate_the_volume_is_the_cost() -> None:
    assert cost(5) == 1390
    assert cost(5, dim_factor=139) == 1390


def test_a_fixed_price_is_the_cost_and_a_rate_comes_on_top() -> None:
    assert cost(5, fixed=250) == 250
    assert cost(5, fixed=250, base_price=100, price_increase_rate=10) == 400


def test_rates_go_by_weight_and_stay_at_the_last() -> None:
    table: dict[str, Any] = {"rates": (10.0, 15.0, 20.0), "weights": (1.0, 2.0, 3.0)}
    assert [cost(weight, **table) for weight in (0, 1, 1.5, 3, 99)] == [10, 10, 15, 20, 20]


def test_rates_without_weights_go_by_the_full_unit_of_weight() -> None:
    assert [cost(weight, rates=(10.0, 15.0, 20.0)) for weight in (0, 1, 1.5, 3, 99)] == [10, 10, 15, 20, 20]


def test_a_light_box_is_rated_by_its_size() -> None:
    assert cost(3, price_increase_rate=100, dim_factor=139) == 1000
    assert cost(12, price_increase_rate=100, dim_factor=139) == 1200


@pytest.mark.parametrize(("weight", "used"), [(3, True), (10, False), (12, False)])
def test_the_weight_by_size_is_told_and_whether_it_was_used(weight: float, used: bool) -> None:
    found = price(Carton(dims=DIMS, rate_table=RateTable(dim_factor=139)), micro(weight))
    assert (found.dimensional_weight, found.dimensional_weight_used) == (10, used)


def test_size_can_be_the_outer_one() -> None:
    carton = Carton(
        dims=DIMS, rate_table=RateTable(dim_factor=139), outer_change=(micro(10), 0, 0), outer_based_cost=True
    )
    assert price(carton, 0).dimensional_weight == 20


def test_a_carriers_own_rates_are_assumed_if_it_is_named() -> None:
    preset: dict[str, Any] = {"carrier": "ups", "service": "ground"}
    assert cost(20, **preset) > cost(11, **preset) > 0
    assert cost(1, **preset) == cost(10, **preset), "rated by size"
    assert cost(1, **preset, dim_factor=-1) < cost(10, **preset, dim_factor=-1)


def test_only_a_table_that_prices_a_weight_counts_as_one() -> None:
    assert not rated(RateTable(dim_factor=139, zone="5"))
    assert not rated(RateTable(carrier="ups"))
    assert not rated(RateTable(rates=()))
    assert rated(RateTable(rates=(5.0,)))
    assert rated(RateTable(base_price=1))


def test_a_trimmed_carton_costs_by_the_size_it_has_left() -> None:
    assert price(Carton(dims=DIMS), 0, (micro(1), micro(2), micro(3))).cost == 6
