"""docs/fault-table.md names tests that exist, and every row names one."""

import ast
import re
from pathlib import Path

REPO = Path(__file__).parents[3]
PAGE = REPO / "docs" / "fault-table.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[str]:
    lines = PAGE.read_text().splitlines()
    found = [line for line in lines if line.startswith("| ") and not line.startswith(("| fault |", "| rule |"))]
    assert len(found) > 30
    return found


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_the_page_names_exists() -> None:
    missing = [
        f"{file}::{name}"
        for file, name in NAMED.findall(PAGE.read_text())
        if not (REPO / file).is_file() or name not in functions(REPO / file)
    ]
    assert missing == []


def test_every_row_names_a_test_and_nothing_else_between_its_last_bars() -> None:
    for row in rows():
        cell = row.rstrip("| ").rpartition(" | ")[2]
        assert NAMED.findall(cell), row
        assert NAMED.sub("", cell).strip(", ") == "", row
