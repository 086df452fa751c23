import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bench.results import Machine, spread
from study.bench import answers, blocks, measured, plots, report, results, samples, stage_blocks, svg, tables
from study.bench.fit import fit
from study.bench.results import Conditions, Failure, Fresh, Imported, Memory, Percentiles, Results, StageResult
from study.bench.samples import ALONE, ARRIVING, CONDITIONS, READERS, Sample, Tally
from study.kit import stages
from study.kit.manifest import Case
from study.kit.serving import REPORTS
from study.kit.settings import StartError

FIRST, SECOND = "01-sqlite-rows", "02-sqlite-sql"


def _cases() -> list[Case]:
    def case(report_name: str, who: str | None, range_name: str, orders: int) -> Case:
        return Case(report_name, who, range_name, {}, orders, [])

    named = [
        case(name, None if name == "league" else who, "1d" if name == "floor" else "all", orders)
        for name in REPORTS
        for who, orders in (("client", 50), ("largest", 500))
    ]
    return [*named, case("days", "largest", "1d", 100), case("no-database", "client", "all", 0)]


def _stage(name: str, request_ms: float, **more: object) -> StageResult:
    """Answers take `request_ms` in the first repeat and a tenth more in each later one; the database has three quarters."""
    tally = Tally()
    for condition in CONDITIONS:
        for case in _cases():
            for repeat in range(1, 6):
                ms = request_ms * (0.9 + 0.1 * repeat)
                calls = 0 if case.report == "no-database" else 1
                tally.add(condition, case, repeat, Sample(ms, ms * 0.75 * calls, ms + 1, calls, 24 * calls))
    given = StageResult(
        stage=name,
        began="2026-07-02T10:00:00Z",
        commit="0123456789",
        imported=Imported(1000, 2000, 3.0, 1.0, 250.0, 1 << 20, 40.0, None),
        verified=67,
        measured=tally.measured(),
        memory=[Memory(1, 80.0, None), Memory(2, 90.0, None), Memory(3, 85.0, None)],
        plans={"days": f"SCAN of {name}"},
    )
    return msgspec.structs.replace(given, **more)


def _results(size: str, orders: int, *stages_of_it: StageResult) -> Results:
    return Results(
        size=size,
        seed=1,
        checksum="abc",
        counts={"orders": orders, "tenants": 3, "days": 9},
        began="2026-07-02T10:00:00Z",
        took_s=60,
        conditions=Conditions(5, 1, 60, 6, 2048, 5, 8, "given up", ["client", "largest"]),
        machine=Machine(2, "a processor", 8, "Linux 6.1", 1.0),
        versions={"python": "3.12.1"},
        stages=list(stages_of_it),
    )


@pytest.fixture
def small() -> list[Results]:
    """The first stage takes ten times as long for ten times as many orders, the second half as long again."""
    return [
        _results("S", 10_000, _stage(FIRST, 30), _stage(SECOND, 10)),
        _results("M", 100_000, _stage(FIRST, 300), _stage(SECOND, 10 * math.sqrt(10))),
    ]


def test_a_power_is_found_from_its_points() -> None:
    found = fit((n, 0.5 * n**1.25) for n in (10, 100, 1000, 5000))
    assert found
    assert found.b == pytest.approx(1.25)
    assert found.c == pytest.approx(0.5)
    assert found.points == 4


@pytest.mark.parametrize("points", [[], [(10, 1.0)], [(10, 1.0), (10, 3.0)], [(10, 1.0), (100, 0.0)]])
def test_there_is_no_growth_without_two_sizes(points: list[tuple[float, float]]) -> None:
    assert fit(points) is None


def test_percentiles_are_of_a_repeat_and_medians_of_repeats() -> None:
    case, tally = Case("days", "largest", "all", {}, 7, []), Tally()
    for repeat, values in ((2, [40.0]), (1, [float(value) for value in range(1, 21)]), (3, [5.0, 6.0])):
        for value in values:
            tally.add(ALONE, case, repeat, Sample(value, 0, value, 1, 1))
    (found,) = tally.measured()
    assert [(times.repeat, times.n, times.request.p50, times.request.p95) for times in found.repeats] == [
        (1, 20, 10, 19),
        (2, 1, 40, 40),
        (3, 2, 5, 6),
    ]
    spread = answers.over_repeats(found, "request", "p95")
    assert (spread.low, spread.median, spread.high, spread.n) == (6, 19, 40, 3)


def test_results_are_read_as_they_were_written_with_a_case_in_a_line(tmp_path: Path, small: list[Results]) -> None:
    for each in reversed(small):
        results.write(tmp_path / f"{each.size}.json", each)
    assert results.read_all(tmp_path) == small
    lines = (tmp_path / "S.json").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if '"condition": "cold"' in line]) == 2 * len({case.name for case in _cases()})


