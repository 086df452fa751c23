"""Which faults come when: the same for the same seed, so that a campaign that failed can be run again.

Faults come in episodes: most of them one fault that stands alone, so that the time to recover from it can be told, the
others two or three that overlap. Every round has each kind of the table once, in an order of its own, so that a kind is
missing only where a campaign was too short for one round.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

OVERLAPPING_SHARE = 0.2  # of the episodes; it makes more than a third of the faults
MOST_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault, what it breaks, and how long it lasts."""

    name: str
    breaks: frozenset[str]  # two faults that break the same part do not overlap
    shortest_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault to come."""

    kind: Kind
    at_s: float  # after its episode's begin
    lasts_s: float
    number: int  # chooses among what there is to break at that moment


@dataclass(frozen=True, slots=True)
class Episode:
    """Faults that belong together; the next episode comes when everything is well again, and `rest_s` later."""

    faults: tuple[Planned, ...]
    rest_s: float

    @property
    def stands_alone(self) -> bool:
        return len(self.faults) == 1


def episodes(seed: int, kinds: Sequence[Kind]) -> Iterator[Episode]:
    """Without end, round after round."""
    for number in count():
        yield from one_round(random.Random(f"{seed} {number}"), kinds)


def one_round(chance: random.Random, kinds: Sequence[Kind]) -> Iterator[Episode]:
    """Every kind once."""
    left = chance.sample(kinds, len(kinds))
    while left:
        wanted = chance.randint(2, MOST_AT_ONCE) if chance.random() < OVERLAPPING_SHARE else 1
        yield _episode(chance, _taken(left, wanted))


def _taken(left: list[Kind], wanted: int) -> list[Kind]:
    """The next of those that are left, and further ones that break other parts."""
    taken = [left.pop(0)]
    for kind in list(left):
        if len(taken) < wanted and not any(kind.breaks & other.breaks for other in taken):
            taken.append(kind)
            left.remove(kind)
    return taken


def _episode(chance: random.Random, kinds: list[Kind]) -> Episode:
    faults: list[Planned] = []
    for kind in kinds:
        lasts_s = chance.uniform(kind.shortest_s, kind.longest_s)
        # Within the first fault, however short that one is, so that they do overlap.
        at_s = chance.uniform(0, faults[0].lasts_s * 0.8) if faults else 0.0
        faults.append(Planned(kind, at_s, lasts_s, chance.randrange(1 << 16)))
    return Episode(tuple(faults), chance.uniform(0.2, 1.2))
