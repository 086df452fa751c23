"""The bench for real, on the smallest orders; and what it makes of a stage that answers wrongly or not at all."""

import os
import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from study.bench import __main__ as command
from study.bench import asking, cases, conditions, memory, page_cache, preparing, results, run
from study.bench.databases import Database
from study.bench.lot import Choice, Lot
from study.bench.programs import ProgramError
from study.bench.samples import CONDITIONS
from study.kit import contract, manifest, stages
from study.kit.manifest import Row
from tests.study import in_memory


def _lot(data: Path, folder: Path, stage: str = "03", memory_mib: int = 2048) -> Lot:
    choice = Choice(
        known=manifest.read(data),
        data=data,
        folder=folder,
        repeats=1,
        timeout_s=60,
        import_s=120,
        memory_mib=memory_mib,
        who=("client",),
        cold_s=60,
        cell_ms=1,
        rng=random.Random(1),
        step=lambda _: None,
    )
    found = stages.find(stage)
    return Lot(found, choice, Database(found, folder), "2026-07-02T10:00:00Z", "0123456789")


def test_a_run_measures_every_condition_and_leaves_nothing_behind(orders_xs: Path, tmp_path: Path) -> None:
    out, before = tmp_path / "XS.json", set((stages.ROOT / ".local").glob("study-*"))
    words = ["run", "--size", "XS", "--data", str(orders_xs), "--stages", "03", "--repeats", "1"]
    assert command.main([*words, "--who", "client,largest", "--cell-ms", "1", "--out", str(out)]) == 0
    found = results.read(out)
    (stage,) = found.stages
    known = manifest.read(orders_xs)
    assert (stage.reason, stage.failures, stage.differences) == (None, [], [])
    assert stage.verified == len(known.expected)
    assert stage.imported
    assert stage.imported.orders == known.counts["orders"]
    assert stage.imported.importer_mib > 0
    assert {each.condition for each in stage.measured} == set(CONDITIONS)
    assert all(times.n and times.request.p50 >= times.database.p50 for each in stage.measured for times in each.repeats)
    assert stage.memory[0].backend_mib > 0
    assert stage.arrived[0].orders > 0
    assert "SEARCH" in stage.plans["days"]
    assert set((stages.ROOT / ".local").glob("study-*")) == before


def test_results_of_other_orders_are_not_put_into_one_file(orders_xs: Path, tmp_path: Path) -> None:
    out = tmp_path / "XS.json"
    words = ["run", "--size", "S", "--data", str(orders_xs), "--stages", "03", "--out", str(out)]
    assert command.main(words) == 3
    assert not out.exists()


def test_a_stage_that_answers_wrongly_gets_no_times(
    orders_xs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lot = _lot(orders_xs, tmp_path)
    monkeypatch.setattr(contract, "verify", lambda *_: ["days largest all: row 0 is wrong"])
    preparing.prepare(lot)
    run._visit(lot, 1)
    found = lot.result()
    assert found.reason == "1 answers are not the manifest's"
    assert found.differences == ["days largest all: row 0 is wrong"]
    assert found.imported
    assert (found.measured, found.verified) == ([], 0)


def test_an_importer_that_takes_too_much_memory_is_a_result(orders_xs: Path, tmp_path: Path) -> None:
    lot = _lot(orders_xs, tmp_path, memory_mib=1)
    preparing.prepare(lot)
    assert lot.reason == "import 03: out of memory: it took more than its 1 MiB"


def test_a_program_that_fails_says_why(orders_xs: Path, tmp_path: Path) -> None:
    lot = _lot(orders_xs, tmp_path)
    with pytest.raises(ProgramError, match=r"serve 03: ended with 3: .* is missing: it is made by the importer"):
        preparing._verify(lot)


def test_a_question_that_takes_too_long_is_told_and_not_repeated(orders_xs: Path, tmp_path: Path) -> None:
    def slow(_: str, rows: list[Row]) -> list[Row]:
        time.sleep(0.5)
        return rows

    lot, case = _lot(orders_xs, tmp_path), manifest.read(orders_xs).case("days", "client", "all")
    with (
        in_memory.serving(orders_xs, slow) as url,
        closing(asking.Asker(url, 0.05)) as asker,
        pytest.raises(asking.NoAnswerError, match=r"no answer within 0\.05 s") as raised,
    ):
        conditions.several(asker, case, 1)
    assert raised.value.spent
    lot.fail("alone", case.name, 1, str(raised.value))
    assert case not in lot.shuffled("readers", cases.hot(lot.choice.known, lot.choice.who))


def test_every_named_case_is_asked_alone_and_the_two_of_the_study_in_company(orders_xs: Path) -> None:
    known = manifest.read(orders_xs)
    assert len(cases.hot(known, cases.NAMED)) == len(known.expected) + 1
    assert {case.who for case in cases.busy(known, cases.NAMED)} == {None, "client", "largest"}
    assert len(cases.cold(known)) == 7


def test_a_file_that_was_given_up_can_be_read_again(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"orders")
    page_cache.drop(tmp_path)
    assert (tmp_path / "deep" / "file").read_bytes() == b"orders"


def test_memory_that_processes_share_is_counted_once(tmp_path: Path) -> None:
    sizes = {1: (100, 10, 40), 2: (90, 20, 40)}
    for pid, (peak, files, shared) in sizes.items():
        (tmp_path / str(pid)).mkdir()
        lines = [("VmHWM", peak), ("RssFile", files), ("RssShmem", shared)]
        text = "".join(f"{name}:\t{size << 10} kB\n" for name, size in lines)
        (tmp_path / str(pid) / "status").write_text(text, encoding="utf-8")
    assert memory.peak_mib([1, 2], tmp_path) == (100 - 50) + (90 - 60) + 20 + 40
    assert memory.peak_mib([os.getpid()]) > 1
