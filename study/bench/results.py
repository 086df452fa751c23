"""What a run of the study leaves behind: figures as measured, with the orders, machine, versions and commit they hold for.

Times are milliseconds. Of every case there are percentiles for each repeat, so that spread over repeats can be seen.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.results import Machine

SIZES = ("XS", "S", "M", "L", "XL")
# A list or object that fits such a line is written in one: a case is a line, and versions can be compared.
_LINE = 2000


class Percentiles(msgspec.Struct, frozen=True, array_like=True):
    """Three numbers in a row, as there are tens of thousands of them."""

    p50: float
    p95: float
    p99: float


class Times(msgspec.Struct, frozen=True):
    """Of one case in one repeat. `client` is what the asker waited, `request` and `database` what the answer says."""

    repeat: int
    n: int
    request: Percentiles
    database: Percentiles
    client: Percentiles


class Measured(msgspec.Struct, frozen=True):
    """A case in a condition. `orders` is how many are in its range; `calls` and `rows` what the database was asked."""

    condition: str
    report: str
    who: str | None
    range: str
    orders: int
    calls: int
    rows: int
    repeats: list[Times]


class Failure(msgspec.Struct, frozen=True):
    """A result, too: what was not answered, or not done, and why. `case` is empty where it concerns the condition."""

    condition: str
    case: str
    repeat: int
    reason: str


class Imported(msgspec.Struct, frozen=True):
    orders: int
    lines: int
    load_s: float
    finish_s: float
    orders_per_s: float
    size_bytes: int
    importer_mib: float
    database_mib: float | None


class Memory(msgspec.Struct, frozen=True):
    """Highest of a repeat, whose processes were fresh."""

    repeat: int
    backend_mib: float
    database_mib: float | None


class Arrived(msgspec.Struct, frozen=True):
    """What one `arrive` said: how long an order took to be added, and how late it was."""

    repeat: int
    orders: int
    orders_per_s: float
    add_ms: Percentiles
    late_ms: Percentiles


class Fresh(msgspec.Struct, frozen=True):
    """How long orders took from being sent to being seen in a report, at a rate; `unseen` were not, within a minute."""

    repeat: int
    orders: int
    wanted_per_s: float
    orders_per_s: float
    fresh_ms: Percentiles
    unseen: int


class StageResult(msgspec.Struct, frozen=True):
    """`reason` says why there are no times; `differences` are answers that were not the manifest's."""

    stage: str
    began: str
    commit: str
    imported: Imported | None = None
    verified: int = 0
    differences: list[str] = []
    reason: str | None = None
    measured: list[Measured] = []
    memory: list[Memory] = []
    arrived: list[Arrived] = []
    fresh: list[Fresh] = []
    failures: list[Failure] = []
    plans: dict[str, str] = {}


class Conditions(msgspec.Struct, frozen=True):
    """How it was measured, so that a run can be repeated as it was."""

    repeats: int
    order_seed: int
    timeout_s: float
    cold_s: float
    memory_mib: int
    arriving_per_s: float
    readers: int
    page_cache: str
    who: list[str]


class Results(msgspec.Struct, frozen=True):
    size: str
    seed: int
    checksum: str
    counts: dict[str, int]
    began: str
    took_s: float
    conditions: Conditions
    machine: Machine
    versions: dict[str, str]
    stages: list[StageResult]


def write(path: Path, results: Results) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(_pretty(msgspec.to_builtins(results), ""))
    path.write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> Results:
    return msgspec.json.decode(path.read_bytes(), type=Results)


def read_all(folder: Path) -> list[Results]:
    """The smallest size first."""
    return sorted((read(path) for path in folder.glob("*.json")), key=lambda results: SIZES.index(results.size))


def _pretty(value: Any, indent: str) -> Iterator[str]:
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or (len(line) <= _LINE and indent):
        yield line
        return
    named = isinstance(value, dict)
    entries = value.items() if isinstance(value, dict) else ((None, each) for each in value)
    yield "{" if named else "["
    for number, (name, each) in enumerate(entries):
        yield f"{',' if number else ''}\n{indent} "
        yield f"{json.dumps(name)}: " if named else ""
        yield from _pretty(each, indent + " ")
    yield f"\n{indent}" + ("}" if named else "]")
