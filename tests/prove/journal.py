"""The journal of a campaign: what was about to be asked and what was replied, on disk before it is asked.

A line is JSON: `["ask", request id, keystem]` or `["reply", request id, status, event id]`. What is about to be asked
is made durable in groups before the first of a group is sent; replies become durable with the next group.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from tests.support.ledger import Entry, Ledger


class Journal:
    """One thread appends."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def ask(self, entries: Iterable[Entry]) -> None:
        """Write down what is about to be asked; blocks until that, and every reply before it, is durable."""
        for entry in entries:
            self._write("ask", entry.request_id, entry.keystem)
        self._file.flush()
        os.fsync(self._file.fileno())

    def reply(self, entry: Entry) -> None:
        self._write("reply", entry.request_id, entry.status, entry.event_id)

    def close(self) -> None:
        self.ask(())
        self._file.close()

    def _write(self, *line: str | int | None) -> None:
        self._file.write(json.dumps(line) + "\n")


def read(path: Path) -> Ledger:
    """The ledger that a journal holds; a last line that was cut off by a death of the campaign is left out."""
    ledger = Ledger()
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if not line.endswith("\n"):
                break
            what, request_id, *rest = json.loads(line)
            if what == "ask":
                ledger.intend(request_id, rest[0])
            else:
                entry = ledger.entries[request_id]
                entry.status, entry.event_id = rest
    return ledger
