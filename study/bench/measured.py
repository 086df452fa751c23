"""The figures that the front end's page about the stages draws: the same medians as in the tables, as one JSON file."""

from collections.abc import Sequence

import msgspec

from bench.results import Spread
from study.bench import answers
from study.bench.answers import NO_DATABASE, NOTHING, over_repeats
from study.bench.results import Results, StageResult
from study.bench.samples import ALONE
from study.kit.serving import REPORTS
from study.kit.stages import all_stages

_DIGITS = 3


class Size(msgspec.Struct, frozen=True):
    name: str
    orders: int
    machine: str


class ReportFigures(msgspec.Struct, frozen=True):
    """Of the largest tenant's whole range, alone and hot. Milliseconds: median over the repeats, lowest, highest."""

    request_p50_ms: tuple[float, float, float]
    request_p95_ms: tuple[float, float, float]
    database_p50_ms: float
    database_share: float


class MemoryFigures(msgspec.Struct, frozen=True):
    """Peaks in MiB, each process's own. None: not measured, or no server."""

    backend: float | None
    importer: float | None
    database: float | None


class StageFigures(msgspec.Struct, frozen=True):
    """`missing` says in a few words why a report has no figures."""

    measured: str
    reports: dict[str, ReportFigures]
    missing: dict[str, str]
    memory: MemoryFigures


class StageAtSizes(msgspec.Struct, frozen=True):
    number: str
    name: str
    title: str
    kind: str
    database: str
    sizes: dict[str, StageFigures]


class Everything(msgspec.Struct, frozen=True):
    sizes: list[Size]
    stages: list[StageAtSizes]


def document(every: Sequence[Results]) -> str:
    """The same bytes for the same results."""
    stages = []
    for stage in all_stages():
        found = {each.size: answers.stage_of(each, stage.name) for each in every}
        figures = {size: _figures(of_it) for size, of_it in found.items() if of_it}
        about = stage.about
        stages.append(StageAtSizes(stage.number, stage.name, about.title, about.kind, about.database, figures))
    text = msgspec.json.encode(Everything([_size(each) for each in every], stages))
    return msgspec.json.format(text, indent=1).decode() + "\n"


def _size(results: Results) -> Size:
    machine = results.machine
    words = f"{machine.cores} cores ({machine.cpu}), {machine.memory_gib} GiB"
    return Size(results.size, results.counts["orders"], words)


def _figures(stage: StageResult) -> StageFigures:
    reports: dict[str, ReportFigures] = {}
    missing: dict[str, str] = {}
    for name in (*REPORTS, NO_DATABASE):
        case = answers.whole(stage, name)
        if case is None:
            reason = answers.why_not(stage, ALONE, name)
            missing[name] = "not measured" if reason == NOTHING else reason
            continue
        reports[name] = ReportFigures(
            _three(over_repeats(case, "request", "p50")),
            _three(over_repeats(case, "request", "p95")),
            round(over_repeats(case, "database", "p50").median, _DIGITS),
            round(answers.database_share(case) or 0, _DIGITS),
        )
    return StageFigures(stage.began[:10], reports, missing, MemoryFigures(*answers.peaks(stage)))


def _three(found: Spread) -> tuple[float, float, float]:
    return round(found.median, _DIGITS), round(found.low, _DIGITS), round(found.high, _DIGITS)
