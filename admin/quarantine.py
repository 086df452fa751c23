"""`quarantine list`: the records that could not be folded, newest first, with why; in JSON also what they are."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
from pymongo.collection import Collection
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from admin.servers import mongo
from admin.settings import Settings
from admin.waiting import reason_of
from common import progress
from common.errors import StartupError
from common.mongo import Document


@dataclass(frozen=True, slots=True)
class Held:
    partition: int
    offset: int
    log_time: datetime
    reason: str
    keystem: str | None
    session: str | None
    seq: int | None
    cleared: bool  # by a delete of the keystem
    key_base64: str | None
    value_base64: str | None
    size: int


def run(settings: Settings, console: Console, limit: int, *, as_json: bool) -> None:
    """Raises StartupError where MongoDB does not answer."""
    with mongo(settings.mongo) as client:
        try:
            collection = client[settings.mongo.database][progress.QUARANTINE]
            held, total = list(_newest(collection, limit)), collection.count_documents({})
        except PyMongoError as error:
            raise StartupError(f"MongoDB: {reason_of(error)}") from error
    if as_json:
        print(json.dumps({"total": total, "records": msgspec.to_builtins(held)}, indent=1, default=str))
        return
    console.print(_table(held))
    console.print(f"{len(held)} of {total} records")


def _newest(collection: Collection[Document], limit: int) -> Iterator[Held]:
    for document in collection.find(sort=[("log_time", -1), ("_id", 1)], limit=limit):
        key, value = document.get("key"), document.get("value")
        yield Held(
            partition=int(document["partition"]),
            offset=int(document["offset"]),
            log_time=document["log_time"],
            reason=document["reason"],
            keystem=document.get("keystem"),
            session=document.get("session"),
            seq=None if document.get("seq") is None else int(document["seq"]),
            cleared=bool(document.get("cleared")),
            key_base64=_base64(key),
            value_base64=_base64(value),
            size=len(value or b""),
        )


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _table(held: list[Held]) -> Table:
    table = Table("partition", "offset", "log time", "keystem", "bytes", "reason", "state", title="quarantine")
    for each in held:
        moment = f"{each.log_time:%Y-%m-%d %H:%M:%S}"
        state = "cleared by a delete" if each.cleared else "held"
        places = (str(each.partition), str(each.offset), moment, escape(each.keystem or "-"), str(each.size))
        table.add_row(*places, escape(each.reason), state)
    return table