def test_the_summary_has_median_and_spread_of_the_slowest_report(small: list[Results]) -> None:
    row = next(line for line in tables.summary(small).splitlines() if FIRST in line)
    assert "| start | 36.0 (30.0–42.0) | 360 (300–420) |" in row
    assert row.endswith("| M | 0 of 14 | 250 | 1,049 | 40 | 85 | – |")


def test_what_was_asked_less_often_or_of_less_is_said(small: list[Results]) -> None:
    first, second = small[0].stages
    cases = len(answers.alone(first))
    stages_of_it = [msgspec.structs.replace(first, verified=cases), msgspec.structs.replace(second, verified=cases)]
    assert report._repeats(msgspec.structs.replace(small[0], stages=stages_of_it)) == "5 repeats"
    fewer = [
        msgspec.structs.replace(case, repeats=case.repeats[:3]) for case in second.measured if case.who != "largest"
    ]
    stages_of_it[1] = msgspec.structs.replace(stages_of_it[1], measured=fewer)
    left = len(answers.alone(stages_of_it[1]))
    assert 0 < left < cases
    said = report._repeats(msgspec.structs.replace(small[0], stages=stages_of_it))
    assert (
        said
        == f"5 repeats (stages {first.stage[:2]}), 3 repeats of {left} of {cases} cases (stages {second.stage[:2]})"
    )


def test_growth_and_share_come_out_of_the_times(small: list[Results]) -> None:
    first, second = (line.split(" | ") for line in tables.growth(small).splitlines()[2:])
    assert set(first[2:9]) == {"1.00"}
    assert set(second[2:9]) == {"0.50"}
    row = next(line for line in tables.share(small).splitlines() if SECOND in line)
    assert row.split(" | ")[1:9] == ["M", *["75 %"] * 7]


def test_who_waits_too_long_or_gets_no_answer_is_not_served_well(small: list[Results]) -> None:
    quick = small[0].stages[1]
    assert tables.served_well(quick, "client")
    assert not tables.served_well(small[1].stages[0], "client")
    late = msgspec.structs.replace(quick, failures=[Failure(READERS, "days largest all", 1, "no answer within 60 s")])
    assert not tables.served_well(late, "largest")
    assert tables.served_well(late, "client")
    assert "no: 361 (days, alone)" in tables.served(small)


def test_what_was_not_measured_is_shown_with_its_reason(small: list[Results]) -> None:
    wrong = StageResult(FIRST, "", "", reason="2 answers are not the manifest's", differences=["days: row 0 is {}"])
    slow = _stage(SECOND, 10, failures=[Failure(ARRIVING, "items largest all", 2, "no answer within 60 s")])
    gone = [
        each
        for each in slow.measured
        if (each.condition, each.report) != (ALONE, "items") and (each.condition, each.report) != (ARRIVING, "items")
    ]
    every = [*small, _results("L", 1_000_000, wrong, msgspec.structs.replace(slow, measured=gone))]
    told = tables.failures(every)
    assert "L, 01-sqlite-rows: no times: 2 answers are not the manifest's\n    - days: row 0 is {}" in told
    assert "L, 02-sqlite-sql, arriving items largest all, repeat 2: no answer within 60 s" in told
    assert "| failed |" in tables.summary(every)
    page = stage_blocks.blocks(stages.find("02"), every)["numbers"]()
    assert "timed out" in next(line for line in page.splitlines() if line.startswith("| items"))


def test_freshness_is_told_for_each_rate(small: list[Results]) -> None:
    fresh = [Fresh(n, 900, 300, 299.5, Percentiles(100 * n, 200 * n, 300 * n), n % 2) for n in (1, 2, 3)]
    every = [_results("S", 10_000, _stage(FIRST, 1, fresh=fresh), small[0].stages[1])]
    row = f"| {FIRST} | S | 300 | 200 (100–300) | 400 (200–600) | 600 (300–900) | 2 |"
    assert tables.freshness(every).splitlines()[2:] == [row]
    assert stage_blocks.blocks(stages.find("01"), every)["freshness"]().endswith(row)
    assert tables.freshness(small) == answers.NOT_YET


def test_blocks_are_filled_in_lines_and_between_them_and_again() -> None:
    page = (
        "A <!-- study: a --><!-- study end -->. B\n<!-- study: b --><!-- study end -->\n<!-- study: c -->\n"
        "old\n<!-- study end -->\n"
    )
    contents = {"a": "some words", "b": "more words", "c": "| a | table |"}
    filled = blocks.fill(page, contents.__getitem__)
    assert filled == (
        "A <!-- study: a -->some words<!-- study end -->. B\n<!-- study: b -->More words.<!-- study end -->\n"
        "<!-- study: c -->\n| a | table |\n<!-- study end -->\n"
    )
    assert blocks.fill(filled, contents.__getitem__) == filled
    assert blocks.names(page) == ["a", "b", "c"]


