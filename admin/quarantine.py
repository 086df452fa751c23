"""`quarantine list`: the records that could not be folded, newest first, with why; in JSON also what they are."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
from pymongo.collection import Collection
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from admin.refusal import RefusalError
from admin.required import required
from admin.servers import mongo
from admin.settings import Settings
from common import progress
from common.mongo import Document

# What still waits for a person.
WAITING: Document = {"cleared": {"$ne": True}, "retry.sent_at": None, "discarded": None}


@dataclass(frozen=True, slots=True)
class Held:
    id: str
    partition: int
    offset: int
    log_time: datetime
    reason: str
    keystem: str | None
    session: str | None
    seq: int | None
    cleared: bool  # by a delete of the keystem
    state: str
    key_base64: str | None
    value_base64: str | None
    size: int


def run(settings: Settings, console: Console, limit: int, *, as_json: bool) -> None:
    """Raises StartupError where MongoDB does not answer."""
    with mongo(settings.mongo) as client, required():
        collection = client[settings.mongo.database][progress.QUARANTINE]
        held, total = list(_newest(collection, limit)), collection.count_documents({})
    if as_json:
        print(json.dumps({"total": total, "records": msgspec.to_builtins(held)}, indent=1, default=str))
        return
    console.print(_table(held))
    console.print(f"{len(held)} of {total} records")


def find(collection: Collection[Document], topic: str, name: str) -> Document:
    """The record of that id, or of `PARTITION:OFFSET` of this topic. Raises RefusalError where that is not one."""
    place = name.split(":")
    wanted: Document = {"_id": name}
    if len(place) == 2 and all(part.isdecimal() for part in place):
        wanted = {"topic": topic, "partition": int(place[0]), "offset": int(place[1])}
    found = list(collection.find(wanted, limit=2))
    if len(found) == 1:
        return found[0]
    if not found:
        raise RefusalError(f"{name}: there is no such record; python -m admin quarantine list shows those there are")
    raise RefusalError(f"{name} was read more than once: say which, by the id that quarantine list --json shows")


def state_of(document: Document) -> str:
    """What became of a record since, in the words of the list."""
    if document.get("discarded"):
        return "discarded"
    if document.get("retry"):
        return "retried" if document["retry"].get("sent_at") else "retry not finished"
    return "cleared by a delete" if document.get("cleared") else "held"


def printable(text: str) -> str:
    """Text of strangers, which is not to move the cursor of an operator's terminal."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _newest(collection: Collection[Document], limit: int) -> Iterator[Held]:
    for document in collection.find(sort=[("log_time", -1), ("_id", 1)], limit=limit):
        key, value = document.get("key"), document.get("value")
        yield Held(
            id=document["_id"],
            partition=int(document["partition"]),
            offset=int(document["offset"]),
            log_time=document["log_time"],
            reason=document["reason"],
            keystem=document.get("keystem"),
            session=document.get("session"),
            seq=None if document.get("seq") is None else int(document["seq"]),
            cleared=bool(document.get("cleared")),
            state=state_of(document),
            key_base64=base64_of(key),
            value_base64=base64_of(value),
            size=len(value or b""),
        )


def base64_of(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _table(held: list[Held]) -> Table:
    table = Table("partition", "offset", "log time", "keystem", "bytes", "reason", "state", title="quarantine")
    for each in held:
        moment = f"{each.log_time:%Y-%m-%d %H:%M:%S}"
        keystem, reason = escape(printable(each.keystem or "-")), escape(printable(each.reason))
        table.add_row(str(each.partition), str(each.offset), moment, keystem, str(each.size), reason, each.state)
    return table
