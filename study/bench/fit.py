"""How time grows with the number of orders: t = c·n^b, as a straight line through the logarithms of both."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fit:
    b: float
    c: float
    points: int


def fit(points: Iterable[tuple[float, float]]) -> Fit | None:
    """Least squares; None where there are not two different n. What took no time at all cannot be part of it."""
    logs = [(math.log(n), math.log(t)) for n, t in points if n > 0 and t > 0]
    if len({x for x, _ in logs}) < 2:
        return None
    middle_x, middle_y = (math.fsum(part) / len(logs) for part in zip(*logs, strict=True))
    above = math.fsum((x - middle_x) * (y - middle_y) for x, y in logs)
    b = above / math.fsum((x - middle_x) ** 2 for x, _ in logs)
    return Fit(b, math.exp(middle_y - b * middle_x), len(logs))
