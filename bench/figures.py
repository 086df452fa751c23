"""How figures are called and written, for tables and plots alike."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    decimals: int  # of numbers below 10; larger ones need fewer
    more_is_better: bool = False
    compared: bool = True  # between two commits; counts of how much was done are not

    def text(self, value: float) -> str:
        """The number with as many digits as say something."""
        if value >= 1000 or self.decimals == 0:
            return f"{value:,.0f}"
        return f"{value:,.{max(self.decimals - (value >= 10) - (value >= 100), 0)}f}"


FIGURES = {
    "per_s": Figure("a second", 1, more_is_better=True),
    "cpu_us": Figure("CPU µs each", 1),
    "p50_ms": Figure("p50 ms", 2),
    "p90_ms": Figure("p90 ms", 2),
    "p99_ms": Figure("p99 ms", 2),
    "max_ms": Figure("max ms", 2),
    "seconds": Figure("seconds", 2),
    "rss_mib": Figure("peak MiB", 1),
    "waiting_events": Figure("left in the spool", 0, compared=False),
    "late_p99_ms": Figure("generator late, p99 ms", 2, compared=False),
    "errors": Figure("errors", 0, compared=False),
    "requests": Figure("requests", 0, compared=False),
    "events": Figure("events", 0, compared=False),
}
"""In the order of a table's columns."""


def figure(name: str) -> Figure:
    """Any: one that is not listed is called what it is named, its unit at the end."""
    words, _, unit = name.rpartition("_")
    return FIGURES.get(name) or Figure(f"{words.replace('_', ' ')} {unit}".strip(), 2)


def in_order(names: set[str]) -> list[str]:
    """The columns of a table: first those that have a place, then the others by name."""
    return [name for name in FIGURES if name in names] + sorted(names - set(FIGURES))
