"""Rounds become medians and spread; peers are compared within a round."""

from pathlib import Path

from bench.results import differences, ratios, read, summarise, write
from tests.unit.bench.made_results import MEASUREMENT, results, sample


def test_median_lowest_and_highest_of_the_rounds() -> None:
    (summary,) = summarise([sample("packstats", number, per_s=value) for number, value in ((1, 30), (2, 10), (3, 11))])

    found = summary.figures["per_s"]
    assert (found.median, found.low, found.high, found.n) == (11, 10, 30, 3)


def test_peers_stand_in_the_order_of_the_first_round_whatever_order_they_were_measured_in() -> None:
    taken = [sample(peer, number, per_s=1) for number, peer in ((2, "b"), (2, "a"), (1, "a"), (1, "b"))]

    assert [each.peer for each in summarise(taken)] == ["a", "b"]


def test_a_ratio_is_taken_within_a_round_and_not_between_medians() -> None:
    taken = [sample("packstats", number, per_s=value) for number, value in ((1, 10), (2, 20), (3, 60))]
    taken += [sample("nginx", number, per_s=value) for number, value in ((3, 300), (1, 40), (2, 40))]

    assert ratios(taken, MEASUREMENT, "packstats", "nginx", "per_s") == [0.25, 0.5, 0.2]
    assert differences(taken, MEASUREMENT, "packstats", "nginx", "per_s") == [-30, -20, -240]


def test_a_round_that_one_peer_lacks_is_left_out() -> None:
    taken = [sample("packstats", 1, per_s=10), sample("packstats", 2, per_s=20), sample("nginx", 2, per_s=40)]

    assert ratios(taken, MEASUREMENT, "packstats", "nginx", "per_s") == [0.5]


def test_nothing_is_divided_by_nothing() -> None:
    taken = [sample("packstats", 1, per_s=10), sample("nginx", 1, per_s=0)]

    assert ratios(taken, MEASUREMENT, "packstats", "nginx", "per_s") == []


def test_what_is_written_can_be_read_and_has_its_medians_beside_it(tmp_path: Path) -> None:
    made = results(sample("packstats", 1, per_s=10), sample("packstats", 2, per_s=20))

    write(tmp_path / "new" / "a.json", made)

    found = read(tmp_path / "new" / "a.json")
    assert found.samples == made.samples
    assert found.summaries[0].figures["per_s"].median == 15
