"""What the aggregator and the reading side are to reach."""

from bench.aggregator.folding import COMPACTING, FOLD, STOCK
from bench.aggregator.takeover import IN_TRANSACTION, KILLED
from bench.goals import Goal, Value, plain, ratio
from bench.measurement import PRODUCT
from bench.reads.measurements import KEYSTEMS, peer_of
from bench.results import Results, Spread, spread

_FEW, _MANY = "aggregator-300", "aggregator-30000"
_SPIKE_PER_S = 2_000
_FLUSH_MS = 1_000


def growth(measurement: str, peer: str) -> Value:
    """Memory at the end as a multiple of that after a quarter of the time."""

    def value(results: Results) -> Spread | None:
        found = [
            sample.figures["rss_end_mib"] / sample.figures["rss_quarter_mib"]
            for sample in results.samples
            if (sample.measurement, sample.peer) == (measurement, peer)
        ]
        return spread(found) if found else None

    return value


GOALS = (
    Goal("300 facilities, of decode + fold", ratio(_FEW, "per_s", PRODUCT, FOLD), 0.5, at_least=True, unit="×"),
    Goal("of Quix Streams, compacting sink", ratio(_FEW, "per_s", PRODUCT, COMPACTING), 4, at_least=True, unit="×"),
    Goal("of Quix Streams, stock sink", ratio(_FEW, "per_s", PRODUCT, STOCK), 10, at_least=True, unit="×"),
    Goal(
        "30,000 facilities, of the spike of the need",
        lambda results: _times(plain(_MANY, "per_s", PRODUCT)(results), 1 / _SPIKE_PER_S),
        2.5,
        at_least=True,
        unit="×",
    ),
    Goal("memory at the end, of that after a quarter", growth(_FEW, PRODUCT), 1.15, at_least=False, unit="×"),
    Goal("catch-up: an hour at 200/s in the topic", plain(_FEW, "seconds", PRODUCT), 12, at_least=False, unit="s"),
    Goal("fresh at 200/s, p99", plain("freshness-200", "p99_ms", PRODUCT), _FLUSH_MS + 250, at_least=False, unit="ms"),
    Goal(
        "fresh at 2,000/s, p99", plain("freshness-2000", "p99_ms", PRODUCT), _FLUSH_MS + 250, at_least=False, unit="ms"
    ),
    Goal("killed: fetched by the other", plain("takeover", "fetched_s", KILLED), 8, at_least=False, unit="s"),
    Goal("killed: visible", plain("takeover", "visible_s", KILLED), 10, at_least=False, unit="s"),
    Goal(
        "killed in a transaction: fetched by the other",
        plain("takeover", "fetched_s", IN_TRANSACTION),
        8,
        at_least=False,
        unit="s",
    ),
    Goal(
        "killed in a transaction: visible", plain("takeover", "visible_s", IN_TRANSACTION), 10, at_least=False, unit="s"
    ),
)

READING = (
    Goal(
        f"`all` at {KEYSTEMS[-1]:,} facilities, p99, of that at {KEYSTEMS[0]:,}",
        ratio("reads-all", "p99_ms", peer_of(KEYSTEMS[-1]), peer_of(KEYSTEMS[0])),
        1.5,
        at_least=False,
        unit="×",
    ),
)


def _times(found: Spread | None, factor: float) -> Spread | None:
    return found and Spread(found.median * factor, found.low * factor, found.high * factor, found.n)
