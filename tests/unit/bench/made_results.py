"""Results as a run would leave them, small enough to reckon by head."""

from bench.results import Absent, Machine, Results, Sample

MEASUREMENT = "proxy-4k-64"


def sample(peer: str, number: int, measurement: str = MEASUREMENT, **figures: float) -> Sample:
    return Sample(measurement, peer, number, figures)


def results(*samples: Sample, absent: tuple[Absent, ...] = (), quick: bool = False) -> Results:
    return Results(
        began="2026-01-02T03:04:05Z",
        commit="0123456789",
        quick=quick,
        rounds=3,
        seed=1,
        machine=Machine(2, "a processor", 8, "Linux 6.1", 0.5),
        versions={"python": "3.11.7"},
        titles={MEASUREMENT: "Packs through a proxy"},
        samples=list(samples),
        absent=list(absent),
    )
