"""Two checkouts are measured in turn, and only what every round agrees on is called better or worse."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from bench import compare
from bench.compare import Both
from bench.results import Figures
from bench.runner import Taken
from bench.site import REPO, Site
from tests.unit.bench.made_results import sample


@dataclass
class FakeMeasurement:
    site: Site
    peers: Sequence[str] = ("packstats", "nginx", "packstats, 2 workers")
    name: str = "fake"
    title: str = "A fake"

    def run(self, peer: str) -> Figures:
        assert peer == "packstats, 2 workers"
        return {"per_s": 1.0 if self.site.product == REPO else 2.0}


def test_each_peer_of_the_product_is_measured_from_both_checkouts(tmp_path: Path) -> None:
    site = Site(tmp_path)
    both = Both(FakeMeasurement(site), site, tmp_path / "base")

    assert both.peers == [
        "packstats (this tree)",
        "packstats (base)",
        "packstats, 2 workers (this tree)",
        "packstats, 2 workers (base)",
    ]
    assert both.run("packstats, 2 workers (base)") == {"per_s": 2.0}
    assert both.run("packstats, 2 workers (this tree)") == {"per_s": 1.0}
    assert site.product == REPO


@pytest.mark.parametrize(
    ("rounds", "verdict"),
    [
        ([(110, 100), (130, 100), (111, 100)], "better"),
        ([(110, 100), (130, 100), (99, 100)], ""),
        ([(80, 100), (90, 100), (70, 100)], "worse"),
        ([(110, 100), (130, 100)], ""),  # two rounds say nothing
    ],
)
def test_verdict(rounds: list[tuple[float, float]], verdict: str) -> None:
    taken = Taken()
    for number, (new, old) in enumerate(rounds, 1):
        taken.samples.append(sample("packstats (this tree)", number, per_s=new))
        taken.samples.append(sample("packstats (base)", number, per_s=old))
    out = io.StringIO()

    Console(file=out, width=200).print(*compare.show(taken, "abc"))

    line = next(line for line in out.getvalue().splitlines() if "a second" in line)
    assert line.strip("│ ").endswith(verdict or "0")
