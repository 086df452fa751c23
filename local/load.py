"""Packs from many facilities through a real proxy, with a tally of what was sent and how soon it could be read."""

import asyncio
import itertools
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp
import msgspec

from common.errors import PackstatsError

_SENDERS = 32
_PROBES = 5
_PROBE_LOOKS_EVERY_S = 0.1
_VISIBLE_WITHIN_S = 60.0


class UnexpectedAnswerError(PackstatsError):
    """The API answered with something that the documentation does not say."""


class PackReply(msgspec.Struct, rename="camel"):
    """What the load needs of the statistics of a pack."""

    total_items: float


class Totals(msgspec.Struct, rename="camel"):
    """What the load needs of the totals of a facility, or of all."""

    total_requests: int = 0
    total_items: float = 0
    lag_events: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """How much to send."""

    facilities: int
    seconds: float
    rate: float  # packs per second, all facilities together


@dataclass(slots=True)
class Tally:
    """What was sent, by keystem, and what came of it."""

    packs: Counter[str] = field(default_factory=Counter)
    items: Counter[str] = field(default_factory=Counter)
    without_event: int = 0  # answered, but not as counted
    without_reply: int = 0
    freshness_s: list[float] = field(default_factory=list)


class Client:
    """The few calls of the API that the load makes."""

    def __init__(self, proxy: str, http: aiohttp.ClientSession) -> None:
        self._proxy = proxy
        self._http = http

    async def pack(self, key: str, quantity: int) -> PackReply | None:
        """Send one pack; None if the reply does not promise that it is counted."""
        content = {
            "itemSets": [{"refId": 1, "quantity": quantity, "weight": 0.5, "dimensions": {"x": 4, "y": 3, "z": 2}}],
            "boxTypes": [{"refId": 0, "name": "small", "weightMax": 20, "dimensions": {"x": 12, "y": 10, "z": 6}}],
            "includeImages": False,
        }
        headers = {"Authorization": f"apikey {key}"}
        async with self._http.post(f"{self._proxy}/?view=stats", json=content, headers=headers) as reply:
            body = await reply.read()
            if "X-Event-ID" not in reply.headers:
                return None
            return msgspec.json.decode(body, type=PackReply)

    async def totals(self, keystem: str) -> Totals:
        """The totals of a facility, or of `all`; zeros where nothing is counted yet."""
        async with self._http.get(f"{self._proxy}/api/keydata/{keystem}") as reply:
            body = await reply.read()
            if reply.status == 404:
                return Totals()
            if reply.status != 200:
                raise UnexpectedAnswerError(f"GET /api/keydata/{keystem} answered {reply.status}: {body[:200]!r}")
            return msgspec.json.decode(body, type=Totals)


class Sending:
    """One run of a load: keys that no earlier run used, senders at a steady rate, and probes of freshness."""

    def __init__(self, load: Load, client: Client) -> None:
        self._load = load
        self._client = client
        run = secrets.token_hex(3)
        self.keys = [_key(f"d{run}{number:03x}") for number in range(load.facilities)]
        self._probe_keys = [_key(f"p{run}{number:03x}") for number in range(_PROBES)]
        self.tally = Tally()
        self._turns = itertools.cycle(range(load.facilities))

    async def run(self) -> None:
        """Send until the time is over and every probe has seen its pack."""
        until = time.monotonic() + self._load.seconds
        due_times = self._due_times(until)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_SENDERS):
                tasks.create_task(self._send(due_times))
            for key in self._probe_keys:
                tasks.create_task(self._probe(key, until))

    def _due_times(self, until: float) -> Iterator[float]:
        due = time.monotonic()
        while due < until:
            yield due
            # Where the machine is too slow for the rate, the load falls behind instead of piling up.
            due = max(due + 1 / self._load.rate, time.monotonic() - 1)

    async def _send(self, due_times: Iterator[float]) -> None:
        for due in due_times:
            await asyncio.sleep(due - time.monotonic())
            turn = next(self._turns)
            await self._send_one(self.keys[turn], 1 + turn % 30)

    async def _send_one(self, key: str, quantity: int) -> bool:
        try:
            reply = await self._client.pack(key, quantity)
        except (aiohttp.ClientError, TimeoutError):
            self.tally.without_reply += 1
            return False
        if reply is None:
            self.tally.without_event += 1
            return False
        self.tally.packs[keystem_of(key)] += 1
        self.tally.items[keystem_of(key)] += int(reply.total_items)
        return True

    async def _probe(self, key: str, until: float) -> None:
        keystem = keystem_of(key)
        while time.monotonic() < until:
            await asyncio.sleep(random.uniform(0.1, 0.9))  # noqa: S311  # so that probes fall anywhere between two flushes
            began = time.monotonic()
            if await self._send_one(key, 1):
                await self._visible(keystem, began)
                self.tally.freshness_s.append(time.monotonic() - began)

    async def _visible(self, keystem: str, began: float) -> None:
        while (await self._client.totals(keystem)).total_requests < self.tally.packs[keystem]:
            if time.monotonic() - began > _VISIBLE_WITHIN_S:
                raise UnexpectedAnswerError(f"a pack of {keystem} was not counted within {_VISIBLE_WITHIN_S:.0f} s")
            await asyncio.sleep(_PROBE_LOOKS_EVERY_S)


def keystem_of(key: str) -> str:
    """The public part of a key, by Paccurate's rule."""
    return key[:10]


def nearest_rank(values: list[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = max(1, -int(-share * len(ordered) // 1))
    return ordered[rank - 1]


def _key(keystem: str) -> str:
    assert len(keystem) == 10
    return f"{keystem}_local_demo_key"
