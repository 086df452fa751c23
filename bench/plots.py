"""Bars with their spread as SVG that is readable on a light and on a dark page, without a library for it.

The same results give the same bytes, so that a plot can be checked against them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bench.figures import figure
from bench.measurement import PRODUCT
from bench.results import Results, Spread, summarise

_WIDTH, _LEFT, _RIGHT = 760, 250, 130
_BAR, _STEP, _TOP, _BOTTOM = 18, 27, 46, 14
_GROUP_GAP = 12
_STYLE = """
text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:13px;fill:#1b2733}
.title{font-size:15px;font-weight:600} .group{fill:#4a5a6a} .peer{text-anchor:end}
.product{fill:#3b6ea5} .other{fill:#b4bfca} .spread{stroke:#1b2733;stroke-width:1.5}
@media (prefers-color-scheme:dark){text{fill:#e8eef4} .group{fill:#b3c0cc}
.product{fill:#7fb0e0} .other{fill:#5a6672} .spread{stroke:#e8eef4}}
"""


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure of some measurements."""

    file: str  # its name in docs/performance/
    title: str
    figure: str
    measurements: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Bar:
    label: str
    found: Spread
    is_product: bool


def svg(chart: Chart, results: Results) -> str | None:
    """The picture; None where nothing of it was measured."""
    groups = [(results.titles.get(name, name), _bars(chart, name, results)) for name in chart.measurements]
    groups = [(title, bars) for title, bars in groups if bars]
    if not groups:
        return None
    highest = max(bar.found.high for _, bars in groups for bar in bars) or 1.0
    parts: list[str] = []
    y = _TOP
    for title, bars in groups:
        if len(groups) > 1:
            parts.append(f'<text class="group" x="12" y="{y + 13}">{escape(title)}</text>')
            y += _STEP
        for bar in bars:
            parts.append(_drawn(bar, chart, y, (_WIDTH - _LEFT - _RIGHT) / highest))
            y += _STEP
        y += _GROUP_GAP
    height = y - _GROUP_GAP + _BOTTOM
    title = escape(chart.title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}">\n'
        f"<style>{_STYLE}</style>\n"
        f'<text class="title" x="12" y="24">{title}</text>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bars(chart: Chart, measurement: str, results: Results) -> list[_Bar]:
    return [
        _Bar(each.peer, each.figures[chart.figure], each.peer.startswith(PRODUCT))
        for each in summarise(results.samples)
        if each.measurement == measurement and chart.figure in each.figures
    ]


def _drawn(bar: _Bar, chart: Chart, y: int, scale: float) -> str:
    found = bar.found
    length, middle = found.median * scale, y + _BAR / 2
    low, high = _LEFT + found.low * scale, _LEFT + found.high * scale
    kind = "product" if bar.is_product else "other"
    text = escape(figure(chart.figure).text(found.median))
    return (
        f'<text class="peer" x="{_LEFT - 10}" y="{y + 14}">{escape(bar.label)}</text>'
        f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{max(length, 1):.1f}" height="{_BAR}" rx="2"/>'
        f'<line class="spread" x1="{low:.1f}" y1="{middle:.1f}" x2="{high:.1f}" y2="{middle:.1f}"/>'
        f'<text x="{high + 8:.1f}" y="{y + 14}">{text}</text>'
    )
