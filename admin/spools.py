"""`spool list` and `drain`: what processes that are gone left under PROXY__SPOOL_DIR, and sending it without a proxy.

A slot is locked before it is looked into, by the same lock that proxies use: what is held by a running process is
neither opened nor sent. Nothing is ever removed but what Kafka has acknowledged.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from admin.refusal import RefusalError
from admin.required import progress_bar, required
from admin.settings import Settings
from common import progress
from common.errors import StartupError, StorageError
from proxy.adoption import FileSource
from proxy.backoff import Backoff
from proxy.kafka_link import KafkaLink
from proxy.sender import Sender
from proxy.slots import Slot, try_slot
from proxy.spool_file import SpoolFile

_PATIENCE_S = 30.0  # without an acknowledgement


@dataclass(frozen=True, slots=True)
class SlotStatus:
    slot: str
    state: str  # "held" by a running process, or "free"
    bytes: int
    events: int | None = None  # None where only its process can say
    set_aside: int | None = None
    oldest: str | None = None
    problem: str | None = None  # why it could not be read


def show(settings: Settings, console: Console, *, as_json: bool) -> None:
    """Raises StartupError where the folder is not there."""
    slots = [_status(folder) for folder in _folders(settings)]
    if as_json:
        print(json.dumps([asdict(slot) for slot in slots], indent=1))
        return
    table = Table("slot", "state", "events", "oldest", "set aside", "bytes", "remark", title=settings.proxy.spool_dir)
    for each in slots:
        remark = each.problem or ("its process says in /readyz what it holds" if each.state == "held" else "")
        numbers = ["-" if number is None else str(number) for number in (each.events, each.oldest, each.set_aside)]
        table.add_row(each.slot, each.state, *numbers, str(each.bytes), escape(remark))
    console.print(table)


def drain(settings: Settings, console: Console, name: str | None) -> None:
    """Send what one free slot holds, or all of them. Raises RefusalError, StartupError, or StorageError."""
    folders = [folder for folder in _folders(settings) if name in {None, folder.name}]
    if name is not None and not folders:
        raise RefusalError(f"{name}: there is no such slot in {settings.proxy.spool_dir}")
    link = KafkaLink(settings.kafka)
    with required("nothing was sent: what is in the slots stays there"):
        if problems := link.problems():
            raise RefusalError("\n".join(problems))
    for folder in folders:
        with _locked(folder) as slot:
            if slot is not None:
                console.print(f"{folder.name}: {_drain(slot, link)}")
            elif name is not None:
                raise RefusalError(
                    f"{name} is held by a running process, which sends it itself. If that process hangs, stop it first: "
                    f"its slot is free then"
                )


def _folders(settings: Settings) -> list[Path]:
    parent = Path(settings.proxy.spool_dir)
    if not parent.is_dir():
        raise StartupError(f"PROXY__SPOOL_DIR={parent}: there is no such folder here")
    return sorted(folder for folder in parent.glob("slot-[0-9]*") if folder.is_dir())


@contextmanager
def _locked(folder: Path) -> Iterator[Slot | None]:
    """The slot, held while inside; None where a running process holds it."""
    try:
        slot = try_slot(folder)
    except OSError as error:
        raise StartupError(f"{folder}: {error.strerror or error}; nothing was changed") from error
    try:
        yield slot
    finally:
        if slot is not None:
            slot.release()


def _status(folder: Path) -> SlotStatus:
    size = sum(file.stat().st_size for file in folder.glob("spool.db*"))
    with _locked(folder) as slot:
        if slot is None:
            return SlotStatus(folder.name, "held", size)
        if not slot.spool_path.exists():
            return SlotStatus(folder.name, "free", size, events=0, set_aside=0)
        try:
            file = SpoolFile(slot.spool_path)
            file.close()
        except StorageError as error:
            return SlotStatus(folder.name, "free", size, problem=str(error))
        oldest = None if file.oldest_ms is None else f"{progress.moment_of(file.oldest_ms):%Y-%m-%d %H:%M:%S}"
        return SlotStatus(folder.name, "free", size, file.records, file.aside, oldest)


def _drain(slot: Slot, link: KafkaLink) -> str:
    """What was done with it. Raises StartupError where Kafka takes nothing any more."""
    if not slot.spool_path.exists():
        return "holds nothing"
    file = SpoolFile(slot.spool_path)
    before = file.records
    try:
        sender = Sender(FileSource(file), link, Backoff(time.sleep))
        try:
            _send_all(sender, file, slot.name)
        finally:
            sender.close()
    finally:
        file.close()
    if not file.aside:
        slot.clear()  # as a proxy does with what it has adopted
    aside = f"; {file.aside} older than 30 days are set aside and kept" if file.aside else ""
    return f"{before} events sent{aside}" if before else f"holds nothing to send{aside}"


def _send_all(sender: Sender, file: SpoolFile, name: str) -> None:
    left, moved_at = file.records, time.monotonic()
    with progress_bar() as bar:
        task = bar.add_task(name, total=left)
        while not file.empty:
            sender.turn()
            if file.records < left:
                bar.advance(task, left - file.records)
                left, moved_at = file.records, time.monotonic()
            elif time.monotonic() - moved_at > _PATIENCE_S:
                raise StartupError(
                    f"Kafka: {sender.problem or 'acknowledges nothing'}; {left} events stay in {name}, to be sent later"
                )
