"""Peers take turns; one that is missing is left out and named; one that fails is named, and the rest goes on."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console

from bench.errors import BenchError, UnavailableError
from bench.results import Figures
from bench.runner import Runner, rotated


@dataclass
class FakeMeasurement:
    name: str = "fake"
    title: str = "A fake"
    peers: Sequence[str] = ("a", "b", "c")
    missing: str = ""
    broken: str = ""
    asked: list[str] = field(default_factory=list)

    def run(self, peer: str) -> Figures:
        self.asked.append(peer)
        if peer == self.missing:
            raise UnavailableError("not installed: apt-get install it")
        if peer == self.broken:
            raise BenchError("it fell over")
        return {"per_s": float(len(self.asked))}


def runner(rounds: int) -> Runner:
    return Runner(Console(file=io.StringIO()), rounds)


def test_each_round_begins_with_another_peer() -> None:
    assert [rotated("abc", number) for number in (1, 2, 3, 4)] == [list("abc"), list("bca"), list("cab"), list("abc")]
    assert rotated([], 3) == []


def test_all_peers_are_measured_in_every_round_in_turn() -> None:
    fake = FakeMeasurement()

    taken = runner(3).run([fake])

    assert fake.asked == list("abcbcacab")
    assert [(each.peer, each.round) for each in taken.samples if each.round == 2] == [("b", 2), ("c", 2), ("a", 2)]


def test_a_missing_peer_is_asked_once_and_named_with_its_reason() -> None:
    fake = FakeMeasurement(missing="b")

    taken = runner(3).run([fake])

    assert fake.asked.count("b") == 1
    assert [(each.peer, each.reason) for each in taken.absent] == [("b", "not installed: apt-get install it")]
    assert {each.peer for each in taken.samples} == {"a", "c"}


def test_a_peer_that_fails_is_named_and_tried_again_while_the_others_go_on() -> None:
    fake = FakeMeasurement(broken="c")

    taken = runner(2).run([fake])

    assert fake.asked.count("c") == 2
    assert [(each.peer, each.reason) for each in taken.absent] == [
        ("c", "failed in round 1: it fell over"),
        ("c", "failed in round 2: it fell over"),
    ]
    assert taken.failed
    assert len(taken.samples) == 4


def test_a_missing_peer_is_no_failure() -> None:
    assert not runner(1).run([FakeMeasurement(missing="a")]).failed
