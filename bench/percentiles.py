"""Exact percentiles, of all values and not of buckets."""

import math
from collections.abc import Sequence


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed; NaN of nothing. `ordered` is sorted."""
    if not ordered:
        return math.nan
    # Rounded first: 0.07 × 100 is a little more than 7.
    return ordered[max(1, math.ceil(round(share * len(ordered), 9))) - 1]
