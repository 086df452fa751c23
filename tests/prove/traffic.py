"""Packs and deletes over all proxies at a steady rate while everything around breaks, each in the journal before it is sent.

A few facilities send most of the packs, as in life. Deletes are of a few keystems; the order in which a pack and a
delete count is that of the log, so the judge needs nothing to be held back here.
"""

import asyncio
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiohttp

from tests.prove.journal import Journal
from tests.support.ledger import Entry, Ledger
from tests.support.load import pack_body

GROUP_S = 0.05  # what is due within this time is made durable together
_STEM_LENGTH = 10
# Beside what the sandbox does wrong by itself, which are 5xx, garbage and answers that never come.
_REFUSED_SHARE = 0.03
_REFUSED = ("status=422", "status=429; header=Retry-After:1")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to send."""

    seed: int
    rate_per_s: float = 80
    facilities: int = 300
    deleted: int = 12  # so many of them are deleted now and then
    delete_share: float = 0.01
    reply_within_s: float = 15


@dataclass(frozen=True, slots=True)
class Request:
    method: Literal["POST", "DELETE"]
    entry: Entry
    key: str
    body: bytes = b""
    steer: str = ""

    @property
    def path(self) -> str:
        return "/" if self.method == "POST" else f"/api/keydata/{self.entry.keystem}"

    @property
    def headers(self) -> dict[str, str]:
        headers = {"X-Request-ID": self.entry.request_id}
        if self.method == "POST":
            headers |= {"Authorization": f"apikey {self.key}", "Content-Type": "application/json"}
        return headers | ({"X-Sandbox": self.steer} if self.steer else {})


def requests(plan: Plan, ledger: Ledger) -> Iterator[Request]:
    """The requests of a plan, without end, each in the ledger when it is taken."""
    chance = random.Random(plan.seed)
    run = f"{plan.seed & 0xFFFFFF:06x}"
    keys = [f"{run}{number:04x}".ljust(40, "k") for number in range(plan.facilities)]
    weights = [1 / (rank + 1) for rank in range(plan.facilities)]
    deleted = chance.sample(keys, plan.deleted)
    for number in itertools.count():
        name = f"{run}-{number}"
        if chance.random() < plan.delete_share:
            key = chance.choice(deleted)
            yield Request("DELETE", ledger.intend(name, key[:_STEM_LENGTH]), key)
        else:
            # Those that are deleted get more than their rank gives them, so that there is something to delete.
            key = chance.choice(deleted) if chance.random() < 0.1 else chance.choices(keys, weights)[0]
            body = pack_body(chance.randint(1, 9), name)
            steer = chance.choice(_REFUSED) if chance.random() < _REFUSED_SHARE else ""
            yield Request("POST", ledger.intend(name, key[:_STEM_LENGTH]), key, body, steer)


@dataclass(slots=True)
class Traffic:
    """Sends from `start` to `stop`, in a thread of its own; counters may be read from any thread."""

    plan: Plan
    urls: Sequence[str]
    journal_path: Path
    ledger: Ledger = field(default_factory=Ledger)
    promised: list[str] = field(default_factory=list)  # event ids, in the order of their replies
    statuses: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    sent: int = 0
    failure: BaseException | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="traffic")
        self._thread.start()

    def stop(self) -> None:
        """Send no more and wait for the replies that are still to come. Raises what the thread failed with."""
        self.halt()
        if self.failure is not None:
            raise self.failure

    def halt(self) -> None:
        """The same when something else is wrong already."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    async def _run(self) -> None:
        journal = Journal(self.journal_path)
        timeout = aiohttp.ClientTimeout(total=self.plan.reply_within_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http,
                asyncio.TaskGroup() as tasks,
            ):
                await self._send_all(http, tasks, journal)
        except BaseException as failure:  # noqa: BLE001  # raised again by `stop`, in the thread that asks
            self.failure = failure
        finally:
            journal.close()

    async def _send_all(self, http: aiohttp.ClientSession, tasks: asyncio.TaskGroup, journal: Journal) -> None:
        every_s = 1 / self.plan.rate_per_s
        group = max(1, round(GROUP_S * self.plan.rate_per_s))
        source, turns = requests(self.plan, self.ledger), itertools.cycle(self.urls)
        due = time.monotonic()
        while not self._stop.is_set():
            taken = list(itertools.islice(source, group))
            # On this thread: the journal has one writer, and a request that is not durable must not be sent.
            journal.ask(request.entry for request in taken)
            for request in taken:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                # Where the machine is too slow for the rate, the traffic falls behind instead of piling up.
                due = max(due + every_s, time.monotonic() - 0.5)
                self.sent += 1
                tasks.create_task(self._send(http, next(turns), request, journal))

    async def _send(self, http: aiohttp.ClientSession, url: str, request: Request, journal: Journal) -> None:
        entry = request.entry
        self.in_flight += 1
        try:
            async with http.request(
                request.method, url + request.path, data=request.body or None, headers=request.headers
            ) as reply:
                await reply.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.statuses["no reply"] += 1
            return  # it may be counted or not, once at most
        finally:
            self.in_flight -= 1
        entry.status, entry.event_id = reply.status, reply.headers.get("X-Event-ID")
        journal.reply(entry)
        self.statuses[f"{request.method} {reply.status}"] += 1
        if entry.event_id is not None:
            self.promised.append(entry.event_id)
