"""Pure: filled cartons of one name, added up in plain integers; made into changes of counters once a batch.

Shares are compared in whole micro-units, so that a carton that is exactly half empty is not "more than half empty".
A row can stand for several boxes (`count`); its measures are then their sums. What comes to 0 is left out of a change:
a counter that is 0 is as good as absent.
"""

from math import ceil

from aggregator.changes import Change
from aggregator.sums import change_counts, change_map, change_sums
from common.documents import MICRO
from common.events import BoxRow

BINS = 20


class Boxes:
    """All boxes of a carton, of one keystem in one hour."""

    __slots__ = (
        "billable_weight",
        "cost_cents",
        "count",
        "cube_out",
        "dim_billed",
        "dim_excess",
        "empty_bins",
        "items",
        "limited",
        "limited_weight",
        "limited_weight_max",
        "material_cents",
        "priced",
        "volume",
        "volume_net",
        "volume_used",
        "weight",
    )

    def __init__(self) -> None:
        self.count = self.items = self.volume = self.volume_used = self.volume_net = self.weight = 0
        self.dim_billed = self.dim_excess = self.billable_weight = 0
        self.limited = self.limited_weight = self.limited_weight_max = self.cube_out = self.priced = 0
        # Cents can be negative, so that a sum of 0 does not say that none were known.
        self.cost_cents: int | None = None
        self.material_cents: int | None = None
        self.empty_bins: dict[int, int] = {}

    def add(self, row: BoxRow) -> None:
        count = row.count
        self.count += count
        if row.items is not None:
            self.items += row.items
        if row.dim_billed:
            self.dim_billed += count
        volume = used = 0
        if row.volume_used is not None:
            used = round(row.volume_used * MICRO)
            self.volume_used += used
        if row.volume is not None:
            volume = round(row.volume * MICRO)
            self.volume += volume
        if row.volume_net is not None:
            self._add_net(volume, round(row.volume_net * MICRO), count)
        if row.weight is not None:
            self._add_weight(row, row.weight, volume if row.volume_used is not None else 0, used)

    def _add_net(self, volume: int, volume_net: int, count: int) -> None:
        self.volume_net += volume_net
        if volume:
            number, bins = empty_bin(volume, volume_net), self.empty_bins
            bins[number] = bins.get(number, 0) + count

    def _add_weight(self, row: BoxRow, real: float, volume: int, used: int) -> None:
        """Dimensional weight, and which limit a box meets first; `volume` is 0 where its share is unknown."""
        weight = round(real * MICRO)
        self.weight += weight
        billable = ceil(real) * MICRO
        if row.dim_weight is not None:
            dim_weight = round(row.dim_weight * MICRO)
            if row.dim_weight > real:
                self.dim_excess += dim_weight - weight
            if dim_weight > billable:  # noqa: PLR1730  # for each box: a call costs more than the comparison
                billable = dim_weight
        self.billable_weight += billable
        if row.weight_max is None or row.weight_max <= 0:
            return
        weight_max = round(row.weight_max * MICRO)
        self.limited += row.count
        self.limited_weight += weight
        self.limited_weight_max += weight_max
        if volume and used * weight_max >= weight * volume:
            self.cube_out += row.count

    def add_money(self, row: BoxRow) -> None:
        if row.price_cents is not None:
            self.priced += row.count
            self.cost_cents = (self.cost_cents or 0) + row.price_cents
        if row.material_cents is not None:
            self.material_cents = (self.material_cents or 0) + row.material_cents

    def change_boxes(self, change: Change) -> None:
        """What is counted of boxes whatever their kind: emptiness, dimensional weight, which limit they meet first."""
        self._change_both(change, "")
        change_counts(change, (("weight_limited.boxes", self.limited), ("cube_out", self.cube_out)))
        change_sums(
            change,
            (
                ("billable_weight", self.billable_weight),
                ("weight_limited.weight", self.limited_weight),
                ("weight_limited.weight_max", self.limited_weight_max),
            ),
        )

    def change_carton(self, change: Change, prefix: str) -> None:
        """What is counted of one kind of carton; `prefix` is its path, with the dot."""
        change_counts(
            change, ((prefix + "count", self.count), (prefix + "items", self.items), (prefix + "priced", self.priced))
        )
        for name, cents in (("cost_cents", self.cost_cents), ("material_cents", self.material_cents)):
            if cents is not None:
                change.count(prefix + name, cents)
        change_sums(
            change,
            (
                (prefix + "volume", self.volume),
                (prefix + "volume_used", self.volume_used),
                (prefix + "volume_net", self.volume_net),
                (prefix + "weight", self.weight),
            ),
        )
        self._change_both(change, prefix)

    def _change_both(self, change: Change, prefix: str) -> None:
        change_map(change, f"{prefix}empty_bins.", self.empty_bins)
        change_counts(change, ((f"{prefix}dim_billed", self.dim_billed),))
        change_sums(change, ((f"{prefix}dim_excess", self.dim_excess),))


def empty_bin(volume: int, volume_net: int) -> int:
    """Which twentieth of a volume is empty, closed above: bin 9 holds (45 %, 50 %], so bins 10… are more than half."""
    empty = volume - volume_net
    return (BINS * empty - 1) // volume if empty > 0 else 0
