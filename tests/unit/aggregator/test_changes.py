"""Additions to documents as data: they commute, extremes stay extremes."""

from aggregator.changes import Change


def change(count: int, amount: int, low: int, high: int) -> Change:
    made = Change(constants={"hour": count})
    made.count("n", count)
    made.count("n")
    made.add("sum", amount)
    made.add("sum", 1)
    made.lower("first", low)
    made.raise_to("last", high)
    return made


def test_counts_and_sums_add_up() -> None:
    made = change(2, 10, 5, 5)
    assert (made.counts, made.sums, made.entries) == ({"n": 3}, {"sum": 11}, 4)


def test_extremes_are_replaced_only_by_better_ones() -> None:
    made = change(0, 0, 5, 5)
    made.lower("first", 7)
    made.raise_to("last", 3)
    assert (made.minima, made.maxima) == ({"first": 5}, {"last": 5})
    made.lower("first", 3)
    made.raise_to("last", 7)
    assert (made.minima, made.maxima) == ({"first": 3}, {"last": 7})


def test_absorbing_is_the_same_in_either_order() -> None:
    one, other = Change(), Change()
    for part in (change(1, 5, 4, 9), change(7, 2, 3, 8)):
        one.absorb(part)
    for part in (change(7, 2, 3, 8), change(1, 5, 4, 9)):
        other.absorb(part)
    assert one == other
    assert one == Change({"n": 10}, {"sum": 9}, {"first": 3}, {"last": 9})


def test_constants_stay_its_own_and_extremes_can_be_left_out() -> None:
    total = Change(constants={"day": 1})
    total.absorb(change(1, 1, 1, 1), extremes=False)
    assert total == Change({"n": 2}, {"sum": 2}, {}, {}, {"day": 1})
