"""Packs from many facilities at a steady rate, whatever becomes of them, with every intention and reply in a ledger.

Runs in a thread of its own, so that a test can break things meanwhile. The rate is kept whether or not replies come:
a proxy that is away is asked all the same, and what it does not answer is in the ledger as not answered.
"""

import asyncio
import itertools
import json
import random
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import aiohttp

from tests.support.eventually import eventually
from tests.support.ledger import Entry, Ledger

_STEM_LENGTH = 10
_REPLY_WITHIN_S = 60
# One in ten is not packed, so that every outcome is under way when something breaks. The sandbox does as it is told.
_TROUBLES = ("status=422", "status=503", "garbage", "drop", "status=429; header=Retry-After:1")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to send."""

    rate_per_s: float = 80
    facilities: int = 12
    trouble_share: float = 0.1
    upstream_ms: int = 0  # how long upstream takes for each
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Shot:
    """One request of a load."""

    request_id: str
    key: str
    body: bytes
    steer: str  # how the sandbox is to answer

    @property
    def keystem(self) -> str:
        return self.key[:_STEM_LENGTH]

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"apikey {self.key}",
            "Content-Type": "application/json",
            "X-Request-ID": self.request_id,
            "X-Sandbox": self.steer,
        }


def shots(plan: Plan, run: str) -> Iterator[Shot]:
    """The requests of a plan, without end; `run` sets the keys and request ids of this run apart from all others."""
    chance = random.Random(plan.seed)
    keys = [f"{run}{number:04x}".ljust(40, "k") for number in range(plan.facilities)]
    number = 0
    while True:
        number += 1
        quantity = chance.randint(1, 9)
        fate = chance.choice(_TROUBLES) if chance.random() < plan.trouble_share else "ok"
        steer = f"{fate}; delay={plan.upstream_ms}"
        yield Shot(f"{run}-{number}", chance.choice(keys), pack_body(quantity, f"{run}-{number}"), steer)


def pack_body(quantity: int, order: str) -> bytes:
    """A pack that the sandbox fits into one or two boxes."""
    return json.dumps(
        {
            "requestId": order,
            "orderId": order,
            "itemSets": [{"refId": 1, "quantity": quantity, "weight": 0.5, "dimensions": {"x": 4, "y": 3, "z": 2}}],
            "boxTypes": [
                {"refId": 3, "name": "small", "weightMax": 20, "price": 31, "dimensions": {"x": 8, "y": 6, "z": 4}}
            ],
            "includeImages": False,
        }
    ).encode()


class Load:
    """A load that is on its way between `with` and its end, over one proxy or several in turn."""

    def __init__(self, plan: Plan, *urls: str) -> None:
        self.ledger = Ledger()
        self._plan = plan
        self._urls = itertools.cycle(urls)
        self._run = secrets.token_hex(3)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send_all()), name="load")
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more, and wait for the replies that are still to come."""
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    @property
    def replied(self) -> int:
        """How many replies came that promise to be counted."""
        return len(self.ledger.counted_for_sure)

    def wait_replies(self, more: int, deadline_s: float = 60) -> None:
        """Until so many more of those came."""
        want = self.replied + more
        eventually(lambda: self.replied >= want or self._failure is not None, deadline_s)

    async def _send_all(self) -> None:
        try:
            timeout = aiohttp.ClientTimeout(total=_REPLY_WITHIN_S)
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http,
                asyncio.TaskGroup() as tasks,
            ):
                began = time.monotonic()
                for sent, shot in enumerate(shots(self._plan, self._run), 1):
                    if self._stop.is_set():
                        break
                    tasks.create_task(self._send(http, shot, self.ledger.intend(shot.request_id, shot.keystem)))
                    await asyncio.sleep(max(0.0, began + sent / self._plan.rate_per_s - time.monotonic()))
        except BaseException as failure:  # noqa: BLE001  # raised again by `stop`, in the test's own thread
            self._failure = failure

    async def _send(self, http: aiohttp.ClientSession, shot: Shot, entry: Entry) -> None:
        try:
            async with http.post(next(self._urls), data=shot.body, headers=shot.headers) as reply:
                await reply.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            entry.failure = type(error).__name__
            return  # no whole reply: it may be counted or not, once at most
        entry.status, entry.event_id = reply.status, reply.headers.get("X-Event-ID")
