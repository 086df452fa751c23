"""Finds in the results what a table or a plot is about, as medians over the repeats with their spread."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from bench.figures import figure
from bench.results import Spread, spread
from study.bench.cases import FLOOR
from study.bench.results import Failure, Measured, Results, StageResult
from study.bench.samples import ALONE
from study.kit.serving import REPORTS

Time = Literal["request", "database", "client"]
Part = Literal["p50", "p95", "p99"]

NO_DATABASE = "no-database"
NOT_YET = "Not measured yet."
NOTHING = "–"


def stage_of(results: Results, name: str) -> StageResult | None:
    return next((stage for stage in results.stages if stage.stage == name), None)


def stage_names(every: Sequence[Results]) -> list[str]:
    return sorted({stage.stage for results in every for stage in results.stages})


def measured(stage: StageResult, condition: str, report: str, who: str | None = None) -> Iterator[Measured]:
    """All ranges of a report; of the league, which is of nobody, whoever is asked for."""
    for each in stage.measured:
        if (each.condition, each.report) == (condition, report) and (who is None or each.who in (who, None)):
            yield each


def whole(stage: StageResult, report: str, condition: str = ALONE) -> Measured | None:
    """The largest tenant's whole range, which is the ruler: most orders of one tenant. Of the floor, its one day."""
    found = measured(stage, condition, report, None if report == NO_DATABASE else FLOOR)
    return max(found, key=lambda each: each.orders, default=None)


def alone(stage: StageResult) -> list[Measured]:
    """The cases of all reports that were answered while nothing else was done."""
    return [each for report in REPORTS for each in measured(stage, ALONE, report)]


def asked_alone(stage: StageResult) -> int:
    """How many cases were asked then, answered or not."""
    return len(alone(stage)) + len({each.case for each in stage.failures if each.condition == ALONE and each.case})


def over_repeats(case: Measured, time: Time, part: Part) -> Spread:
    return spread(getattr(getattr(times, time), part) for times in case.repeats)


def slowest(stage: StageResult, condition: str = ALONE, time: Time = "request") -> Spread | None:
    """Of the reports' p95, over the largest tenant's whole range; None if one of the reports was not answered."""
    found = [whole(stage, report, condition) for report in REPORTS]
    if any(each is None for each in found):
        return None
    return max((over_repeats(each, time, "p95") for each in found if each), key=lambda each: each.median)


class Peaks(NamedTuple):
    """Highest memory of each process in MiB, which is not at the same time; None: not measured, or no server."""

    backend: float | None
    importer: float | None
    database: float | None


def peaks(stage: StageResult) -> Peaks:
    """Of the server the higher of importing and serving; of what is started anew in each repeat, the median."""
    imported = stage.imported
    backend = [each.backend_mib for each in stage.memory]
    serving = [each.database_mib for each in stage.memory if each.database_mib is not None]
    database = [spread(serving).median] if serving else []
    if imported and imported.database_mib is not None:
        database.append(imported.database_mib)
    return Peaks(
        spread(backend).median if backend else None,
        imported.importer_mib if imported else None,
        max(database, default=None),
    )


def database_share(case: Measured) -> float | None:
    """The database's part of the median request; the median of that over the repeats."""
    shares = [times.database.p50 / times.request.p50 for times in case.repeats if times.request.p50]
    return spread(shares).median if shares else None


def together(stage: StageResult) -> tuple[float, float] | None:
    """Database and request time of all reports, one after the other; None if one of them was not answered."""
    found = [whole(stage, report) for report in REPORTS]
    if any(each is None for each in found):
        return None
    database = sum(over_repeats(case, "database", "p50").median for case in found if case)
    return database, sum(over_repeats(case, "request", "p50").median for case in found if case)


def why_not(stage: StageResult, condition: str | None = None, report: str | None = None) -> str:
    """A few words for what has no figure."""
    if stage.reason:
        return _short(stage.reason)
    failures = [each for each in stage.failures if _concerns(each, condition, report)]
    return _short(failures[0].reason) if failures else NOTHING


def _concerns(failure: Failure, condition: str | None, report: str | None) -> bool:
    fits = condition is None or failure.condition in ("", condition)
    return fits and (report is None or failure.case.split(" ")[0] in ("", report))


def _short(reason: str) -> str:
    if "memory" in reason.lower():
        return "out of memory"
    return "timed out" if re.search(r"within|time.?out", reason.lower()) else "failed"


def ms(value: float) -> str:
    return figure("p95_ms").text(value)


def ms_spread(found: Spread) -> str:
    """Median, with lowest and highest of the repeats."""
    return ms(found.median) if found.n == 1 else f"{ms(found.median)} ({ms(found.low)}–{ms(found.high)})"
