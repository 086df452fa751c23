"""The tables of study/README.md, which compare the stages."""

from collections.abc import Sequence

from bench.results import spread
from study.bench import answers, cases
from study.bench.answers import NO_DATABASE, NOT_YET, NOTHING, ms, ms_spread, over_repeats
from study.bench.blocks import table
from study.bench.fit import fit
from study.bench.results import Measured, Results, StageResult
from study.bench.samples import ALONE, ARRIVING, READERS
from study.kit.serving import REPORTS
from study.kit.stages import all_stages

# The longest that somebody who opens a page of reports should wait for one of them.
WELL_MS = 200.0
GOAL_MS = 50.0


def summary(every: Sequence[Results]) -> str:
    """One row for each stage; costs are those of the largest size it was measured at."""
    if not every:
        return NOT_YET
    heads = ["stage", "kind", *(f"slowest report, {each.size}" for each in every)]
    heads += [
        "at",
        "cases under 50 ms",
        "import, orders a second",
        "bytes an order",
        "importer MiB",
        "backend MiB",
        "database MiB",
    ]
    kinds = {stage.name: stage.about.kind for stage in all_stages()}
    rows = []
    for name in answers.stage_names(every):
        found = [(each, answers.stage_of(each, name)) for each in every]
        times = [_slowest(stage) if stage else NOTHING for _, stage in found]
        size, last = next((each.size, stage) for each, stage in reversed(found) if stage)
        rows.append([name, kinds.get(name, NOTHING), *times, size, *_costs(last)])
    note = "Slowest report: the highest p95 of the seven, in ms, of the largest tenant's whole range, alone and hot"
    return f"{table(heads, rows, words=2)}\n\n{note}: median of the repeats (lowest–highest)."


def share(every: Sequence[Results]) -> str:
    """Of the largest size that each stage was measured at."""
    if not every:
        return NOT_YET
    rows = []
    for name in answers.stage_names(every):
        size, stage = _last(every, name)
        cells = [_share(answers.whole(stage, report)) or answers.why_not(stage, ALONE, report) for report in REPORTS]
        floor = answers.whole(stage, NO_DATABASE)
        rows.append([name, size, *cells, ms(over_repeats(floor, "request", "p50").median) if floor else NOTHING])
    return table(["stage", "size", *REPORTS, "no database, ms"], rows, words=2)


def growth(every: Sequence[Results]) -> str:
    """The b of t = c·n^b for the median request of each report, n being all orders."""
    if len(every) < 2:
        return "Not measured yet: a growth needs two sizes at least."
    rows = []
    for name in answers.stage_names(every):
        found = [(each.counts["orders"], answers.stage_of(each, name)) for each in every]
        points = [(orders, stage) for orders, stage in found if stage and stage.measured]
        rows.append([name, str(len(points)), *(_exponent(points, report) for report in (*REPORTS, NO_DATABASE))])
    return table(["stage", "sizes", *REPORTS, NO_DATABASE], rows)


def served(every: Sequence[Results]) -> str:
    """Whether the two that the study is about are served well, with the answer that waited longest."""
    if not every:
        return NOT_YET
    heads = ["stage", *(f"{what}, {each.size}" for what in ("client", "facility") for each in every)]
    rows = []
    for name in answers.stage_names(every):
        stages = [answers.stage_of(each, name) for each in every]
        rows.append([name, *(_served(stage, who) for who in (cases.CLIENT, cases.FLOOR) for stage in stages)])
    return (
        f"{table(heads, rows)}\n\nWell: p95 of what the asker waits is at most {WELL_MS:.0f} ms for every report and "
        "range of theirs, alone, with orders arriving, and with eight readers at once. A cell has the longest of them in ms. "
        "The league table, which is of all tenants, is neither's."
    )


