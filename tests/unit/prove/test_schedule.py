"""The schedule of a campaign: the same for the same seed, with every kind, and faults that overlap only where they may."""

from itertools import islice

import pytest

from tests.prove.faults import FAULTS
from tests.prove.kinds import KINDS, chosen
from tests.prove.schedule import Episode, episodes

TOPOLOGIES = sorted(KINDS)


def some(topology: str, seed: int, count: int = 400) -> list[Episode]:
    return list(islice(episodes(seed, KINDS[topology]), count))


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_same_seed_gives_same_schedule_and_another_seed_another(topology: str) -> None:
    assert some(topology, 7) == some(topology, 7)
    assert some(topology, 7) != some(topology, 8)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_first_round_has_every_kind_once(topology: str, seed: int) -> None:
    names = [fault.kind.name for episode in some(topology, seed) for fault in episode.faults]
    kinds = sorted(kind.name for kind in KINDS[topology])
    assert sorted(names[: len(kinds)]) == kinds
    assert sorted(names[len(kinds) : 2 * len(kinds)]) == kinds
    assert names[: len(kinds)] != names[len(kinds) : 2 * len(kinds)]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_overlapping_faults_break_different_parts_and_do_overlap(topology: str) -> None:
    together = [episode for episode in some(topology, 1) if not episode.stands_alone]
    assert together
    for episode in together:
        first, *others = episode.faults
        assert 1 <= len(others) <= 2
        parts = [part for fault in episode.faults for part in fault.kind.breaks]
        assert len(parts) == len(set(parts))
        assert all(0 <= other.at_s <= first.lasts_s for other in others)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_about_a_third_overlaps_and_the_rate_leaves_time_to_recover(topology: str) -> None:
    found = some(topology, 3)
    faults = sum(len(episode.faults) for episode in found)
    overlapping = sum(len(episode.faults) for episode in found if not episode.stands_alone)
    assert 0.2 < overlapping / faults < 0.5
    busy_s = sum(max(fault.at_s + fault.lasts_s for fault in episode.faults) + episode.rest_s for episode in found)
    # A fault each nine seconds leaves so much for recovery; 1,800 s then have 200 of them.
    assert busy_s / faults < 5


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_durations_are_those_of_the_table(topology: str) -> None:
    for episode in some(topology, 5):
        for fault in episode.faults:
            assert fault.kind.shortest_s <= fault.lasts_s <= fault.kind.longest_s


def test_every_kind_is_one_that_can_be_injected_and_none_is_forgotten() -> None:
    names = {kind.name for kinds in KINDS.values() for kind in kinds}
    assert names == set(FAULTS)
    assert len(KINDS["single"]) >= 14
    assert len(KINDS["cluster"]) >= 14


def test_chosen_kinds_are_those_named() -> None:
    assert [kind.name for kind in chosen("single", ["proxy killed", "mongod frozen"])] == [
        "proxy killed",
        "mongod frozen",
    ]
    assert chosen("single", []) == KINDS["single"]
    with pytest.raises(KeyError):
        chosen("single", ["controller killed"])
