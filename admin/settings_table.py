"""`settings`: every setting of every process, from the models that check them; the README's table is this output."""

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import aggregator.settings
import local.settings
import proxy.settings
import sandbox.settings
from common.settings import ProcessSettings, SettingRow, rows

MODELS: tuple[type[ProcessSettings], ...] = (
    proxy.settings.Settings,
    aggregator.settings.AggregatorSettings,
    sandbox.settings.Settings,
    local.settings.LocalSettings,
)


def run(console: Console, *, markdown: bool) -> None:
    if markdown:
        print(as_markdown())
    else:
        console.print(_table())


def as_markdown() -> str:
    """The table between the markers of the README."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| name | default | meaning |"
    yield "|---|---|---|"
    for row in rows(*MODELS):
        meaning = row.meaning.replace("|", "\\|")
        yield f"| `{row.name}` | {_default(row)} | {meaning} |"


def _table() -> Table:
    table = Table("name", "default", "meaning")
    for row in rows(*MODELS):
        table.add_row(row.name, escape(_default(row)), escape(row.meaning))
    return table


def _default(row: SettingRow) -> str:
    return row.default or "unset"
