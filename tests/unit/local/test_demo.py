"""The demo's comparison: it must see a loss and a double count, or it shows nothing."""

from collections import Counter

import pytest

from local.demo import _compare, report
from local.load import Client, Load, Sending, Totals, keystem_of, nearest_rank


class FakeClient(Client):
    """Answers with the counts that a test made up."""

    def __init__(self, packs: Counter[str], items: Counter[str]) -> None:
        self.packs, self.items = packs, items

    async def totals(self, keystem: str) -> Totals:
        return Totals(self.packs[keystem], self.items[keystem], 0)


async def compared(lost: int = 0, doubled: int = 0, items_lost: int = 0, in_all_off: int = 0) -> tuple[int, int]:
    client = FakeClient(Counter(), Counter())
    sending = Sending(Load(3, 1, 1), client)
    for key in sending.keys:
        sending.tally.packs[keystem_of(key)] = 10
        sending.tally.items[keystem_of(key)] = 50
    client.packs, client.items = sending.tally.packs.copy(), sending.tally.items.copy()
    client.packs[keystem_of(sending.keys[0])] -= lost
    client.packs[keystem_of(sending.keys[1])] += doubled
    client.items[keystem_of(sending.keys[2])] -= items_lost
    after = Totals(100 + client.packs.total() + in_all_off, 1000 + client.items.total(), 0)
    outcome = await _compare(client, sending, Totals(100, 1000), after)
    assert outcome.packs_sent == 30
    return outcome.difference, outcome.facilities_that_differ


async def test_equal_counts_differ_by_nothing_whatever_was_there_before() -> None:
    assert await compared() == (0, 0)


@pytest.mark.parametrize("fault", ["lost", "doubled", "items_lost"])
async def test_one_facility_off_by_one_is_a_difference(fault: str) -> None:
    difference, facilities = await compared(**{fault: 1})
    assert difference > 0
    assert facilities == 1


async def test_loss_and_double_count_do_not_cancel_out() -> None:
    difference, facilities = await compared(lost=1, doubled=1)
    assert difference >= 2
    assert facilities == 2


async def test_total_of_all_off_alone_is_a_difference() -> None:
    assert await compared(in_all_off=1) == (1, 0)


async def test_difference_is_called_an_error() -> None:
    client = FakeClient(Counter(), Counter())
    sending = Sending(Load(1, 1, 1), client)
    good = await _compare(client, sending, Totals(), Totals())
    assert "nothing lost" in report(good)
    bad = await _compare(client, sending, Totals(), Totals(1))
    assert "difference 1: THIS IS AN ERROR" in report(bad)


def test_keys_of_two_runs_share_no_keystem() -> None:
    client = FakeClient(Counter(), Counter())
    first, second = (Sending(Load(300, 1, 1), client) for _ in range(2))
    stems = [{keystem_of(key) for key in sending.keys} for sending in (first, second)]
    assert [len(some) for some in stems] == [300, 300]
    assert not stems[0] & stems[1]


@pytest.mark.parametrize(
    ("values", "share", "rank"),
    [([], 0.5, None), ([3.0], 0.99, 3.0), ([3.0, 1.0, 2.0], 0.5, 2.0), ([float(n) for n in range(1, 101)], 0.99, 99.0)],
)
def test_percentiles_are_nearest_rank(values: list[float], share: float, rank: float | None) -> None:
    assert nearest_rank(values, share) == rank
