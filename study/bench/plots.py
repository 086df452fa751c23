"""The four plots of study/README.md; each is None where there is nothing to be drawn yet."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.results import Spread
from study.bench import answers, svg
from study.bench.answers import ms
from study.bench.results import Results, StageResult
from study.bench.samples import ALONE, ARRIVING, COLD, READERS
from study.kit.stages import all_stages

Curve = list[tuple[int, Spread]]  # by the number of orders

_TECHNOLOGIES = ("sqlite", "postgresql", "mongodb", "kafka+mongodb")
_NAMES = ("SQLite", "PostgreSQL", "MongoDB", "Kafka and MongoDB")
_DASHES = ("", "7 4", "2 4")
_LEFT, _RIGHT, _TOP = 190, 110, 76
_STEP, _BAR = 30, 16


@dataclass(frozen=True, slots=True)
class Plot:
    file: str
    title: str
    draw: Callable[[str, Sequence[Results]], str | None]

    def svg(self, every: Sequence[Results]) -> str | None:
        return self.draw(self.title, every)


def _growth(title: str, every: Sequence[Results]) -> str | None:
    curves = [(name, _curve(every, name)) for name in answers.stage_names(every)]
    curves = [(name, points) for name, points in curves if points]
    if not curves:
        return None
    x = svg.decades([orders for _, points in curves for orders, _ in points], 70, svg.WIDTH - 170)
    y = svg.decades(
        [each for _, points in curves for _, found in points for each in (found.low, found.high)], 440, _TOP
    )
    parts = [*svg.legend(46, _technology_legend(every)), *_both_axes(x, y)]
    marks = _marks(curves, y)
    for name, points in curves:
        colour, dash = _look(name)
        places = [(x.at(orders), y.at(found.median)) for orders, found in points]
        parts.append(svg.path(places, f"s{colour}", dash))
        for (across, up), (_, found) in zip(places, points, strict=True):
            parts += [
                svg.line(across, y.at(found.low), across, y.at(found.high), "spread"),
                svg.dot(across, up, f"f{colour}"),
            ]
        parts.append(svg.text(places[-1][0] + 9, marks[name] + 4, name))
    return svg.picture(title, 490, parts)


def _marks(curves: Sequence[tuple[str, Curve]], y: svg.Scale) -> dict[str, float]:
    """Where each curve's name stands, beside its end; only names of curves that end at one size can cover each other."""
    marks = dict[str, float]()
    for end in {points[-1][0] for _, points in curves}:
        ending = [(name, y.at(points[-1][1].median)) for name, points in curves if points[-1][0] == end]
        marks.update(zip([name for name, _ in ending], svg.apart([at for _, at in ending], 14), strict=True))
    return marks


def _curve(every: Sequence[Results], name: str) -> Curve:
    stages = [(results.counts["orders"], answers.stage_of(results, name)) for results in every]
    found = [(orders, answers.slowest(stage)) for orders, stage in stages if stage]
    return [(orders, slowest) for orders, slowest in found if slowest]


def _both_axes(x: svg.Scale, y: svg.Scale) -> Iterator[str]:
    for tick in y.ticks():
        yield svg.line(x.start, y.at(tick), x.end, y.at(tick))
        yield svg.text(x.start - 8, y.at(tick) + 4, svg.number(tick), "end", "axis")
    for tick in x.ticks():
        yield svg.line(x.at(tick), y.start, x.at(tick), y.end)
        yield svg.text(x.at(tick), y.start + 18, svg.number(tick), "middle", "axis")
    yield svg.text((x.start + x.end) / 2, y.start + 38, "orders in all", "middle", "axis")


def _share(title: str, every: Sequence[Results]) -> str | None:
    rows = [(results, stage, answers.together(stage)) for results, stage in _largest(every)]
    shown = [(results, stage, split) for results, stage, split in rows if split]
    if not shown:
        return None
    x = svg.Scale(0, 100, _LEFT, svg.WIDTH - 190, log=False)
    parts = [*svg.legend(50, [("f0", "database"), ("rest", "Python")]), *_grid(x, len(shown), " %")]
    for row, (results, stage, (database, request)) in enumerate(shown):
        y, part = _TOP + row * _STEP, 100 * database / request
        parts += [
            svg.text(_LEFT - 10, y + 13, stage.stage, "end"),
            svg.rect(x.at(0), y, x.at(100) - x.at(0), _BAR, "rest"),
            svg.rect(x.at(0), y, x.at(part) - x.at(0), _BAR, "f0"),
            svg.text(x.end + 10, y + 13, f"{part:.0f} % of {ms(request)} ms ({results.size})"),
        ]
    return svg.picture(title, _TOP + len(shown) * _STEP + 24, parts)


