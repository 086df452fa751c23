"""What the bench writes into a stage's README: the lines it took, its plans, its numbers, its costs."""

from collections.abc import Callable, Sequence

import msgspec

from bench.results import spread
from study.bench import answers, cases, tables
from study.bench.answers import NOT_YET, NOTHING, ms, ms_spread, over_repeats
from study.bench.blocks import table
from study.bench.results import Results, StageResult
from study.bench.samples import ALONE, ARRIVING, COLD, READERS
from study.kit import stages
from study.kit.serving import REPORTS
from study.kit.stages import Stage

# The report whose plan is shown; the results have those of all.
_PLANNED = "days"
_PLAN_LINES = 40
_MIB = 1 << 20

Sized = Sequence[tuple[Results, StageResult]]


def blocks(stage: Stage, every: Sequence[Results]) -> dict[str, Callable[[], str]]:
    """By name."""
    sized = [(each, found) for each in every if (found := answers.stage_of(each, stage.name))]
    return {
        "changes": lambda: _changes(stage),
        "plan": lambda: _plans(stage, every),
        "numbers": lambda: _numbers(sized),
        "costs": lambda: _costs(sized),
        "freshness": lambda: tables.freshness([msgspec.structs.replace(each, stages=[one]) for each, one in sized]),
        "stop": lambda: _stop(sized),
        "reproduce": lambda: _reproduce(sized),
    }


def _changes(stage: Stage) -> str:
    changed = stages.changes(stage)
    files = ", ".join(f"`{name}` +{file.added} −{file.removed}" for name, file in changed.files.items())
    if not changed.follows:
        return f"{changed.added} lines in all: {files}."
    return f"Against stage {changed.follows}: {changed.added} lines more, {changed.removed} less ({files})."


def _plans(stage: Stage, every: Sequence[Results]) -> str:
    """Of the stage before and of this one, from the largest size that has both."""
    names = [stages.find(stage.about.follows).name] if stage.about.follows else []
    for results in reversed(every):
        found = [answers.stage_of(results, name) for name in (*names, stage.name)]
        if all(each and each.plans for each in found):
            shown = [_plan(each) for each in found if each]
            return f"`{_PLANNED}` of the largest tenant's whole range, size {results.size}.\n\n" + "\n\n".join(shown)
    return NOT_YET


def _plan(stage: StageResult) -> str:
    lines = stage.plans[_PLANNED].splitlines()
    left = len(lines) - _PLAN_LINES
    kept = lines[:_PLAN_LINES] + ([f"… {left} lines more"] if left > 0 else [])
    return f"{stage.stage}:\n\n```text\n" + "\n".join(kept) + "\n```"


def _numbers(sized: Sized) -> str:
    timed = [(results, stage) for results, stage in sized if stage.measured]
    if not timed:
        return tables.failures([results for results, _ in sized]) if sized else NOT_YET
    last, stage = timed[-1]
    heads = ["report", *(f"{results.size}, p95" for results, _ in timed), f"{last.size}: cold", "arriving", "8 readers"]
    rows = []
    for report in (*REPORTS, answers.NO_DATABASE):
        cells = [_time(each, report, ALONE, spread_too=True) for _, each in timed]
        cells += [_time(stage, report, condition) for condition in (COLD, ARRIVING, READERS)]
        case = answers.whole(stage, report)
        rows.append([report, *cells, f"{case.rows:,}" if case else NOTHING])
    return (
        f"{table([*heads, 'rows read'], rows)}\n\nRequest times in ms for the largest tenant's whole range (floor: its last "
        "day): p95, hot and alone unless said otherwise; median of the repeats (lowest–highest). Cold is one question."
    )


def _time(stage: StageResult, report: str, condition: str, *, spread_too: bool = False) -> str:
    case = answers.whole(stage, report, condition)
    if case is None:
        return answers.why_not(stage, condition, report) if report in REPORTS else NOTHING
    found = over_repeats(case, "request", "p95")
    return ms_spread(found) if spread_too else ms(found.median)


def _costs(sized: Sized) -> str:
    heads = ["size", "import, orders a second", "of it at the end", "disk MiB", "bytes an order"]
    heads += ["importer MiB", "backend MiB", "database MiB", "an arriving order, p95 ms"]
    rows = [_cost(results.size, stage) for results, stage in sized if stage.imported]
    return table(heads, rows) if rows else NOT_YET


def _cost(size: str, stage: StageResult) -> list[str]:
    imported = stage.imported
    assert imported
    backend = [each.backend_mib for each in stage.memory]
    database = [each.database_mib for each in stage.memory if each.database_mib]
    database += [imported.database_mib] if imported.database_mib else []
    added = [each.add_ms.p95 for each in stage.arrived]
    return [
        size,
        f"{imported.orders_per_s:,.0f}",
        f"{100 * imported.finish_s / (imported.load_s + imported.finish_s):.0f} %",
        f"{imported.size_bytes / _MIB:,.1f}",
        f"{imported.size_bytes / imported.orders:,.0f}",
        f"{imported.importer_mib:,.0f}",
        f"{spread(backend).median:,.0f}" if backend else NOTHING,
        f"{max(database):,.0f}" if database else NOTHING,
        ms(spread(added).median) if added else NOTHING,
    ]


def _stop(sized: Sized) -> str:
    """As part of a sentence or as one, without its full stop."""
    timed = [(results, stage) for results, stage in sized if stage.measured or stage.reason]
    if not timed:
        return NOT_YET.rstrip(".").lower()
    parts = []
    for who, name in (
        (cases.CLIENT, "a client of a few hundred orders a day"),
        (cases.FLOOR, "a facility of 300 a minute"),
    ):
        well = [results.size for results, stage in timed if tables.served_well(stage, who)]
        parts.append(f"{name} is served well {_sizes(well, len(timed))}")
    return f"{parts[0]}, {parts[1]} (sizes measured: {', '.join(results.size for results, _ in timed)})"


def _sizes(well: Sequence[str], measured: int) -> str:
    if len(well) == measured:
        return "at every size"
    return f"at {', '.join(well)}" if well else "at none"


def _reproduce(sized: Sized) -> str:
    lines = [
        f"- {results.size}: seed {results.seed}, {results.counts['orders']:,} orders, measured {stage.began[:10]} at commit "
        f"`{stage.commit}`; checksum `{results.checksum}`"
        for results, stage in sized
    ]
    return "\n".join(lines) or NOT_YET
