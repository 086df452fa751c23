"""Two commits of the product in turn: the regression test of what was made fast once."""

import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from bench.errors import BenchError
from bench.figures import FIGURES
from bench.measurement import PRODUCT, Measurement
from bench.results import Figures, Spread, ratios, spread
from bench.runner import Taken
from bench.site import REPO, Site

THIS = "this tree"
BASE = "base"
_ROUNDS_THAT_SAY = 3


def checkout(repo: Path, commit: str, into: Path) -> Path:
    """The files of a commit in that folder. Not a worktree, of which git would keep a note after a kill."""
    into.mkdir(parents=True)
    archive = into / "all.tar"
    done = subprocess.run(
        ["git", "archive", "--format=tar", f"--output={archive}", commit],
        check=False,
        capture_output=True,
        text=True,
        cwd=repo,
    )
    if done.returncode:
        raise BenchError(f"BASE={commit}: {done.stderr.strip()}")
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    archive.unlink()
    return into


def of_the_product(all_of_them: Sequence[Measurement]) -> list[Measurement]:
    """Those that measure the product at all."""
    return [each for each in all_of_them if any(peer.startswith(PRODUCT) for peer in each.peers)]


@dataclass(frozen=True, slots=True)
class Both:
    """A measurement whose peers are the product's of two checkouts; the interpreter and its packages are the same."""

    of: Measurement
    site: Site
    base: Path

    @property
    def name(self) -> str:
        return self.of.name

    @property
    def title(self) -> str:
        return self.of.title

    @property
    def peers(self) -> Sequence[str]:
        own = [peer for peer in self.of.peers if peer.startswith(PRODUCT)]
        return [f"{peer} ({tree})" for peer in own for tree in (THIS, BASE)]

    def run(self, peer: str) -> Figures:
        own = peer.rpartition(" (")[0]
        self.site.product = self.base if peer.endswith(f"({BASE})") else REPO
        try:
            return self.of.run(own)
        finally:
            self.site.product = REPO


def show(taken: Taken, base: str) -> Iterator[Table | str]:
    """A row for each figure that both have: medians, and how many times the base's this tree's is, round by round."""
    table = Table(title=f"this tree against {base}", title_justify="left")
    for heading in ("measurement", "peer", "figure", THIS, BASE, "ratio", "lowest to highest", ""):
        table.add_column(heading, justify="left" if heading in {"measurement", "peer", "figure", ""} else "right")
    for measurement, own, figure in _pairs(taken):
        new, old = f"{own} ({THIS})", f"{own} ({BASE})"
        found = ratios(taken.samples, measurement, new, old, figure)
        if not found:
            continue
        ratio = spread(found)
        known = FIGURES[figure]
        medians = [_median(taken, measurement, peer, figure) for peer in (new, old)]
        table.add_row(
            measurement,
            own,
            known.label,
            *(known.text(value) for value in medians),
            f"{ratio.median:.3f}",
            f"{ratio.low:.3f} – {ratio.high:.3f}",
            _verdict(ratio, more_is_better=known.more_is_better),
        )
    yield table
    for each in taken.absent:
        yield f"{each.measurement}: without {each.peer}: {each.reason}"


def _pairs(taken: Taken) -> Iterator[tuple[str, str, str]]:
    found = {
        (sample.measurement, sample.peer.rpartition(" (")[0], figure): None
        for sample in taken.samples
        for figure in sample.figures
        if figure in FIGURES and FIGURES[figure].compared
    }
    yield from found


def _median(taken: Taken, measurement: str, peer: str, figure: str) -> float:
    return spread(
        sample.figures[figure]
        for sample in taken.samples
        if (sample.measurement, sample.peer) == (measurement, peer) and figure in sample.figures
    ).median


def _verdict(ratio: Spread, *, more_is_better: bool) -> str:
    """Only what every one of several rounds agrees on is said."""
    if ratio.n < _ROUNDS_THAT_SAY or ratio.low <= 1 <= ratio.high:
        return ""
    return "better" if (ratio.low > 1) == more_is_better else "worse"
