"""Results as tables: on a terminal and in Markdown, from the same cells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table

from bench.figures import figure, in_order
from bench.measurement import DIRECT, PRODUCT
from bench.results import Absent, Results, Sample, Spread, differences, ratios, spread, summarise

_ADDED = ("p50_ms", "p99_ms")
_NOT_SHOWN = {"requests", "events", "late_p99_ms"}


@dataclass(frozen=True, slots=True)
class Grid:
    """One measurement: a row for each peer, a column for each figure."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]


def grid(results: Results, name: str) -> Grid | None:
    """None where that measurement has no samples."""
    found = [each for each in summarise(results.samples) if each.measurement == name]
    if not found:
        return None
    columns = in_order({each for summary in found for each in summary.figures} - _NOT_SHOWN)
    versus = _primary(columns)
    heads = ["", *(figure(column).label for column in columns), *_derived_heads(results.samples, name, versus)]
    rows = [
        [
            summary.peer,
            *(_cell(column, summary.figures.get(column)) for column in columns),
            *_derived(results.samples, name, summary.peer, versus),
        ]
        for summary in found
    ]
    notes = [f"without {each.peer}: {each.reason}" for each in results.absent if each.measurement == name]
    return Grid(results.titles.get(name, name), heads, rows, notes)


def rich_tables(results: Results) -> Iterator[Table | str]:
    """For a terminal."""
    for name in names(results):
        found = grid(results, name)
        if found is not None:
            table = Table(title=found.title, title_justify="left")
            for number, head in enumerate(found.heads):
                table.add_column(head, justify="right" if number else "left")
            for row in found.rows:
                table.add_row(*row)
            yield table
            yield from found.notes
    yield from (f"{each.measurement}: without {each.peer}: {each.reason}" for each in _wholly_absent(results))


def markdown(results: Results, name: str) -> str:
    """For a page; says so where there is nothing."""
    found = grid(results, name)
    reasons = [f"Without {each.peer}: {each.reason}." for each in results.absent if each.measurement == name]
    if found is None:
        return "\n".join([f"**{results.titles.get(name, name)}**: not measured.", *reasons])
    lines = [f"**{found.title}**", "", _line(found.heads), "|---|" + "---:|" * (len(found.heads) - 1)]
    return "\n".join([*lines, *map(_line, found.rows), *(["", *reasons] if reasons else [])])


def names(results: Results) -> list[str]:
    """Of the measurements that have samples, as they were made."""
    return list(dict.fromkeys(sample.measurement for sample in results.samples))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(name: str, found: Spread | None) -> str:
    if found is None:
        return ""
    text = figure(name).text
    if name == "errors":  # one round's errors are not made good by another's
        return text(found.high)
    return text(found.median) if found.low == found.high else f"{text(found.median)} ({_range(name, found)})"


def _range(name: str, found: Spread) -> str:
    return f"{figure(name).text(found.low)}–{figure(name).text(found.high)}"


def _primary(columns: Sequence[str]) -> str | None:
    """The figure by which peers are compared."""
    return next((name for name in ("per_s", "seconds") if name in columns), None)


def _derived_heads(samples: Sequence[Sample], name: str, versus: str | None) -> list[str]:
    peers = {sample.peer for sample in samples if sample.measurement == name}
    if versus is not None:
        return [f"{PRODUCT} ×"] if PRODUCT in peers and len(peers) > 1 else []
    return [f"added {figure(each).label}" for each in _ADDED] if DIRECT in peers else []


def _derived(samples: Sequence[Sample], name: str, peer: str, versus: str | None) -> list[str]:
    """What follows from two peers, round by round: the product as a multiple of this one, or this one above nothing."""
    heads = _derived_heads(samples, name, versus)
    if not heads:
        return []
    if versus is not None:
        found = ratios(samples, name, PRODUCT, peer, versus)
        return [f"{spread(found).median:.2f}" if found and peer != PRODUCT else ""]
    return [
        "" if peer == DIRECT or not found else f"{spread(found).median:.2f}"
        for found in (differences(samples, name, peer, DIRECT, each) for each in _ADDED)
    ]


def _wholly_absent(results: Results) -> list[Absent]:
    return [each for each in results.absent if each.measurement not in names(results)]
