"""A run that was interrupted is gone on with only under the conditions under which it began."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from bench import results
from bench.errors import BenchError
from bench.keeping import Kept
from bench.results import Absent, Figures, Machine, Results, Sample
from bench.runner import Taken

BEGAN = Results(
    began="2026-01-01T00:00:00Z",
    commit="abc",
    quick=False,
    rounds=2,
    seed=1,
    machine=Machine(cores=2, cpu="x", memory_gib=8, kernel="6", fsync_ms=1.0),
    versions={"python": "3.11"},
    titles={},
    samples=[],
)


@dataclass(frozen=True)
class Asked:
    name: str
    title: str = "A title"
    peers: Sequence[str] = ("packstats",)

    def run(self, peer: str) -> Figures:
        raise NotImplementedError


FIRST, SECOND = Asked("first"), Asked("second")
TAKEN = Taken(
    [Sample("first", "packstats", number, {"per_s": 1.0}) for number in (1, 2)]
    + [Sample("second", "packstats", 1, {"per_s": 2.0})],
    [Absent("first", "nginx", "not installed")],
)


def test_what_is_whole_is_in_the_file_and_not_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    Kept(path, BEGAN).add(FIRST, TAKEN)

    again = Kept.again(path, msgspec.structs.replace(BEGAN, began="2026-01-01T01:00:00Z"))
    assert (again.lacks(FIRST), again.lacks(SECOND)) == (False, True)
    again.add(SECOND, TAKEN)

    found = results.read(path)
    assert found.began == BEGAN.began
    assert list(found.titles) == ["first", "second"]
    assert (found.samples, found.absent) == (TAKEN.samples, TAKEN.absent)


@pytest.mark.parametrize("change", [{"commit": "abd"}, {"rounds": 5}, {"versions": {"python": "3.12"}}])
def test_a_run_under_other_conditions_is_another_run(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "run.json"
    Kept(path, BEGAN).add(FIRST, TAKEN)
    with pytest.raises(BenchError, match=f"other {next(iter(change))}; begin it anew"):
        Kept.again(path, msgspec.structs.replace(BEGAN, **change))


def test_where_there_is_no_file_it_begins(tmp_path: Path) -> None:
    assert Kept.again(tmp_path / "run.json", BEGAN).lacks(FIRST)
