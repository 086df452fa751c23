"""The page and its plots hold what the results say; whatever differs is found."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import plots, report
from bench.errors import BenchError
from bench.plots import Chart
from bench.results import Absent, Results, write
from tests.unit.bench.made_results import MEASUREMENT, results, sample

PAGE = """# Performance
<!-- results: none -->
<!-- bench: about -->
<!-- bench end -->
Written by hand.
<!-- bench: proxy-4k-64 -->
old
<!-- bench end -->
<!-- bench: goals proxy -->
<!-- bench end -->
"""
MADE = results(
    *(
        sample("packstats", number, per_s=value, cpu_us=100)
        for number, value in ((1, 3000.0), (2, 4000.0), (3, 5000.0))
    ),
    *(sample("nginx", number, per_s=10_000, cpu_us=25) for number in (1, 2, 3)),
    absent=(Absent(MEASUREMENT, "FastAPI + httpx", "httpx is not installed"),),
)


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a page, one file of results, and nothing generated."""
    for name, path in (("REPO", ""), ("PAGE", "performance.md"), ("PLOTS", "performance"), ("RESULTS", "results")):
        monkeypatch.setattr(report, name, tmp_path / path)
    (tmp_path / "performance.md").write_text(PAGE)
    write(tmp_path / "results" / "a.json", MADE)
    return tmp_path


def test_places_are_filled_and_what_is_written_by_hand_stays(pages: Path) -> None:
    assert report.main(None, check=False) == 0

    text = (pages / "performance.md").read_text()
    assert "<!-- results: a.json -->" in text
    assert "\nWritten by hand.\n" in text
    assert "old" not in text
    assert "| packstats | 4,000 (3,000–5,000) | 100 |  |" in text
    assert "| nginx | 10,000 | 25 | 0.40 |" in text
    assert "Without FastAPI + httpx: httpx is not installed." in text
    assert "| throughput, of nginx's | ≥ 0.3 × | 0.4 (0.3–0.5) × | reached |" in text
    assert "| throughput, of FastAPI + httpx's | ≥ 10 × |  | not measured |" in text


def test_a_page_just_written_is_in_step_and_writing_again_changes_nothing(pages: Path) -> None:
    report.main(None, check=False)
    once = (pages / "performance.md").read_text()

    assert report.main(None, check=True) == 0
    report.main(None, check=False)
    assert (pages / "performance.md").read_text() == once


@pytest.mark.parametrize("file", ["performance.md", "performance/proxy-throughput.svg"])
def test_one_changed_figure_is_out_of_step(pages: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    report.main(None, check=False)
    changed = (pages / file).read_text().replace("4,000", "4,001")
    (pages / file).write_text(changed)

    assert report.main(None, check=True) == 1
    assert file in capsys.readouterr().err


def test_a_missing_plot_and_one_too_many_are_out_of_step(pages: Path) -> None:
    report.main(None, check=False)
    (pages / "performance" / "proxy-cpu.svg").rename(pages / "performance" / "proxy-latency.svg")

    assert report.main(None, check=True) == 1


def test_what_was_measured_has_a_place(pages: Path) -> None:
    write(pages / "results" / "b.json", results(sample("packstats", 1, "reads-300", p99_ms=1)))

    with pytest.raises(BenchError, match="no place for reads-300"):
        report.main(pages / "results" / "b.json", check=False)


def test_without_results_the_page_says_so(pages: Path) -> None:
    (pages / "results" / "a.json").unlink()

    assert report.main(None, check=False) == 0
    assert report.main(None, check=True) == 0
    assert "Not measured yet." in (pages / "performance.md").read_text()


def chart(made: Results) -> str:
    drawn = plots.svg(Chart("x.svg", "Packs & <more>", "per_s", (MEASUREMENT,)), made)
    assert drawn is not None
    return drawn


def test_a_plot_is_well_formed_and_readable_on_light_and_dark() -> None:
    drawn = chart(MADE)

    root = ET.fromstring(drawn)
    assert root.attrib["aria-label"] == "Packs & <more>"
    assert "prefers-color-scheme:dark" in drawn
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"packstats", "nginx", "4,000", "10,000"} <= set(texts)


def test_the_longest_bar_is_the_highest_median() -> None:
    bars = {
        each.attrib["class"]: float(each.attrib["width"])
        for each in ET.fromstring(chart(MADE)).iter("{http://www.w3.org/2000/svg}rect")
    }

    assert bars["product"] / bars["other"] == pytest.approx(0.4, abs=0.001)


def test_nothing_is_drawn_of_nothing() -> None:
    assert plots.svg(Chart("x.svg", "t", "p99_ms", (MEASUREMENT,)), MADE) is None
