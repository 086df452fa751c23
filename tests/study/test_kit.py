import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter_ns

import pytest

from study import __main__ as study
from study.kit import contract, importing, manifest, settings, stages
from study.kit.manifest import Row
from study.kit.orders import Order
from study.kit.reports import DatabaseDownError
from study.kit.settings import StartError
from study.kit.timing import Clock
from tests.study import in_memory


def _right(_: str, rows: list[Row]) -> list[Row]:
    return rows


def test_right_answers_have_no_differences(orders_xs: Path) -> None:
    with in_memory.serving(orders_xs, _right) as url:
        assert contract.verify(url, manifest.read(orders_xs)) == []


def test_a_wrong_row_is_told_with_what_it_should_be(orders_xs: Path) -> None:
    def one_more(report: str, rows: list[Row]) -> list[Row]:
        return [row | {"orders": int(row["orders"]) + 1} for row in rows] if report == "states" else rows

    known = manifest.read(orders_xs)
    with in_memory.serving(orders_xs, one_more) as url:
        found = contract.verify(url, known, [case for case in known.expected if case.report in {"states", "sizes"}])
    assert len(found) == len([case for case in known.expected if case.report == "states" and case.rows])
    assert found[0].startswith("states smallest 1d: row 0 is {")


def test_a_missing_row_is_told(orders_xs: Path) -> None:
    known = manifest.read(orders_xs)
    case = known.case("hours", "client", "7d")
    with in_memory.serving(orders_xs, lambda _, rows: rows[:-1]) as url:
        assert contract.verify(url, known, [case]) == [
            f"hours client 7d: {len(case.rows) - 1} rows, not {len(case.rows)}"
        ]


def test_an_answer_that_cost_no_call_is_not_believed(orders_xs: Path) -> None:
    known = manifest.read(orders_xs)
    with in_memory.serving(orders_xs, _right, asks=False) as url:
        found = contract.verify(url, known, [known.case("days", "largest", "all")])
    assert found == ["days largest all: the database was not asked"]


def test_a_database_that_is_down_is_a_503_that_says_so(orders_xs: Path) -> None:
    def down(report: str, rows: list[Row]) -> list[Row]:
        raise DatabaseDownError(f"no connection for {report}, {len(rows)} rows")

    case = manifest.read(orders_xs).case("league", None, "1d")
    with in_memory.serving(orders_xs, down) as url, closing(contract.Caller(url)) as caller:
        status, _, body = caller.get("/reports/league", case.query)
    assert status == 503
    assert json.loads(body)["error"].startswith("no connection for league")


def test_a_mistake_of_a_stage_is_a_500_that_a_page_from_elsewhere_may_read(orders_xs: Path) -> None:
    def wrong(report: str, rows: list[Row]) -> list[Row]:
        return [{"no": len(report)}, *rows]

    case = manifest.read(orders_xs).case("league", None, "1d")
    with in_memory.serving(orders_xs, wrong) as url, closing(contract.Caller(url)) as caller:
        status, headers, body = caller.get("/reports/league", case.query)
    assert status == 500
    assert json.loads(body) == {"error": "the stage failed; its log says why"}
    assert headers["access-control-allow-origin"] == "*"


def test_a_clock_counts_calls_and_rows_and_the_time_of_calls_alone() -> None:
    clock = Clock(perf_counter_ns() - 5_000_000)
    for rows in (3, 4):
        with clock.call() as call:
            call.rows = rows
    timing = clock.timing()
    assert (timing.calls, timing.rows) == (2, 7)
    assert timing.request_ms >= 5
    assert timing.database_ms < timing.request_ms
    assert timing.header().startswith(f'db;dur={timing.database_ms};desc="2 calls, 7 rows", total;dur=')


def test_arrivals_are_added_one_by_one_from_where_the_last_run_stopped(orders_xs: Path) -> None:
    class Kept:
        def __init__(self) -> None:
            self.added: list[list[Order]] = []

        def prepare(self) -> None:
            raise AssertionError("a database that is in use was made anew")

        def add(self, orders: Sequence[Order]) -> None:
            self.added.append(list(orders))

        def finish(self) -> None:
            raise AssertionError("not called for arrivals")

        def size(self) -> int:
            return 0

        def close(self) -> None:
            pass

    kept = Kept()
    here = settings.Settings(orders_xs, None, "", 0, 1)
    said = importing.arrive(kept, here, 1e6, range(5))
    importing.arrive(kept, here, 1e6, range(5, 7))
    assert said["orders"] == 5
    assert [len(batch) for batch in kept.added] == [1] * 7
    assert [batch[0].placed_at for batch in kept.added] == [
        f"2026-07-01T00:00:0{n // 5}.{n % 5 * 2}00Z" for n in range(7)
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {}),
        ([7.0], {"p50": 7, "p95": 7, "p99": 7}),
        (list(map(float, range(1, 101))), {"p50": 50, "p95": 95, "p99": 99}),
    ],
)
def test_percentiles_are_of_values_that_occurred(values: list[float], expected: dict[str, float]) -> None:
    assert importing.percentiles(values) == expected


def test_lines_are_counted_without_comments_docstrings_and_blank_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, follows, code in (
        ("01-first", "null", '"""Says why."""\n\nx = 1\n# a reason\ny = 2\n'),
        ("02-second", '"01"', '"""Says\nmore."""\n\nx = 1\n\n\ny = 3\nz = 4\n'),
    ):
        (tmp_path / name).mkdir()
        about = f'{{"title":"t","kind":"start","database":"sqlite","follows":{follows}}}'
        (tmp_path / name / "stage.json").write_text(about, encoding="utf-8")
        (tmp_path / name / "README.md").write_text(name, encoding="utf-8")
        (tmp_path / name / "backend.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(stages, "FOLDER", tmp_path)
    assert stages.changes(stages.find("01")).added == 2
    assert stages.changes(stages.find("02")).files == {"backend.py": stages.FileChange(added=2, removed=1)}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["import", "99"], "there is no stage 99"),
        (["verify", "http://127.0.0.1:1", "--data", "{data}"], "does not answer"),
        (["verify", "http://127.0.0.1:1", "--data", "/nowhere"], "cannot be read"),
    ],
)
def test_what_cannot_start_says_why_and_ends_with_3(
    words: list[str], text: str, orders_xs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["study", *(word.replace("{data}", str(orders_xs)) for word in words)])
    assert study.main() == 3
    assert text in capsys.readouterr().err


def test_a_setting_that_is_no_number_is_refused_by_its_name() -> None:
    with pytest.raises(StartError, match="STUDY_PORT is 'http'"):
        settings.from_environment({"STUDY_PORT": "http"})


def test_a_server_stage_without_its_url_says_which_setting_is_missing() -> None:
    with pytest.raises(StartError, match="STUDY_DATABASE is not set"):
        settings.from_environment({}).database_url()
