"""What the plots are drawn with: SVG as text, readable on a light and on a dark page, the same bytes for the same results."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

WIDTH = 760
# One for each technology or kind of time; light, then dark.
_COLOURS = (("#3b6ea5", "#7fb0e0"), ("#c2702b", "#e9a368"), ("#3f8a55", "#7fcb96"), ("#8a4f9e", "#c896da"))


def _style() -> str:
    light = "".join(f".f{n}{{fill:{day}}} .s{n}{{stroke:{day}}} " for n, (day, _) in enumerate(_COLOURS))
    dark = "".join(f".f{n}{{fill:{night}}} .s{n}{{stroke:{night}}} " for n, (_, night) in enumerate(_COLOURS))
    return (
        'text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:12px;fill:#1b2733}\n'
        ".title{font-size:15px;font-weight:600} .axis{fill:#4a5a6a} .end{text-anchor:end} .middle{text-anchor:middle}\n"
        ".grid{stroke:#d5dce3;stroke-width:1} .rest{fill:#b4bfca} .spread{stroke:#1b2733;stroke-width:1.2}\n"
        f".line{{fill:none;stroke-width:2}} {light}\n"
        "@media (prefers-color-scheme:dark){text{fill:#e8eef4} .axis{fill:#b3c0cc} .grid{stroke:#3a4550}\n"
        f".rest{{fill:#5a6672}} .spread{{stroke:#e8eef4}} {dark}}}"
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places; logarithmic or not."""

    low: float
    high: float
    start: float
    end: float
    log: bool = True

    def at(self, value: float) -> float:
        if not self.log:
            return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return self.start + (self.end - self.start) * share

    def ticks(self) -> list[float]:
        """Powers of ten, or a handful of round numbers."""
        if self.log:
            first, last = math.floor(math.log10(self.low) + 1e-9), math.ceil(math.log10(self.high) - 1e-9)
            return [10.0**power for power in range(first, last + 1)]
        step = _round_up((self.high - self.low) / 5)
        return [self.low + step * number for number in range(int((self.high - self.low) / step + 1e-9) + 1)]


def decades(values: Sequence[float], start: float, end: float) -> Scale:
    """From the power of ten below all values to the one above."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return Scale(10.0**low, 10.0 ** max(high, low + 1), start, end)


def from_zero(values: Sequence[float], start: float, end: float) -> Scale:
    step = _round_up(max(*values, 1e-9) / 5)
    return Scale(0, step * math.ceil(max(values) / step - 1e-9), start, end, log=False)


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= value * (1 - 1e-9))


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


Anchor = Literal["", "end", "middle"]


def text(x: float, y: float, words: str, anchor: Anchor = "", kind: str = "") -> str:
    classes = " ".join(part for part in (kind, anchor) if part)
    named = f' class="{classes}"' if classes else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}"/>'


def dot(x: float, y: float, kind: str, radius: float = 4) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'


def path(points: Sequence[tuple[float, float]], kind: str, dash: str = "") -> str:
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline class="line {kind}"{dashed} points="{steps}"/>'


def legend(y: float, entries: Sequence[tuple[str, str]], x: float = 12) -> Iterator[str]:
    """Squares with words, in a row: class and words of each."""
    for kind, words in entries:
        yield rect(x, y - 10, 12, 12, kind)
        yield text(x + 17, y, words)
        x += 32 + 6.6 * len(words)


def apart(places: Sequence[float], gap: float) -> list[float]:
    """The same places in the same order, moved down where two would lie closer than `gap`."""
    moved = [0.0] * len(places)
    last = -math.inf
    for index in sorted(range(len(places)), key=lambda index: places[index]):
        last = moved[index] = max(places[index], last + gap)
    return moved


def picture(title: str, height: float, parts: Sequence[str]) -> str:
    name = escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{name}">\n'
        f"<style>\n{_style()}\n</style>\n"
        f'<text class="title" x="12" y="24">{name}</text>\n' + "\n".join(parts) + "\n</svg>\n"
    )