def freshness(every: Sequence[Results]) -> str:
    """From an order being sent to its being seen in a report; of stages that are behind what is sent to them."""
    rows = []
    for results in every:
        for stage in results.stages:
            for rate in sorted({each.wanted_per_s for each in stage.fresh}):
                found = [each for each in stage.fresh if each.wanted_per_s == rate]
                times = [spread(getattr(each.fresh_ms, part) for each in found) for part in ("p50", "p95", "p99")]
                rows.append(
                    [stage.stage, results.size, f"{rate:g}", *map(ms_spread, times), str(sum(e.unseen for e in found))]
                )
    heads = ["stage", "size", "orders a second", "p50 ms", "p95 ms", "p99 ms", "never seen"]
    return table(heads, rows, words=2) if rows else NOT_YET


def failures(every: Sequence[Results]) -> str:
    """Everything that was not answered; a result like any other."""
    if not every:
        return NOT_YET
    lines = []
    for results in every:
        for stage in results.stages:
            name = f"- {results.size}, {stage.stage}"
            lines += [f"{name}: no times: {_line(stage.reason)}"] if stage.reason else []
            lines += [f"    - {_line(difference)}" for difference in stage.differences]
            lines += [
                f"{name}, {' '.join(part for part in (each.condition, each.case) if part) or 'a whole repeat'}, "
                f"repeat {each.repeat}: {_line(each.reason)}"
                for each in stage.failures
            ]
    return "\n".join(lines) or "Every question was answered, within its time and memory."


def worst(stage: StageResult, who: str) -> tuple[float, Measured] | None:
    """The longest wait (median over the repeats of p95) of all reports of a tenant, hot, and which it was."""
    found = [
        (over_repeats(each, "client", "p95").median, each)
        for condition in (ALONE, ARRIVING, READERS)
        for report in REPORTS
        for each in answers.measured(stage, condition, report, who)
        if each.who == who
    ]
    return max(found, key=lambda entry: entry[0], default=None)


def served_well(stage: StageResult, who: str) -> bool:
    """No case of the tenant is missing, and none waits too long."""
    found = worst(stage, who)
    failed = any(not each.case or who in each.case.split(" ") for each in stage.failures)
    return found is not None and not failed and found[0] <= WELL_MS


def _served(stage: StageResult | None, who: str) -> str:
    found = worst(stage, who) if stage else None
    if stage is None or found is None:
        return answers.why_not(stage) if stage else NOTHING
    time, case = found
    return f"{'well' if served_well(stage, who) else 'no'}: {ms(time)} ({case.report}, {case.condition})"


def _slowest(stage: StageResult) -> str:
    found = answers.slowest(stage)
    return ms_spread(found) if found else answers.why_not(stage, ALONE)


def _costs(stage: StageResult) -> list[str]:
    alone = answers.alone(stage)
    fast = sum(over_repeats(each, "request", "p95").median < GOAL_MS for each in alone)
    cells = [f"{fast} of {answers.asked_alone(stage)}" if alone else NOTHING]
    imported = stage.imported
    if imported is None:
        return [*cells, *[NOTHING] * 5]
    peaks = answers.peaks(stage)
    return [
        *cells,
        f"{imported.orders_per_s:,.0f}",
        f"{imported.size_bytes / imported.orders:,.0f}",
        *(NOTHING if each is None else f"{each:,.0f}" for each in (peaks.importer, peaks.backend, peaks.database)),
    ]


def _last(every: Sequence[Results], name: str) -> tuple[str, StageResult]:
    """Of the largest size with times; without any, of the largest size."""
    found = [(each.size, stage) for each in every if (stage := answers.stage_of(each, name))]
    return next((entry for entry in reversed(found) if entry[1].measured), found[-1])


def _share(case: Measured | None) -> str:
    found = answers.database_share(case) if case else None
    return "" if found is None else f"{found * 100:.0f} %"


def _exponent(points: Sequence[tuple[int, StageResult]], report: str) -> str:
    times = [(orders, answers.whole(stage, report)) for orders, stage in points]
    found = fit((orders, over_repeats(case, "request", "p50").median) for orders, case in times if case)
    return f"{found.b:.2f}" if found else NOTHING


def _line(text: str | None) -> str:
    return " ".join((text or "").split())
