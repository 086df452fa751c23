"""Open-loop load that remembers of every reply when it came and which event it promised.

`python -m bench.aggregator.event_load URL BODY --rate 200 --seconds 10 --out FILE`: a line for each, moment and event id.
"""

import argparse
import asyncio
import gc
import sys
import time
from pathlib import Path

import msgspec

from bench.open_loop import Connection, Load, Plan


class EventConnection(Connection):
    """Looks for X-Event-ID."""

    def __init__(self, load: "EventLoad") -> None:
        super().__init__(load)
        self._replies = load.replies
        self._event_id: bytes | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-event-id":
            self._event_id = value

    def on_message_complete(self) -> None:
        event_id, self._event_id = self._event_id, None
        if event_id is not None:
            self._replies.append((time.time(), event_id.decode()))
        super().on_message_complete()


class EventLoad(Load):
    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.replies: list[tuple[float, str]] = []

    def _new_connection(self) -> EventConnection:
        return EventConnection(self)


async def _generate(plan: Plan, out: Path) -> None:
    load = EventLoad(plan)
    outcome = await load.run()
    with out.open("w") as file:
        file.writelines(f"{moment:.6f} {event_id}\n" for moment, event_id in load.replies)
    print(msgspec.json.encode(outcome).decode())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.aggregator.event_load", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("body", type=Path)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    gc.disable()
    asyncio.run(_generate(Plan(asked.url, asked.body.read_bytes(), asked.rate, asked.seconds), asked.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
