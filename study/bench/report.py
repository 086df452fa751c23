"""Writes what was measured into the READMEs and draws the plots, or says whether both are what the results say."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from study.bench import answers, blocks, measured, plots, stage_blocks, tables
from study.bench.answers import NOT_YET
from study.bench.results import Results
from study.kit.settings import StartError
from study.kit.stages import ROOT, all_stages

STUDY = ROOT / "study"
RESULTS = STUDY / "results"
PICTURES = STUDY / "plots"
FIGURES = STUDY / "frontend" / "src" / "compare" / "measured.json"


@dataclass(frozen=True, slots=True)
class Documents:
    """What the files are to hold; None: there is to be no such file."""

    texts: Mapping[Path, str | None]

    def stale(self) -> list[Path]:
        return [path for path, text in self.texts.items() if _content(path) != text]

    def write(self) -> None:
        for path, text in self.texts.items():
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")


def generated(every: Sequence[Results]) -> Documents:
    """All READMEs with their places filled, all plots, and what the front end draws."""
    texts: dict[Path, str | None] = {PICTURES / plot.file: plot.svg(every) for plot in plots.PLOTS}
    texts[FIGURES] = measured.document(every)
    page = STUDY / "README.md"
    texts[page] = _filled(page, _of_study(every, texts))
    for stage in all_stages():
        page = stage.folder / "README.md"
        if page.exists():
            texts[page] = _filled(page, stage_blocks.blocks(stage, every))
    return Documents(texts)


def shown(results: Results) -> str:
    """For a terminal, after a run."""
    alone = [results]
    return "\n\n".join((tables.summary(alone), tables.share(alone), tables.served(alone), tables.failures(alone)))


def _of_study(every: Sequence[Results], texts: Mapping[Path, str | None]) -> dict[str, Callable[[], str]]:
    found = {
        "summary": lambda: tables.summary(every),
        "share": lambda: tables.share(every),
        "growth": lambda: tables.growth(every),
        "served": lambda: tables.served(every),
        "freshness": lambda: tables.freshness(every),
        "failures": lambda: tables.failures(every),
        "measured": lambda: "\n".join(_about(each) for each in every) or NOT_YET,
    }
    for plot in plots.PLOTS:
        picture = f"![{plot.title}](plots/{plot.file})" if texts[PICTURES / plot.file] else NOT_YET
        found[f"plot-{plot.file.removesuffix('.svg')}"] = picture.strip
    return found


def _about(results: Results) -> str:
    machine = results.machine
    versions = ", ".join(f"{name} {value}" for name, value in results.versions.items())
    return (
        f"- {results.size}: {results.counts['orders']:,} orders of {results.counts['tenants']} tenants in "
        f"{results.counts['days']} days, seed {results.seed}; measured {results.began[:10]}, {_repeats(results)}, on "
        f"{machine.cores} cores ({machine.cpu}), {machine.memory_gib} GiB, {machine.kernel}; a small write is on the disk "
        f"after {machine.fsync_ms:g} ms. Page cache before cold questions: {results.conditions.page_cache}. {versions}."
    )


def _repeats(results: Results) -> str:
    """How often, and of how much less than everything: a stage that is slow at a size may be asked less there."""
    stages = defaultdict[tuple[int, int, int], list[str]](list)
    for stage in results.stages:
        repeats = max((len(case.repeats) for case in stage.measured), default=0)
        if repeats:  # else nothing was measured, and why is said elsewhere
            stages[repeats, answers.asked_alone(stage), stage.verified].append(stage.stage[:2])
    said = []
    for (repeats, asked, known), numbers in sorted(stages.items(), reverse=True):
        part = "" if asked == known else f" of {asked} of {known} cases"
        whose = f" (stages {', '.join(sorted(numbers))})" if len(stages) > 1 else ""
        said.append(f"{repeats} repeats{part}{whose}")
    return ", ".join(said)


def _filled(page: Path, content: Mapping[str, Callable[[], str]]) -> str:
    text = page.read_text(encoding="utf-8")
    unknown = [name for name in blocks.names(text) if name not in content]
    if unknown:
        raise StartError(f"{page.relative_to(ROOT)} asks for {', '.join(unknown)}; there are {', '.join(content)}")
    return blocks.fill(text, lambda name: content[name]())


def _content(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
