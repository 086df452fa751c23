"""Runs measurements in rounds, the peers of each in turn, so that what drifts over a run meets all of them alike."""

import subprocess
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.errors import UnavailableError
from bench.measurement import Measurement
from bench.results import Absent, Sample
from common.errors import PackstatsError

_T = TypeVar("_T")


@dataclass(slots=True)
class Taken:
    """What was measured so far."""

    samples: list[Sample] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)

    def lacks(self, measurement: str, peer: str) -> bool:
        """Whether this peer was found to be missing."""
        return any((each.measurement, each.peer, each.round) == (measurement, peer, 0) for each in self.absent)

    @property
    def failed(self) -> bool:
        """Whether a peer that is there could not be measured in some round."""
        return any(each.round for each in self.absent)


def rotated(peers: Sequence[_T], number: int) -> list[_T]:
    """The order of a round, counted from 1: in each another peer is first."""
    if not peers:
        return []
    first = (number - 1) % len(peers)
    return [*peers[first:], *peers[:first]]


class Runner:
    """Runs all rounds of one measurement before the next, so that its peers meet the machine within minutes."""

    def __init__(self, console: Console, rounds: int) -> None:
        self.taken = Taken()
        self._console = console
        self.rounds = rounds
        self._bar = Progress(
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            BarColumn(30),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
        )

    def run(
        self, measurements: Sequence[Measurement], done: Callable[[Measurement, Taken], None] = lambda *_: None
    ) -> Taken:
        """Blocks. A peer that is missing is left out; one that fails is tried again in the next round.

        `done` is called when all rounds of a measurement are there.
        """
        total = sum(len(each.peers) for each in measurements) * self.rounds
        with self._bar if self._console.is_terminal else nullcontext():
            task = self._bar.add_task("", total=total)
            for measurement in measurements:
                for number in range(1, self.rounds + 1):
                    for peer in rotated(measurement.peers, number):
                        self._bar.update(task, description=f"{measurement.name}: {peer}")
                        self._one(measurement, peer, number)
                        self._bar.advance(task)
                done(measurement, self.taken)
        return self.taken

    def _one(self, measurement: Measurement, peer: str, number: int) -> None:
        if self.taken.lacks(measurement.name, peer):
            return
        try:
            figures = measurement.run(peer)
        except UnavailableError as error:
            self.taken.absent.append(Absent(measurement.name, peer, str(error)))
            self._line(f"{measurement.name}: without {peer}: {error}")
            return
        except (PackstatsError, OSError, subprocess.SubprocessError) as error:
            cause = str(error).partition("\n")[0].rstrip(":")  # what follows is a log, with this machine's paths in it
            self.taken.absent.append(Absent(measurement.name, peer, f"failed in round {number}: {cause}", number))
            self._line(f"{measurement.name}, round {number}: {peer} FAILED: {error}")
            return
        self.taken.samples.append(Sample(measurement.name, peer, number, dict(figures)))
        told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self._line(f"{measurement.name}, round {number}: {peer}: {told}")

    def _line(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
