"""Every stage, run as programs, gives the answers the generator counted; also while and after more orders come in."""

import subprocess
from pathlib import Path

import pytest

from study.kit import contract, manifest, stages
from tests.study import stage_runs

SQLITE = ["01", "02", "03"]


@pytest.mark.parametrize("stage", SQLITE)
def test_all_answers_are_right_before_and_after_orders_arrive(stage: str, orders_xs: Path, tmp_path: Path) -> None:
    known, where = manifest.read(orders_xs), str(tmp_path / "database")
    said = stage_runs.run("import", stage, "--data", str(orders_xs), database=where)
    assert (said["orders"], said["lines"]) == (known.counts["orders"], known.counts["lines"])
    assert said["size_bytes"] > 0
    with stage_runs.backend(stage, orders_xs, where) as url:
        assert contract.verify(url, known) == []
        arrive = ("arrive", stage, "--data", str(orders_xs), "--rate", "10000")
        said = stage_runs.run(*arrive, database=where)
        assert said["orders"] == known.arrivals.orders
        assert contract.verify(url, known, known.expected + known.arrivals.expected) == []
    plans = stage_runs.run("explain", stage, "--data", str(orders_xs), database=where)["plans"]
    assert all(plans.values())
    assert set(plans) == {case.report for case in known.expected}


def test_every_stage_says_what_it_is_and_follows_one_that_is_there() -> None:
    known = stages.all_stages()
    assert {stage.number for stage in known} >= set(SQLITE)
    for stage in known:
        assert stage.about.follows is None or stages.find(stage.about.follows).number < stage.number
        assert {"README.md", "importer.py", "backend.py"} <= {path.name for path in stage.folder.iterdir()}


def test_lines_of_a_change_are_counted_without_prose() -> None:
    change = stages.changes(stages.find("03"))
    assert change.follows == "02"
    assert change.files["indexes.sql"] == stages.FileChange(added=3, removed=0)
    assert set(change.files) == {"importer.py", "indexes.sql"}


def test_a_backend_without_its_database_does_not_start(orders_xs: Path, tmp_path: Path) -> None:
    words = stage_runs.command("serve", "03", "--data", str(orders_xs), "--port", "0", database=str(tmp_path / "none"))
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=stage_runs.ROOT, timeout=120)
    assert done.returncode == 3
    assert "is missing: it is made by the importer" in done.stderr
    assert done.stdout == ""
