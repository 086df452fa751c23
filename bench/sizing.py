"""`python -m bench.sizing`: docs/sizing.md from measured figures, or (`--check`) whether it is what they say.

Each figure is a formula over medians of one run; the formulas are here, their inputs are printed on the page.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.report import RESULTS, newest
from bench.results import Results, read
from bench.site import REPO
from bench.sizing_inputs import INPUTS, Inputs
from bench.sizing_model import Deployment, Load

PAGE = REPO / "docs" / "sizing.md"
RATES = (200, 2_000, 20_000)
FACILITIES = (300, 30_000, 300_000)
_SOURCE = re.compile(r"<!-- results: (\S+) -->")
_PLACE = re.compile(r"(<!-- sizing: (\S+) -->\n)(.*?)(<!-- sizing end -->)", re.DOTALL)
_NOTHING_YET = "none"
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "KB"))

Column = tuple[str, Callable[[Deployment], str]]


@dataclass(frozen=True, slots=True)
class Grid:
    """A row for each load, a column for each figure."""

    loads: Sequence[Load]
    columns: Sequence[Column]

    def markdown(self, inputs: Inputs) -> str:
        heads = ["packs/s", "facilities", *(head for head, _ in self.columns)]
        lines = [_line(heads), "|" + "---:|" * len(heads)]
        for load in self.loads:
            made = Deployment(load, inputs)
            cells = [f"{load.rate:,}", f"{load.facilities:,}", *(text(made) for _, text in self.columns)]
            lines.append(_line(cells))
        return "\n".join(lines)


_ALL = [Load(rate, facilities) for facilities in FACILITIES for rate in RATES]
GRIDS = {
    "kafka": Grid(
        [Load(rate, FACILITIES[0]) for rate in RATES],
        (
            ("events a day", lambda made: number(made.events_per_day)),
            ("into Kafka", lambda made: f"{size(made.topic_bytes_per_s)}/s"),
            ("broker disk, 7 days × 3", lambda made: size(made.broker_bytes(7))),
            ("broker disk, 14 days × 3", lambda made: size(made.broker_bytes(14))),
            ("spool of an hour without Kafka", lambda made: size(made.spool_bytes_per_hour)),
        ),
    ),
    "mongodb": Grid(
        _ALL,
        (
            ("updates a pack", lambda made: f"{made.updates_per_pack:.2f}"),
            ("updates a second", lambda made: number(made.updates_per_s)),
            ("its cores", lambda made: f"{made.mongodb_cores:.1f}"),
            ("`keydata`", lambda made: size(made.keydata_bytes)),
            ("hours of 400 days", lambda made: size(made.hours_bytes)),
            ("carton days of 400 days", lambda made: size(made.days_bytes)),
            ("in use at a time", lambda made: size(made.working_set_bytes)),
        ),
    ),
    "processes": Grid(
        _ALL,
        (
            ("proxy processes", lambda made: str(made.proxies)),
            ("aggregators", lambda made: str(made.aggregators)),
            ("partitions", lambda made: str(made.partitions)),
            ("memory of all proxies", lambda made: size(made.proxies_memory_bytes)),
            ("of all aggregators", lambda made: size(made.aggregators_memory_bytes)),
            ("first to be full", lambda made: made.bottleneck),
        ),
    ),
}


def generated(page: str, name: str | None, results: Results | None) -> str:
    """The page with its tables filled."""
    text = _SOURCE.sub(f"<!-- results: {name or _NOTHING_YET} -->", page, count=1)
    inputs = Inputs.of(results) if results else None
    return _PLACE.sub(lambda place: place[1] + _filled(place[2], inputs) + "\n" + place[4], text)


def _filled(asked: str, inputs: Inputs | None) -> str:
    if inputs is None:
        return "Not measured yet."
    if asked == "inputs":
        return inputs_table(inputs)
    if asked not in GRIDS:
        raise BenchError(f"{PAGE.name} asks for {asked}; there are inputs, {', '.join(GRIDS)}")
    return GRIDS[asked].markdown(inputs)


def inputs_table(inputs: Inputs) -> str:
    lines = ["| measured | | from |", "|---|---:|---|"]
    lines += [f"| {each.meaning} | {each.text(getattr(inputs, each.name))} | {each.source} |" for each in INPUTS]
    return "\n".join(lines)


def number(value: float) -> str:
    """With as many digits as are known."""
    if value >= 1e9:
        return f"{value / 1e9:.3g} billion"
    return f"{value / 1e6:.3g} million" if value >= 1e6 else f"{float(f'{value:.2g}'):,.0f}"


def size(value: float) -> str:
    for unit, name in _UNITS:
        if value >= unit:
            shown = value / unit
            return f"{shown:.1f} {name}" if shown < 10 else f"{shown:,.0f} {name}"
    return f"{value:.0f} B"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sizing", description=__doc__)
    parser.add_argument("--results", type=Path, default=None, help="this file instead of the newest of bench/results/")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if the page is not what results say")
    asked = parser.parse_args(arguments)
    page = PAGE.read_text()
    source = _named(page) if asked.check else (asked.results or newest(RESULTS))
    text = generated(page, source.name if source else None, read(source) if source else None)
    if not asked.check:
        PAGE.write_text(text)
        print(f"docs/sizing.md: from {source.name if source else 'no results'}")
    elif text != page:
        print("docs/sizing.md is not what the results say: `python -m bench.sizing`", file=sys.stderr)
        return 1
    return 0


def _named(page: str) -> Path | None:
    found = _SOURCE.search(page)
    if found is None:
        raise BenchError(f"{PAGE.name} does not say which results it shows: <!-- results: FILE -->")
    return None if found[1] == _NOTHING_YET else RESULTS / found[1]


if __name__ == "__main__":
    sys.exit(main())
