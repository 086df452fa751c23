"""Pure: filled cartons → changes of counters, for an hour as a whole and for each kind of carton.

Shares are compared in whole micro-units, so that a carton that is exactly half empty is not "more than half empty".
A row can stand for several boxes (`count`); its measures are then their sums.
"""

from math import ceil

from aggregator.changes import Change
from common.documents import MICRO, micro
from common.events import BoxRow

BINS = 20


def fold_row(change: Change, row: BoxRow) -> None:
    """What is counted of boxes whatever their kind: emptiness, dimensional weight, and which limit they meet first."""
    _emptiness(change, "", row)
    _dimensional(change, "", row)
    if row.weight is None:
        return
    dim_weight = row.dim_weight or 0.0
    change.add("billable_weight", max(ceil(row.weight) * MICRO, micro(dim_weight)))
    if row.weight_max is None or row.weight_max <= 0:
        return
    weight, weight_max = micro(row.weight), micro(row.weight_max)
    change.count("weight_limited.boxes", row.count)
    change.add("weight_limited.weight", weight)
    change.add("weight_limited.weight_max", weight_max)
    if row.volume and row.volume_used is not None and micro(row.volume_used) * weight_max >= weight * micro(row.volume):
        change.count("cube_out", row.count)


def fold_carton(change: Change, prefix: str, row: BoxRow) -> None:
    """What is counted of one kind of carton; `prefix` is its path, with the dot."""
    change.count(f"{prefix}count", row.count)
    if row.items is not None:
        change.count(f"{prefix}items", row.items)
    for name, measure in (
        ("volume", row.volume),
        ("volume_used", row.volume_used),
        ("volume_net", row.volume_net),
        ("weight", row.weight),
    ):
        if measure is not None:
            change.add(f"{prefix}{name}", micro(measure))
    if row.price_cents is not None:
        change.count(f"{prefix}priced", row.count)
        change.count(f"{prefix}cost_cents", row.price_cents)
    if row.material_cents is not None:
        change.count(f"{prefix}material_cents", row.material_cents)
    _emptiness(change, prefix, row)
    _dimensional(change, prefix, row)


def _emptiness(change: Change, prefix: str, row: BoxRow) -> None:
    volume = micro(row.volume or 0)
    if volume and row.volume_net is not None:
        change.count(f"{prefix}empty_bins.{empty_bin(volume, micro(row.volume_net))}", row.count)


def empty_bin(volume: int, volume_net: int) -> int:
    """Which twentieth of a volume is empty, closed above: bin 9 holds (45 %, 50 %], so bins 10… are more than half."""
    empty = max(0, volume - volume_net)
    return min(BINS - 1, max(0, -(-BINS * empty // volume) - 1))


def _dimensional(change: Change, prefix: str, row: BoxRow) -> None:
    if row.dim_billed:
        change.count(f"{prefix}dim_billed", row.count)
    if row.dim_weight is not None and row.weight is not None and row.dim_weight > row.weight:
        change.add(f"{prefix}dim_excess", micro(row.dim_weight) - micro(row.weight))
