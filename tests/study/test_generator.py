import hashlib
import json
import shutil
import subprocess
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from study import generator, plan
from study.generator import Bag
from study.kit import manifest as manifests
from study.kit import orders
from study.plan import HOUR_MS, Slot
from tests.study import brute_force
from tests.study.stage_runs import ROOT

# Of XS with seed 1. It changes only with the configuration or the way orders are drawn, and then all results of the
# study have to be measured anew.
CHECKSUM = "638f2bdc92439bcc5080efb3a76fa4ec49efeec24f1f7720bedb5694e1f9a390"


def test_same_seed_makes_the_same_orders_everywhere(orders_xs: Path) -> None:
    assert manifests.read(orders_xs).checksum == CHECKSUM


def test_another_seed_makes_other_orders(tmp_path: Path, orders_xs: Path) -> None:
    assert generator.main(["--size", "XS", "--seed", "2", "--out", str(tmp_path)]) == 0
    assert manifests.read(tmp_path).checksum != manifests.read(orders_xs).checksum
    assert manifests.read(tmp_path).counts["orders"] == 1000


def test_oldest_python_makes_the_same_orders(tmp_path: Path, orders_xs: Path) -> None:
    python = _oldest_python()
    if not python:
        pytest.skip("no Python 3.10 here")
    words = [python, "-m", "study.generator", "--size", "XS", "--out", str(tmp_path)]
    subprocess.run(words, check=True, cwd=ROOT, capture_output=True, timeout=240)
    assert (tmp_path / "manifest.json").read_bytes() == (orders_xs / "manifest.json").read_bytes()
    assert (tmp_path / "checksums.txt").read_bytes() == (orders_xs / "checksums.txt").read_bytes()


def _oldest_python() -> str | None:
    """On the path, or among those pyenv has installed (its own name on the path need not lead anywhere)."""
    for found in (shutil.which("python3.10"), *map(str, Path.home().glob(".pyenv/versions/3.10.*/bin/python3.10"))):
        if found and not subprocess.run([found, "--version"], check=False, capture_output=True).returncode:
            return found
    return None


def test_daily_totals_are_those_of_the_plan(orders_xs: Path) -> None:
    planned = plan.read(generator.HERE / "config.json", "XS", 1)
    for tenant in planned.tenants:
        daily = [sum(numbers) for numbers in zip(*(stream.daily for stream in tenant.streams), strict=True)]
        paths = [orders_xs / "orders" / day.isoformat() / f"{tenant.id}.jsonl" for day in planned.days]
        assert [len(path.read_bytes().splitlines()) if path.exists() else 0 for path in paths] == daily
        assert sum(daily) == tenant.orders
    assert sum(tenant.orders for tenant in planned.tenants) == 1000


@pytest.mark.parametrize(("size", "total"), [("S", 10_000), ("M", 100_000), ("L", 1_000_000), ("XL", 10_000_000)])
def test_presets_are_of_their_size_and_have_both_kinds_of_client(size: str, total: int) -> None:
    planned = plan.read(generator.HERE / "config.json", size, 1)
    assert sum(tenant.orders for tenant in planned.tenants) == total
    named = planned.named()
    assert 200 <= named["client"].orders / len(planned.days) <= 400
    rush = named["largest"].streams[-1]
    minutes = len(rush.bag) * rush.bag[0].length_ms // 60_000
    assert rush.facilities == ("F01",)
    assert rush.daily[-1] == 300 * minutes


def test_every_round_of_the_bag_meets_the_profile() -> None:
    class Halves:
        def random(self) -> float:
            return 0.5

    slots = [Slot(0, HOUR_MS)] * 3 + [Slot(8 * HOUR_MS, HOUR_MS)] * 2
    bag = Bag(slots, Halves())  # type: ignore[arg-type]  # only random() is drawn from
    for _ in range(2):
        hours = Counter(bag.moment() // HOUR_MS for _ in slots)
        assert hours == {0: 3, 8: 2}


def test_files_are_whole_and_sorted_and_counted(orders_xs: Path) -> None:
    manifest = manifests.read(orders_xs)
    listed = (orders_xs / "checksums.txt").read_text(encoding="utf-8")
    assert hashlib.sha256(listed.encode()).hexdigest() == manifest.checksum
    for line in listed.splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((orders_xs / name).read_bytes()).hexdigest() == digest
    found = list(orders.of_folder(orders_xs))
    assert len({order.id for order in found}) == len(found) == manifest.counts["orders"]
    assert sum(order.units for order in found) == manifest.counts["units"]
    assert sum(len(order.lines) for order in found) == manifest.counts["lines"]
    for path in (orders_xs / "orders").glob("*/*.jsonl"):
        of_file = list(orders.of_file(path))
        assert [order.placed_at for order in of_file] == sorted(order.placed_at for order in of_file)
        assert {(order.tenant, order.placed_at[:10]) for order in of_file} == {(path.stem, path.parent.name)}


def test_destinations_are_all_in_the_list(orders_xs: Path) -> None:
    states = orders.states()
    assert len(states) == 41_439
    assert len(set(states.values())) == 50
    assert all(order.postal_code in states for order in orders.of_folder(orders_xs))


def test_expected_answers_are_those_of_counting_the_files(orders_xs: Path) -> None:
    manifest = manifests.read(orders_xs)
    found = list(orders.of_folder(orders_xs))
    assert len(manifest.expected) == 3 + 4 * (3 * 5 + 1)
    for case in manifest.expected:
        assert (case.orders, case.rows) == brute_force.answer(found, case), case.name
    arrived = list(orders.arrivals(orders_xs))
    assert len(arrived) == manifest.arrivals.orders
    for case in manifest.arrivals.expected:
        assert (case.orders, case.rows) == brute_force.answer(arrived, case), case.name


def test_ranges_end_at_the_end_of_the_data(orders_xs: Path) -> None:
    manifest = manifests.read(orders_xs)
    lengths = {
        case.range: (date.fromisoformat(case.query["to"]) - date.fromisoformat(case.query["from"])).days
        for case in manifest.expected
        if case.report == "league"
    }
    assert lengths == {"1d": 1, "7d": 7, "all": 9}
    assert {case.query["to"] for case in manifest.expected if case.report == "league"} == {manifest.end}


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        generator.main(["--size", "XS", "--out", str(tmp_path)])
    assert ended.value.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_unknown_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        generator.main(["--size", "XXL", "--out", str(tmp_path / "new")])
    assert ended.value.code == 2


def test_orders_have_the_form_that_is_described(orders_xs: Path) -> None:
    line: dict[str, Any] = json.loads((orders_xs / "arrivals.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert list(line) == ["id", "tenant", "facility", "placed_at", "postal_code", "lines"]
    assert list(line["lines"][0]) == ["item_id", "quantity"]
    assert line["placed_at"] == "2026-07-01T00:00:00.000Z"
    assert line["id"][14] == "7"
