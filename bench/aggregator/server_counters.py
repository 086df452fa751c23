"""What MongoDB's own counters say that a piece of work cost it."""

from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient

from bench.process_cost import cost


@dataclass(frozen=True, slots=True)
class Counters:
    """Since the server began."""

    inserts: int
    updates: int  # each document's own, also those sent together
    commands: int  # messages, roughly
    cpu_s: float

    def __sub__(self, other: "Counters") -> "Counters":
        return Counters(
            self.inserts - other.inserts,
            self.updates - other.updates,
            self.commands - other.commands,
            self.cpu_s - other.cpu_s,
        )


def counters(client: MongoClient[dict[str, Any]]) -> Counters:
    status = client.admin.command("serverStatus")
    operations = status["opcounters"]
    return Counters(
        int(operations["insert"]), int(operations["update"]), int(operations["command"]), cost(int(status["pid"])).cpu_s
    )
