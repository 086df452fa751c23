"""The file of a run, written after each measurement: two hours are long, and a run that was interrupted can go on.

Ratios are taken within a measurement, whose rounds are never split, so they do not suffer from it.
"""

from pathlib import Path

import msgspec

from bench import results
from bench.errors import BenchError
from bench.measurement import Measurement
from bench.results import Results
from bench.runner import Taken

# What must not have changed since the run began.
_SAME = ("commit", "quick", "rounds", "seed", "versions")


class Kept:
    """What was measured so far, in the file and here."""

    def __init__(self, path: Path, began: Results) -> None:
        self.path = path
        self.results = began

    @classmethod
    def again(cls, path: Path, began: Results) -> "Kept":
        """Go on with the run in that file, where there is one. BenchError if it was made under other conditions."""
        if not path.exists():
            return cls(path, began)
        earlier = results.read(path)
        changed = [name for name in _SAME if getattr(earlier, name) != getattr(began, name)]
        if changed:
            raise BenchError(f"{path.name} cannot be gone on with: other {', '.join(changed)}; begin it anew")
        return cls(path, earlier)

    def lacks(self, measurement: Measurement) -> bool:
        return measurement.name not in self.results.titles

    def add(self, measurement: Measurement, taken: Taken) -> None:
        """All rounds of it are there."""
        name = measurement.name
        self.results = msgspec.structs.replace(
            self.results,
            titles={**self.results.titles, name: measurement.title},
            samples=[*self.results.samples, *(each for each in taken.samples if each.measurement == name)],
            absent=[*self.results.absent, *(each for each in taken.absent if each.measurement == name)],
        )
        results.write(self.path, self.results)