def _conditions(title: str, every: Sequence[Results]) -> str | None:
    kinds = ((COLD, "cold"), (ALONE, "hot, alone"), (ARRIVING, "orders arriving"), (READERS, "eight readers"))
    rows = [
        (results, stage, [answers.slowest(stage, condition, "client") for condition, _ in kinds])
        for results, stage in _largest(every)
    ]
    values = [found.median for _, _, times in rows for found in times if found]
    if not values:
        return None
    x = svg.decades(values, _LEFT, svg.WIDTH - 60)
    entries = [(f"f{number}", words) for number, (_, words) in enumerate(kinds)]
    parts = [*svg.legend(50, entries), *_grid(x, len(rows), " ms")]
    for row, (results, stage, times) in enumerate(rows):
        y = _TOP + row * _STEP + _BAR / 2
        parts += [
            svg.text(_LEFT - 10, y + 4, stage.stage, "end"),
            svg.text(svg.WIDTH - 46, y + 4, results.size, "", "axis"),
        ]
        places = [(number, x.at(found.median)) for number, found in enumerate(times) if found]
        if len(places) > 1:
            across = [place for _, place in places]
            parts.append(svg.line(min(across), y, max(across), y))
        parts += [svg.dot(place, y, f"f{number}", 5) for number, place in places]
    return svg.picture(title, _TOP + len(rows) * _STEP + 24, parts)


def _memory(title: str, every: Sequence[Results]) -> str | None:
    """A bar for each process, not one for all: they are not at their highest at the same time."""
    rows = [(results, stage, answers.peaks(stage)) for results, stage in _largest(every) if stage.imported]
    values = [peak for _, _, peaks in rows for peak in peaks if peak is not None]
    if not values:
        return None
    x = svg.from_zero(values, _LEFT, svg.WIDTH - _RIGHT)
    entries = [("f0", "backend"), ("f1", "importer"), ("f2", "database server")]
    parts = [*svg.legend(50, entries), *_grid(x, len(rows), "")]
    thick = _BAR / len(entries)
    for row, (results, stage, peaks) in enumerate(rows):
        y = _TOP + row * _STEP
        parts.append(svg.text(_LEFT - 10, y + 13, stage.stage, "end"))
        for number, peak in enumerate(peaks):
            if peak is not None:
                parts.append(svg.rect(x.at(0), y + number * thick, x.at(peak) - x.at(0), thick - 1, f"f{number}"))
        highest = max(peak for peak in peaks if peak is not None)
        parts.append(svg.text(x.at(highest) + 8, y + 13, f"{highest:,.0f} ({results.size})"))
    return svg.picture(title, _TOP + len(rows) * _STEP + 24, parts)


def _grid(x: svg.Scale, rows: int, unit: str) -> Iterator[str]:
    bottom = _TOP + rows * _STEP
    for tick in x.ticks():
        yield svg.line(x.at(tick), _TOP - 6, x.at(tick), bottom - 6)
        yield svg.text(x.at(tick), bottom + 10, f"{svg.number(tick)}{unit}", "middle", "axis")


def _largest(every: Sequence[Results]) -> list[tuple[Results, StageResult]]:
    """Of every stage the largest size at which it has times."""
    found: dict[str, tuple[Results, StageResult]] = {}
    for results in every:
        found |= {stage.stage: (results, stage) for stage in results.stages if stage.measured}
    return [found[name] for name in sorted(found)]


def _look(name: str) -> tuple[int, str]:
    """Colour by technology, dashes by the how-manieth of it."""
    kinds = {stage.name: stage.about.database for stage in all_stages()}
    kind = kinds.get(name, _TECHNOLOGIES[0])
    same = sorted(other for other, of in kinds.items() if of == kind)
    return _TECHNOLOGIES.index(kind), _DASHES[same.index(name) % len(_DASHES)] if name in same else ""


def _technology_legend(every: Sequence[Results]) -> list[tuple[str, str]]:
    used = {_look(name)[0] for name in answers.stage_names(every)}
    return [(f"f{number}", words) for number, words in enumerate(_NAMES) if number in used]


PLOTS = (
    Plot("growth.svg", "Slowest report, p95 in ms, against all orders (less is better)", _growth),
    Plot("share.svg", "How much of a request's time is the database's, all reports together", _share),
    Plot("conditions.svg", "Slowest report, p95 of what the asker waits, by condition", _conditions),
    Plot("memory.svg", "Highest memory of each process in MiB (less is better)", _memory),
)
