"""How a status is shown: as tables to a person, as JSON to a program."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from admin.settings import Settings
from admin.status import PartitionStatus, ProxyStatus, Status, gather
from common.errors import StartupError


def run(settings: Settings, console: Console, *, as_json: bool) -> None:
    """Print the status. Raises StartupError, after printing, where MongoDB could not be asked."""
    found = gather(settings)
    if as_json:
        print(json.dumps(msgspec.to_builtins(found), indent=1, default=str))
    else:
        show(found, console, datetime.now(UTC))
    if found.documents.problem is not None:
        raise StartupError(f"MongoDB: {found.documents.problem}")


def show(found: Status, console: Console, now: datetime) -> None:
    if found.documents.partitions:
        console.print(_partitions(found, now))
    table = Table(show_header=False)
    for name, value in _lines(found):
        table.add_row(name, value)
    console.print(table)
    for line in found.attention:
        console.print(f"[bold yellow]attention:[/] {escape(line)}")


def _partitions(found: Status, now: datetime) -> Table:
    table = Table(title=f"topic {found.topic.name}", title_justify="left")
    for name in ("partition", "next offset", "end offset", "lag"):
        table.add_column(name, justify="right")
    for name in ("complete until", "owner", "state"):
        table.add_column(name)
    for each in found.documents.partitions:
        table.add_row(
            str(each.partition),
            str(each.next_offset),
            _known(each.end_offset),
            _known(each.lag),
            _ago(each.complete_until, now),
            escape(each.owner or "-"),
            _state(each),
        )
    return table


def _state(each: PartitionStatus) -> str:
    if each.stopped is None:
        return "ok"
    return f"[bold red]stopped[/]: {escape(f'{each.stopped} ({each.stopped_detail})')}"


def _lines(found: Status) -> Iterator[tuple[str, str]]:
    topic, held = found.topic, found.documents
    yield "Kafka", escape(topic.problem or f"topic id {topic.topic_id}")
    yield "MongoDB", escape(held.problem or "answers")
    yield "lag", _known(found.lag)
    yield "keystems", _known(held.keystems)
    yield "sessions", _known(held.sessions)
    yield "quarantine", f"{_known(held.quarantined)}, and {_known(held.quarantined_cleared)} cleared by a delete"
    yield "proxy", escape(_proxy(found.proxy))
    yield "spool", escape(_spool(found.proxy))


def _proxy(proxy: ProxyStatus) -> str:
    if proxy.ready is None:
        return f"{proxy.address} {proxy.problem}"
    return f"{proxy.address} is {'ready' if proxy.ready.get('ready') else 'not ready'}"


def _spool(proxy: ProxyStatus) -> str:
    spool = (proxy.ready or {}).get("spool")
    if not isinstance(spool, dict):
        return "unknown: only a proxy that answers can tell"
    return ", ".join(f"{name} {_word(value)}" for name, value in spool.items())


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _known(number: int | None) -> str:
    return "unknown" if number is None else str(number)


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "unknown"
    age = max(timedelta(0), now - moment)
    return f"{age.total_seconds():.1f} s ago" if age < timedelta(minutes=2) else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
