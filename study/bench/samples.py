"""Gathers what was measured, sample by sample, and makes of it percentiles for each case, condition and repeat."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.percentiles import nearest_rank
from study.bench.results import Measured, Percentiles, Times
from study.kit.manifest import Case

COLD, ALONE, ARRIVING, READERS = "cold", "alone", "arriving", "readers"
CONDITIONS = (COLD, ALONE, ARRIVING, READERS)


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer. `client_ms` is what the asker waited; the rest says the answer itself."""

    request_ms: float
    database_ms: float
    client_ms: float
    calls: int
    rows: int


@dataclass(slots=True)
class Tally:
    """Of one stage."""

    _cases: dict[tuple[str, str], Case] = field(default_factory=dict)
    _samples: dict[tuple[str, str], dict[int, list[Sample]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def add(self, condition: str, case: Case, repeat: int, sample: Sample) -> None:
        self._cases[condition, case.name] = case
        self._samples[condition, case.name][repeat].append(sample)

    def repeats(self, condition: str, case: Case) -> int:
        """In how many of them it was asked."""
        return len(self._samples.get((condition, case.name), ()))

    def measured(self) -> list[Measured]:
        """By condition, then in the order of the cases' names: not in the random order of the run."""
        keys = sorted(self._samples, key=lambda key: (CONDITIONS.index(key[0]), key[1]))
        return [
            _measured(condition, self._cases[condition, name], self._samples[condition, name])
            for condition, name in keys
        ]


def percentiles(values: Sequence[float]) -> Percentiles:
    """Nearest rank: values that occurred."""
    ordered = sorted(values)
    return Percentiles(*(round(nearest_rank(ordered, share), 3) for share in (0.5, 0.95, 0.99)))


def _measured(condition: str, case: Case, repeats: dict[int, list[Sample]]) -> Measured:
    last = next(reversed(repeats.values()))[-1]
    times = [
        Times(
            repeat,
            len(samples),
            _of(samples, lambda sample: sample.request_ms),
            _of(samples, lambda sample: sample.database_ms),
            _of(samples, lambda sample: sample.client_ms),
        )
        for repeat, samples in sorted(repeats.items())
    ]
    return Measured(condition, case.report, case.who, case.range, case.orders, last.calls, last.rows, times)


def _of(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> Percentiles:
    return percentiles([figure(sample) for sample in samples])
