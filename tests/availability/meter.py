"""Packs at a constant rate, whatever becomes of them, each timed from the moment at which it was to be sent.

An open loop: a proxy that is slow gets the next request all the same, and what waits for a slow one counts as slow. That
an answer is upstream's own, to the byte, is told by itself: it carries a digest of its other bytes, and one of the request.
"""

import asyncio
import hashlib
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Self

import aiohttp

from tests.support.load import Shot, pack_body

REPLY_WITHIN_S = 60
NO_REPLY = "no reply"
_FACILITIES = 50
_FINGERPRINT = re.compile(rb',"(packUuid|requestFingerprint|responseFingerprint)":"([0-9a-f]{128})"')


def is_upstreams(body: bytes, request: bytes) -> bool:
    """Whether these are the bytes that upstream answered this request with."""
    found = {name: value.decode() for name, value in _FINGERPRINT.findall(body)}
    rest = _FINGERPRINT.sub(b"", body)
    return (
        found.get(b"requestFingerprint") == hashlib.blake2b(request).hexdigest()
        and found.get(b"responseFingerprint") == hashlib.blake2b(rest).hexdigest()
    )


@dataclass(slots=True)
class Sample:
    """One request. `seconds` is from when it was to be sent; None where no whole reply came."""

    due_s: float  # of the monotonic clock
    seconds: float | None = None
    good: bool = False  # upstream's status and bytes
    promised: bool = False  # with X-Event-ID
    said: str = NO_REPLY


@dataclass(slots=True)
class Meter:
    """Sends between `with` and its end, from a thread of its own."""

    url: str
    rate_per_s: float
    samples: list[Sample] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send_all()), name="meter")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def between(self, began_s: float, ended_s: float) -> list[Sample]:
        """The requests that were to be sent then."""
        return [sample for sample in self.samples if began_s <= sample.due_s < ended_s]

    def await_replies(self, began_s: float, ended_s: float, within_s: float) -> None:
        """Until the requests that were to be sent then have their replies, or have waited that long."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and any(
            s.seconds is None and s.said == NO_REPLY for s in self.between(began_s, ended_s)
        ):
            time.sleep(0.1)

    async def _send_all(self) -> None:
        try:
            timeout = aiohttp.ClientTimeout(total=REPLY_WITHIN_S)
            connector = aiohttp.TCPConnector(limit=0)
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=connector) as http,
                asyncio.TaskGroup() as tasks,
            ):
                await self._pace(http, tasks)
        except BaseException as failure:  # noqa: BLE001  # raised again where the meter ends
            self._failure = failure

    async def _pace(self, http: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> None:
        run, began, sent = secrets.token_hex(3), time.monotonic(), 0
        while not self._stop.is_set():
            due = began + sent / self.rate_per_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            sent += 1
            key = f"{run}{sent % _FACILITIES:04x}".ljust(40, "k")
            shot = Shot(f"{run}-{sent}", key, pack_body(1 + sent % 9, f"{run}-{sent}"), "ok")
            sample = Sample(due)
            self.samples.append(sample)
            tasks.create_task(self._send(http, shot, sample))

    async def _send(self, http: aiohttp.ClientSession, shot: Shot, sample: Sample) -> None:
        headers = {name: value for name, value in shot.headers.items() if name != "X-Sandbox"}
        try:
            async with http.post(f"{self.url}/pack", data=shot.body, headers=headers) as reply:
                body = await reply.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            sample.said = type(error).__name__
            return
        sample.seconds = time.monotonic() - sample.due_s
        sample.promised = "X-Event-ID" in reply.headers
        sample.good = reply.status == 200 and is_upstreams(body, shot.body)
        sample.said = str(reply.status)
