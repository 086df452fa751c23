"""What a run leaves behind: every sample as measured, with the machine, versions and commit it holds for.

Figures are named with their unit, so that tables and plots know how to show them:

    per_s                       requests or events per second
    cpu_us                      CPU time of the measured process tree per request or event, from the operating system
    p50_ms p90_ms p99_ms max_ms latency
    added_p50_ms added_p99_ms   latency above the same load without the peer, in the same round
    seconds                     how long a whole task took
    requests events errors      counts; `errors` are requests that were refused, lost or not answered 2xx
    rss_mib                     highest resident memory of the process tree

A measurement may have others; the part after the last `_` is then its unit.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

Figures = Mapping[str, float]


class Machine(msgspec.Struct, frozen=True):
    """The class of the machine; nothing that names it."""

    cores: int
    cpu: str
    memory_gib: int
    kernel: str
    fsync_ms: float  # until a small append is on the disk, median


class Sample(msgspec.Struct, frozen=True):
    """What one peer did in one round of one measurement."""

    measurement: str
    peer: str
    round: int  # from 1
    figures: dict[str, float]


class Absent(msgspec.Struct, frozen=True):
    """A peer that could not be measured, and why."""

    measurement: str
    peer: str
    reason: str
    round: int = 0  # the only one it failed in; 0: it cannot be had at all


class Spread(msgspec.Struct, frozen=True):
    median: float
    low: float
    high: float
    n: int


class Summary(msgspec.Struct, frozen=True):
    """One peer in one measurement, over the rounds."""

    measurement: str
    peer: str
    figures: dict[str, Spread]


class Results(msgspec.Struct, frozen=True):
    """One run, as it is kept in bench/results/."""

    began: str  # date and time, UTC, to the second
    commit: str  # of the product; ends in "+" where the tree differs from it
    quick: bool
    rounds: int
    seed: int
    machine: Machine
    versions: dict[str, str]
    titles: dict[str, str]  # of the measurements, by name
    samples: list[Sample]
    absent: list[Absent] = []
    summaries: list[Summary] = []  # follow from the samples; here for whoever reads the file by eye


def spread(values: Iterable[float]) -> Spread:
    """Of at least one value."""
    known = list(values)
    return Spread(statistics.median(known), min(known), max(known), len(known))


def summarise(samples: Iterable[Sample]) -> list[Summary]:
    """In the order in which measurements and peers first appear, whatever the order of the rounds made of it."""
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in sorted(samples, key=lambda sample: sample.round):
        for name, value in sample.figures.items():
            found[sample.measurement, sample.peer][name].append(value)
    return [
        Summary(measurement, peer, {name: spread(values) for name, values in figures.items()})
        for (measurement, peer), figures in found.items()
    ]


def ratios(samples: Iterable[Sample], measurement: str, peer: str, to: str, figure: str) -> list[float]:
    """One figure of a peer as a multiple of another peer's, round by round: what drifts over a run falls out."""
    return [own / others for own, others in _paired(samples, measurement, (peer, to), figure) if others]


def differences(samples: Iterable[Sample], measurement: str, peer: str, to: str, figure: str) -> list[float]:
    """By how much one figure of a peer is above another peer's, round by round."""
    return [own - others for own, others in _paired(samples, measurement, (peer, to), figure)]


def _paired(
    samples: Iterable[Sample], measurement: str, peers: tuple[str, str], figure: str
) -> list[tuple[float, float]]:
    by_peer: dict[str, dict[int, float]] = defaultdict(dict)
    for sample in samples:
        if sample.measurement == measurement and figure in sample.figures:
            by_peer[sample.peer][sample.round] = sample.figures[figure]
    own, others = by_peer[peers[0]], by_peer[peers[1]]
    return [(own[number], others[number]) for number in sorted(own.keys() & others.keys())]


def write(path: Path, results: Results) -> None:
    """As JSON that a person can read and a version control can compare."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = msgspec.structs.replace(results, summaries=summarise(results.samples))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")


def read(path: Path) -> Results:
    return msgspec.json.decode(path.read_bytes(), type=Results)
