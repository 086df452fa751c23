"""Open-loop load: requests go out at fixed times whatever became of those before, as facilities send them.

Latency counts from the moment a request was due, so that a stall shows in all requests it delayed, not only in those
that were under way (no coordinated omission). `python -m bench.open_loop --help`; prints one line of JSON.
"""

import argparse
import asyncio
import gc
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httptools
import msgspec

from bench.due_times import DueTimes
from bench.percentiles import nearest_rank

_ANSWERED_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    url: str
    body: bytes
    rate: float  # requests per second, evenly spaced
    seconds: float
    facilities: int = 300


class Outcome(msgspec.Struct, frozen=True):
    """What became of the requests; percentiles are exact, over those answered 2xx."""

    due: int
    answered: int
    refused: int  # answered otherwise
    lost: int  # no connection, broken off, or no answer in time
    connections: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    late_p99_ms: float  # from due to sent: what the generator itself added


@dataclass(slots=True)
class Tally:
    latencies_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    refused: int = 0
    lost: int = 0
    connections: int = 0


class Connection(asyncio.Protocol):
    """One connection; takes one request at a time, and gives itself back to the pool after the answer."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._due: float | None = None

    def send(self, request: bytes, due: float) -> None:
        assert self._transport is not None
        self._due = due
        self._load.tally.late_s.append(self._load.now() - due)
        self._transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._load.tally.connections += 1

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_message_complete(self) -> None:
        due, self._due = self._due, None
        if due is None or self._parser.get_status_code() < 200:
            self._due = due
            return
        self._load.answered(due, self._parser.get_status_code())
        if self._parser.should_keep_alive():
            self._parser = httptools.HttpResponseParser(self)
            self._load.idle.append(self)
        else:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        if self._due is not None:
            self._due = None
            self._load.lost()
        elif self in self._load.idle:
            self._load.idle.remove(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Load:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.tally = Tally()
        self.idle: deque[Connection] = deque()
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._requests = requests(plan)
        self._open = 0
        self._all_settled = asyncio.Event()
        self._connecting: set[asyncio.Task[None]] = set()
        address = urlsplit(plan.url)
        self._host, self._port = address.hostname or "", address.port or 80

    def now(self) -> float:
        return self._loop.time()

    async def run(self) -> Outcome:
        count = round(self._plan.rate * self._plan.seconds)
        self._open = count
        began = self.now() + 0.05
        times = (began + number / self._plan.rate for number in range(count))
        async with DueTimes(times) as due_times:
            number = 0
            async for due in due_times:
                self._send(self._requests[number % len(self._requests)], due)
                number += 1
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN_S if self._open else None):
                if self._open:
                    await self._all_settled.wait()
        except TimeoutError:
            self.tally.lost += self._open
        for connection in list(self.idle):
            connection.close()
        return self._outcome(count)

    def answered(self, due: float, status: int) -> None:
        if 200 <= status < 300:
            self.tally.latencies_s.append(self.now() - due)
        else:
            self.tally.refused += 1
        self._settle()

    def lost(self) -> None:
        self.tally.lost += 1
        self._settle()

    def _send(self, request: bytes, due: float) -> None:
        if self.idle:
            self.idle.pop().send(request, due)
            return
        task = self._loop.create_task(self._connect(request, due))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, request: bytes, due: float) -> None:
        try:
            _, connection = await self._loop.create_connection(self._new_connection, self._host, self._port)
        except OSError:
            self.lost()
        else:
            connection.send(request, due)

    def _new_connection(self) -> Connection:
        return Connection(self)

    def _settle(self) -> None:
        self._open -= 1
        if not self._open:
            self._all_settled.set()

    def _outcome(self, count: int) -> Outcome:
        latencies, late = sorted(self.tally.latencies_s), sorted(self.tally.late_s)
        p50, p90, p99, most = (nearest_rank(latencies, share) * 1e3 for share in (0.5, 0.9, 0.99, 1))
        return Outcome(
            count,
            len(latencies),
            self.tally.refused,
            self.tally.lost,
            self.tally.connections,
            p50,
            p90,
            p99,
            most,
            nearest_rank(late, 0.99) * 1e3,
        )


def requests(plan: Plan) -> list[bytes]:
    """The bytes of the same pack for every facility."""
    address = urlsplit(plan.url)
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    return [
        (
            f"POST {target} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
            f"Authorization: apikey f{number:09d}_key_of_the_measurements\r\nContent-Length: {len(plan.body)}\r\n\r\n"
        ).encode()
        + plan.body
        for number in range(plan.facilities)
    ]


async def generate(plan: Plan) -> Outcome:
    """Send everything and wait for the answers."""
    return await Load(plan).run()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.open_loop", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("body", type=Path, help="file with the request's body")
    parser.add_argument("--rate", type=float, default=200, help="requests per second (200)")
    parser.add_argument("--seconds", type=float, default=10, help="how long (10)")
    asked = parser.parse_args()
    gc.disable()  # a collection would delay sends, and nothing here makes cycles
    outcome = asyncio.run(generate(Plan(asked.url, asked.body.read_bytes(), asked.rate, asked.seconds)))
    if not outcome.answered:
        print(f"none of {outcome.due} requests was answered", file=sys.stderr)
        return 1
    print(msgspec.json.encode(outcome).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
