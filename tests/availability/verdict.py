"""What a phase of the measurement came to, and whether all of it is as promised: pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.availability.meter import Sample

LEAST_SHARE = 0.999
BACK_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One row of the table."""

    name: str
    seconds: float
    requests: int
    good: int
    share: float
    p50_ms: float | None
    p99_ms: float | None
    other: dict[str, int]  # what the rest was answered with
    rss_mib: dict[str, tuple[float, float]]  # of each process, before and after
    lag_back_s: float | None = None  # only where something was healed at its begin
    most_behind: int | None = None


def percentile_ms(samples: Sequence[Sample], rank: float) -> float | None:
    """Nearest rank over those that were answered, in milliseconds."""
    times = sorted(sample.seconds for sample in samples if sample.seconds is not None)
    if not times:
        return None
    return 1000 * times[max(0, -(-int(rank * 1000) * len(times) // 1000) - 1)]


def phase(name: str, seconds: float, samples: Sequence[Sample], rss_mib: dict[str, tuple[float, float]]) -> Phase:
    good = sum(sample.good for sample in samples)
    return Phase(
        name=name,
        seconds=round(seconds, 1),
        requests=len(samples),
        good=good,
        share=good / len(samples) if samples else 0.0,
        p50_ms=percentile_ms(samples, 0.5),
        p99_ms=percentile_ms(samples, 0.99),
        other=dict(Counter(sample.said for sample in samples if not sample.good)),
        rss_mib=rss_mib,
    )


def failures(phases: Sequence[Phase], promised: int, unanswered: int, counted: int) -> Iterator[str]:
    """What is not as promised."""
    for each in phases:
        if each.share < LEAST_SHARE:
            yield f"{each.name}: {each.share:.3%} got upstream's status and bytes, {LEAST_SHARE:.1%} are promised"
        if each.most_behind is not None and (each.lag_back_s is None or each.lag_back_s > BACK_WITHIN_S):
            took = "never" if each.lag_back_s is None else f"after {each.lag_back_s:.1f} s"
            yield f"{each.name}: the lag was back {took}, {BACK_WITHIN_S:.0f} s are promised"
    if not promised <= counted <= promised + unanswered:
        yield f"{promised} packs were promised to be counted ({unanswered} had no reply), {counted} are"
