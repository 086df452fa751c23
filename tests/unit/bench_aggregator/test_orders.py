"""Orders are varied, the same for the same seed, and the last of each list is one that upstream refuses."""

import json
from collections import Counter

from bench.aggregator.orders import CARTON_LISTS, CARTONS, key_of, orders
from proxy import pack_request


def test_every_list_has_so_many_orders_and_one_is_refused() -> None:
    found = list(orders(3, seed=1))
    assert Counter(order.carton_list for order in found) == dict.fromkeys(range(CARTON_LISTS), 3)
    assert [order.steer is not None for order in found[:3]] == [False, False, True]


def test_every_order_is_one_that_is_sent_upstream() -> None:
    for order in orders(2, seed=1):
        read = pack_request.read(order.body)
        assert read.problem is None
        assert read.facts.items_asked
        assert len(read.facts.offered or []) == CARTONS


def test_half_of_the_lists_have_prices() -> None:
    priced = ["rateTable" in json.loads(order.body)["boxTypes"][0] for order in orders(1, seed=1)]
    assert sum(priced) == CARTON_LISTS // 2


def test_the_same_seed_gives_the_same_orders() -> None:
    assert list(orders(2, seed=1)) == list(orders(2, seed=1)) != list(orders(2, seed=2))


def test_each_list_has_a_keystem_of_its_own() -> None:
    assert len({key_of(number)[:10] for number in range(CARTON_LISTS)}) == CARTON_LISTS
