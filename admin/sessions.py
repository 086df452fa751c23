"""`sessions`: which runs of proxies aggregators remember, and which of their events were folded."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from pymongo.database import Database
from rich.console import Console
from rich.table import Table

from admin import positions
from admin.required import required
from admin.servers import mongo
from admin.settings import Settings
from common import progress
from common.identity import started_ms
from common.mongo import Document


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """`upto` and `ranges` are the sequence numbers that were folded; `missing` is how many lie between them."""

    session: str
    partition: int
    upto: int
    ranges: tuple[tuple[int, int], ...]
    missing: int
    log_time: datetime  # of its last record
    began: datetime | None

    @classmethod
    def of(cls, partition: int, session: str, document: Document) -> "SessionStatus":
        ranges = tuple((int(first), int(last)) for first, last in document["ranges"])
        upto, began = int(document["upto"]), started_ms(session)
        above = sum(last - first + 1 for first, last in ranges)
        return cls(
            session=session,
            partition=partition,
            upto=upto,
            ranges=ranges,
            missing=ranges[-1][1] - upto - above if ranges else 0,
            log_time=document["log_time"],
            began=None if began is None else progress.moment_of(began),
        )


def run(settings: Settings, console: Console, partition: int | None, limit: int, *, as_json: bool) -> None:
    """Raises StartupError where MongoDB does not answer."""
    with mongo(settings.mongo) as client, required():
        found = [
            session
            for session in _of_topic(client[settings.mongo.database], settings.kafka.topic)
            if partition in {None, session.partition}
        ]
    found.sort(key=lambda session: (session.log_time, session.session), reverse=True)
    if as_json:
        shown = [asdict(session) for session in found[:limit]]
        print(json.dumps({"total": len(found), "sessions": shown}, indent=1, default=str))
        return
    console.print(_table(found[:limit], datetime.now(UTC)))
    console.print(f"{min(limit, len(found))} of {len(found)}, the latest first")


def _of_topic(database: Database[Document], topic: str) -> Iterator[SessionStatus]:
    """Those that count now: of a topic that was made anew, not those of the one before."""
    for partition, position in sorted(positions.newest(database, topic).items()):
        prefix = f"{position['_id']}:"
        found = database[progress.SESSIONS].find({"_id": {"$gte": prefix, "$lt": f"{position['_id']};"}})
        for document in found:
            yield SessionStatus.of(partition, document["_id"].removeprefix(prefix), document)


def _table(sessions: list[SessionStatus], now: datetime) -> Table:
    table = Table("session", "partition", "upto", "ranges above", "missing", "last log time", "age", title="sessions")
    for each in sessions:
        table.add_row(
            each.session,
            str(each.partition),
            str(each.upto),
            _short(each.ranges),
            str(each.missing),
            f"{each.log_time:%Y-%m-%d %H:%M:%S}",
            "unknown" if each.began is None else _age(now - each.began),
        )
    return table


def _short(ranges: tuple[tuple[int, int], ...], most: int = 3) -> str:
    shown = [f"{first}-{last}" if last > first else str(first) for first, last in ranges[:most]]
    more = [f"… {len(ranges) - most} more"] if len(ranges) > most else []
    return ", ".join(shown + more) or "-"


def _age(age: timedelta) -> str:
    seconds = max(0.0, age.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
