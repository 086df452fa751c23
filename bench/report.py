"""Writes the figures into docs/performance.md and draws the plots, or says whether both are what the results say."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import goals, plots, tables
from bench.catalogue import CHARTS, GOALS
from bench.errors import BenchError
from bench.results import Results, read
from bench.site import REPO

PAGE = REPO / "docs" / "performance.md"
PLOTS = REPO / "docs" / "performance"
RESULTS = REPO / "bench" / "results"
_SOURCE = re.compile(r"<!-- results: (\S+) -->")
_PLACE = re.compile(r"(<!-- bench: ([^\n]*?) -->\n)(.*?)(<!-- bench end -->)", re.DOTALL)
_NOTHING_YET = "none"


@dataclass(frozen=True, slots=True)
class Documents:
    """What the files are to hold, by path; None: there is to be no such file."""

    texts: Mapping[Path, str | None]

    def stale(self) -> list[Path]:
        return [path for path, text in self.texts.items() if _content(path) != text]

    def write(self) -> None:
        for path, text in self.texts.items():
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)


def main(chosen: Path | None, *, check: bool) -> int:
    """Checks against the file that the page names; writes from the given file, else from the newest."""
    page = PAGE.read_text()
    source = _named(page) if check else (chosen or newest(RESULTS))
    documents = generated(page, source)
    stale = documents.stale()
    if not check:
        documents.write()
        print(f"docs/performance.md: from {source.name if source else 'no results'}, {len(stale)} files changed")
        return 0
    for path in stale:
        print(f"{path.relative_to(REPO)} is not what the results say: `python -m bench report`", file=sys.stderr)
    return 1 if stale else 0


def newest(folder: Path) -> Path | None:
    """The results of the last whole run that are kept there."""
    kept = [(read(path).began, path) for path in folder.glob("*.json")]
    return max(kept)[1] if kept else None


def generated(page: str, source: Path | None) -> Documents:
    """The page with every place in it filled, and all plots."""
    results = read(source) if source else None
    text = _SOURCE.sub(f"<!-- results: {source.name if source else _NOTHING_YET} -->", page, count=1)
    text = _PLACE.sub(lambda place: place[1] + _filled(place[2].split(), results) + place[4], text)
    if results is not None:
        _require_places(page, results)
    drawn = {PLOTS / chart.file: plots.svg(chart, results) if results else None for chart in CHARTS}
    return Documents({PAGE: text, **drawn})


def _named(page: str) -> Path | None:
    found = _SOURCE.search(page)
    if found is None:
        raise BenchError(f"{PAGE.name} does not say which results it shows: <!-- results: FILE -->")
    return None if found[1] == _NOTHING_YET else RESULTS / found[1]


def _filled(asked: list[str], results: Results | None) -> str:
    """What belongs between two marks: `goals NAME`, `about`, or names of measurements."""
    if results is None:
        return "Not measured yet.\n"
    match asked:
        case ["goals", name]:
            return goals.table(GOALS[name], results) + "\n"
        case ["about"]:
            return _about(results)
        case ["plot", file]:
            return _picture(file, results)
        case _:
            return "\n\n".join(tables.markdown(results, name) for name in asked) + "\n"


def _about(results: Results) -> str:
    machine = results.machine
    versions = ", ".join(f"{name} {value}" for name, value in results.versions.items())
    kind = "A quick run, which shows that it works and no more." if results.quick else ""
    return (
        f"Measured {results.began[:10]} at commit `{results.commit}`, {results.rounds} rounds. "
        f"{machine.cores} cores ({machine.cpu}), {machine.memory_gib} GiB, {machine.kernel}; "
        f"a small write is on the disk after {machine.fsync_ms:g} ms. {versions}. {kind}".rstrip()
        + "\n"
    )


def _picture(file: str, results: Results) -> str:
    chart = next((each for each in CHARTS if each.file == file), None)
    if chart is None:
        raise BenchError(f"{PAGE.name} asks for {file}, which nothing draws")
    return f"![{chart.title}]({PLOTS.name}/{file})\n" if plots.svg(chart, results) else "Not measured.\n"


def _require_places(page: str, results: Results) -> None:
    """Nothing that was measured stays out of sight."""
    places = {word for place in _PLACE.finditer(page) for word in place[2].split()}
    missing = [name for name in tables.names(results) if name not in places]
    if missing:
        raise BenchError(f"{PAGE.name} has no place for {', '.join(missing)}: <!-- bench: NAME --> <!-- bench end -->")


def _content(path: Path) -> str | None:
    return path.read_text() if path.exists() else None
