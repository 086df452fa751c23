"""`quarantine show`: one record as it is, decoded where it can be, else as bytes, and what may be done with it."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from admin import quarantine, retry_plan
from admin.quarantine import printable, state_of
from admin.refusal import RefusalError
from admin.required import required
from admin.servers import mongo
from admin.settings import Settings
from common import progress
from common.mongo import Document

_LINE_BYTES = 16


def run(settings: Settings, console: Console, name: str, at_most: int, *, as_json: bool) -> None:
    """Raises RefusalError where there is no such record, StartupError where MongoDB does not answer."""
    with mongo(settings.mongo) as client, required():
        collection = client[settings.mongo.database][progress.QUARANTINE]
        document = quarantine.find(collection, settings.kafka.topic, name)
    value, possible = document.get("value") or b"", _possible(document, settings.kafka.partitions)
    if as_json:
        print(json.dumps(_as_json(document, possible, at_most), indent=1, default=str))
        return
    table = Table(show_header=False, title=printable(document["_id"]), title_justify="left")
    for label, text in _lines(document, possible):
        table.add_row(label, escape(printable(text)))
    console.print(table)
    shown = decoded(value, at_most)
    console.print(
        shown if shown is not None else hex_dump(value, at_most), markup=False, highlight=False, soft_wrap=True
    )
    if len(value) > at_most and shown is None:
        console.print(f"… {len(value) - at_most} more bytes: --bytes {len(value)} shows all")


def decoded(value: bytes, at_most: int) -> str | None:
    """The value as indented JSON in ASCII, None where it is none or would be longer than `at_most`."""
    if len(value) > at_most:
        return None
    try:
        return json.dumps(msgspec.json.decode(value), indent=1)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def hex_dump(data: bytes, at_most: int) -> str:
    """The first bytes, sixteen a line: offset, hexadecimal, and what of them is printable ASCII."""
    lines = []
    for offset in range(0, min(len(data), at_most), _LINE_BYTES):
        part = data[offset : min(offset + _LINE_BYTES, at_most)]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{offset:08x}  {part.hex(' '):<{3 * _LINE_BYTES}} {text}")
    return "\n".join(lines)


def _possible(document: Document, partitions: int) -> str:
    """What `retry` would do, or why it would not."""
    try:
        plan = retry_plan.plan(document, partitions, datetime.now(UTC))
    except RefusalError as error:
        return f"not possible: {error}"
    identity = "a new identity" if plan.fresh else "its own identity"
    return f"possible: goes to partition {plan.event.partition} under {identity}{f'; {plan.note}' if plan.note else ''}"


def _lines(document: Document, possible: str) -> list[tuple[str, str]]:
    identity = "not readable"
    if document.get("session") is not None:
        identity = f"{document['session']}.{document['partition']}.{document['seq']}"
    lines = [
        ("reason", document["reason"]),
        ("state", state_of(document)),
        ("log time", f"{document['log_time']:%Y-%m-%d %H:%M:%S} UTC"),
        ("keystem", document.get("keystem") or "not readable"),
        ("identity", identity),
        ("key", ascii((document.get("key") or b"")[:128])[2:-1]),
        ("value", "none" if document.get("value") is None else f"{len(document['value'])} bytes"),
        ("retry", possible),
    ]
    lines += [(name, _flat(document[name])) for name in ("retry", "discarded") if document.get(name)]
    return lines


def _flat(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fields.items())


def _as_json(document: Document, possible: str, at_most: int) -> dict[str, Any]:
    value, key = document.get("value"), document.get("key")
    shown = {name: found for name, found in document.items() if name not in {"value", "key", "_id"}}
    return {
        "id": document["_id"],
        **shown,
        "state": state_of(document),
        "retry_possible": possible,
        "key_base64": quarantine.base64_of(key),
        "value_base64": quarantine.base64_of(None if value is None else value[:at_most]),
        "value_bytes": len(value or b""),
    }
