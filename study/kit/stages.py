"""Which stages there are, how one is run, and how many lines it differs by from the one it follows."""

import ast
import difflib
import runpy
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from study.kit.settings import StartError

FOLDER = Path(__file__).parent.parent / "stages"
ROOT = FOLDER.parent.parent
# Not part of what a change takes: they tell about the stage, or how to start it.
_ABOUT = frozenset({"README.md", "stage.json", "docker-compose.yml"})


class About(msgspec.Struct, frozen=True):
    """stage.json."""

    title: str
    kind: Literal["start", "quick fix", "rework", "temporary"]
    database: Literal["sqlite", "postgresql", "mongodb", "kafka+mongodb"]
    follows: str | None


class FileChange(msgspec.Struct, frozen=True):
    added: int
    removed: int


class Changes(msgspec.Struct, frozen=True):
    stage: str
    follows: str | None
    files: dict[str, FileChange]
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Stage:
    number: str
    folder: Path
    about: About

    @property
    def name(self) -> str:
        return self.folder.name


def all_stages() -> list[Stage]:
    """In order."""
    return [
        Stage(path.parent.name[:2], path.parent, msgspec.json.decode(path.read_bytes(), type=About))
        for path in sorted(FOLDER.glob("[0-9][0-9]-*/stage.json"))
    ]


def find(number: str) -> Stage:
    """By number or by name."""
    known = all_stages()
    for stage in known:
        if number in (stage.number, stage.name):
            return stage
    raise StartError(f"there is no stage {number}; there are {', '.join(stage.name for stage in known)}")


def run(stage: Stage, file: str, arguments: Sequence[str]) -> None:
    """Runs a file of the stage in this process as if it were the program; it ends by SystemExit."""
    sys.path[:0] = [str(stage.folder), str(ROOT)]
    sys.argv = [file, *arguments]
    runpy.run_path(str(stage.folder / file), run_name="__main__")


def changes(stage: Stage) -> Changes:
    """Lines of code that were added to and removed from the stage before; of the first one, all of them."""
    before = find(stage.about.follows).folder if stage.about.follows else None
    names = {path.name for folder in (before, stage.folder) if folder for path in folder.iterdir() if path.is_file()}
    files = {}
    for name in sorted(names - _ABOUT):
        change = _change(_code(before / name) if before else [], _code(stage.folder / name))
        if change.added or change.removed:
            files[name] = change
    added = sum(change.added for change in files.values())
    return Changes(stage.name, stage.about.follows, files, added, sum(change.removed for change in files.values()))


def _change(before: Sequence[str], after: Sequence[str]) -> FileChange:
    lines = list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]
    added = sum(line.startswith("+") for line in lines)
    return FileChange(added, sum(line.startswith("-") for line in lines))


def _code(path: Path) -> list[str]:
    """Lines without comments, docstrings and blank ones; none of a file that is not there."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    prose = set(_docstring_lines(text)) if path.suffix == ".py" else set[int]()
    mark = "--" if path.suffix == ".sql" else "//" if path.suffix == ".js" else "#"
    return [
        line.rstrip()
        for number, line in enumerate(text.splitlines(), start=1)
        if number not in prose and line.strip() and not line.lstrip().startswith(mark)
    ]


def _docstring_lines(text: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            yield from range(first.lineno, (first.end_lineno or first.lineno) + 1)
