"""What is to be reached, as numbers that a run either shows or does not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.results import Results, Spread, differences, ratios, spread, summarise

Value = Callable[[Results], Spread | None]


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table: the median of `value` is to be at least, or at most, `bound`."""

    text: str
    value: Value
    bound: float
    at_least: bool
    unit: str = ""

    def row(self, results: Results) -> tuple[str, str, str, str]:
        """Goal, bound, what was measured, and whether that is enough."""
        sign = "≥" if self.at_least else "≤"
        bound = f"{sign} {self.bound:g} {self.unit}".strip()
        found = self.value(results)
        if found is None:
            return self.text, bound, "", "not measured"
        reached = found.median >= self.bound if self.at_least else found.median <= self.bound
        measured = f"{_number(found.median)} ({_number(found.low)}–{_number(found.high)}) {self.unit}".strip()
        return self.text, bound, measured, "reached" if reached else "**not reached**"


def ratio(measurement: str, figure: str, peer: str, to: str) -> Value:
    """A figure as a multiple of another peer's in the same round."""
    return lambda results: _spread(ratios(results.samples, measurement, peer, to, figure))


def added(measurement: str, figure: str, peer: str, to: str) -> Value:
    """How far a figure is above another peer's in the same round."""
    return lambda results: _spread(differences(results.samples, measurement, peer, to, figure))


def plain(measurement: str, figure: str, peer: str) -> Value:
    """A figure as it was measured."""
    return lambda results: _spread(
        [
            sample.figures[figure]
            for sample in results.samples
            if (sample.measurement, sample.peer) == (measurement, peer) and figure in sample.figures
        ]
    )


def most(measurements: Sequence[str], figure: str, peer: str) -> Value:
    """The highest that one round of any of these measurements had."""

    def value(results: Results) -> Spread | None:
        found = [plain(each, figure, peer)(results) for each in measurements]
        known = [each.high for each in found if each is not None]
        return spread([max(known)]) if len(known) == len(measurements) else None

    return value


def flat(measurements: Sequence[str], figure: str, peer: str) -> Value:
    """The lowest median as a share of the highest."""

    def value(results: Results) -> Spread | None:
        medians = [
            summary.figures[figure].median
            for summary in summarise(results.samples)
            if summary.peer == peer and summary.measurement in measurements and figure in summary.figures
        ]
        if len(medians) != len(measurements) or not max(medians):
            return None
        return spread([min(medians) / max(medians)])

    return value


def across(figure: str, peer: str, measurement: str, to: str) -> Value:
    """The median of one measurement as a multiple of that of another."""

    def value(results: Results) -> Spread | None:
        one, other = plain(measurement, figure, peer)(results), plain(to, figure, peer)(results)
        return None if one is None or other is None or not other.median else spread([one.median / other.median])

    return value


def table(goals: Sequence[Goal], results: Results) -> str:
    """In Markdown."""
    lines = ["| goal | bound | measured: median (lowest–highest) | |", "|---|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(goal.row(results)) + " |" for goal in goals])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _spread(values: Sequence[float]) -> Spread | None:
    return spread(values) if values else None