def test_pages_are_in_step_until_results_change(tmp_path: Path, small: list[Results]) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- study: summary -->\n<!-- study end -->\n", encoding="utf-8")
    documents = report.generated(small)
    mine = replace(documents, texts={page: documents.texts[report.STUDY / "README.md"], tmp_path / "x.svg": None})
    assert mine.stale() == [page]
    mine.write()
    assert mine.stale() == []
    again = report.generated([small[0]])
    changed = replace(mine, texts={page: again.texts[report.STUDY / "README.md"]})
    assert changed.stale() == [page]


def test_every_place_of_every_readme_is_known() -> None:
    texts = report.generated([]).texts
    assert {report.STUDY / "README.md", stages.find("01").folder / "README.md"} <= texts.keys()


def test_a_place_nobody_fills_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "README.md").write_text("<!-- study: weather --><!-- study end -->", encoding="utf-8")
    monkeypatch.setattr(report, "STUDY", tmp_path)
    monkeypatch.setattr(report, "ROOT", tmp_path)
    with pytest.raises(StartError, match=r"README\.md asks for weather"):
        report.generated([])


def test_all_places_of_a_stage_have_something_to_say(small: list[Results]) -> None:
    found = {name: content() for name, content in stage_blocks.blocks(stages.find("02"), small).items()}
    assert "02-sqlite-sql:\n\n```text\nSCAN of 02-sqlite-sql" in found["plan"]
    assert "SCAN of 01-sqlite-rows" in found["plan"]
    assert found["changes"].startswith("Against stage 01: ")
    assert found["stop"] == (
        "a client of a few hundred orders a day is served well at every size, a facility of 300 a minute is served well "
        "at every size (sizes measured: S, M)"
    )
    assert "| S | 250 | 25 % | 1.0 | 1,049 | 40 | 85 | – | – |" in found["costs"]
    assert "checksum `abc`" in found["reproduce"]
    row = next(line for line in found["numbers"].splitlines() if line.startswith("| hours"))
    assert row == "| hours | 12.0 (10.0–14.0) | 37.9 (31.6–44.3) | 37.9 | 37.9 | 37.9 | 24 |"


def test_plots_are_well_formed_and_the_same_for_the_same_results(small: list[Results]) -> None:
    for plot in plots.PLOTS:
        drawn = plot.svg(small)
        assert drawn
        assert drawn == plot.svg(small)
        ET.fromstring(drawn)
        assert "prefers-color-scheme:dark" in drawn
        assert SECOND in drawn
        assert plot.svg([]) is None


def test_labels_that_would_lie_on_each_other_are_moved_apart() -> None:
    assert svg.apart([100, 50, 52, 53], 10) == [100, 50, 60, 70]


def test_only_names_at_the_ends_of_one_size_move_each_other() -> None:
    at = spread([10.0])
    curves = [("a", [(1, at)]), ("b", [(1, at), (2, at)]), ("c", [(2, at)])]
    y = svg.decades([1, 100], 300, 0)
    assert plots._marks(curves, y) == {"a": 150, "b": 150, "c": 164}


def test_a_logarithmic_scale_has_its_powers_of_ten_evenly() -> None:
    scale = svg.decades([3, 450], 0, 300)
    assert [round(scale.at(tick)) for tick in scale.ticks()] == [0, 100, 200, 300]
    assert samples.percentiles([3, 1, 2]).p50 == 2


def test_the_pages_draw_the_same_figures_as_the_tables() -> None:
    gone = Failure(ALONE, "days largest all", 1, "not answered within 60 s")
    lame = _stage(SECOND, 40.0, failures=[gone], memory=[])
    lame = msgspec.structs.replace(lame, measured=[each for each in lame.measured if each.report != "days"])
    every = [_results("S", 10_000, _stage(FIRST, 20.0), lame)]
    found = msgspec.json.decode(measured.document(every), type=measured.Everything)
    assert [(size.name, size.orders) for size in found.sizes] == [("S", 10_000)]
    assert [stage.name for stage in found.stages] == [stage.name for stage in stages.all_stages()]
    first, second = (stage.sizes["S"] for stage in found.stages[:2])
    case = answers.whole(every[0].stages[0], "days")
    assert case is not None
    assert first.reports["days"].request_p95_ms[0] == pytest.approx(answers.over_repeats(case, "request", "p95").median)
    assert set(first.reports) == {*REPORTS, "no-database"}
    assert first.missing == {}
    assert first.memory == measured.MemoryFigures(backend=85.0, importer=40.0, database=None)
    assert first.reports["days"].database_share == 0.75
    assert first.measured == "2026-07-02"
    assert "days" not in second.reports
    assert second.missing == {"days": "timed out"}
    assert second.memory.backend is None
    assert found.stages[2].sizes == {}
