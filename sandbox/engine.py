"""One request from its bytes to the members of its answer: key, syntax, meaning, quota, packing, drawing. Knows nothing of HTTP.

`prepare` is quick and keeps the books, so it belongs to one thread; `finish` may take long for large packs and can run in any.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from sandbox import gojson
from sandbox.answer import Circumstances, answer
from sandbox.boxes import Members
from sandbox.drawing import render
from sandbox.errors import ApiError
from sandbox.keys import DemoQuota, Keys, header_key, stem
from sandbox.model import PackRequest
from sandbox.packing import pack
from sandbox.request import Dialect, body_key, read_request
from sandbox.settings import SandboxSettings
from sandbox.syntax import complaint


@dataclass(frozen=True, slots=True)
class Clock:
    """The time, given from outside: moments since the epoch and a stopwatch, both in nanoseconds."""

    now_ns: Callable[[], int]
    stopwatch_ns: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Order:
    """A request that will be packed."""

    request: PackRequest
    version: tuple[int, ...]
    key_stem: str
    started_ns: int

    @property
    def items(self) -> int:
        return sum(kind.quantity for kind in self.request.kinds)


class Engine:
    """Packs requests under given settings."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._keys = Keys(settings.accepted_keys)
        self._quota = DemoQuota(settings.demo_quota)

    def prepare(self, body: bytes, authorization: str | None, version: tuple[int, ...] | None = None) -> Order:
        """Check a request and understand it. Raises ApiError with what a caller would be told."""
        started_ns = self._clock.now_ns()
        spoken = version or self._settings.version_numbers
        key = header_key(authorization)
        if self._settings.auth_first and key is not None:
            self._check(key)
        decoded = decode(body)
        key = body_key(decoded) or None if key is None else key
        if key is not None:
            self._check(key)
        elif self._settings.without_key == "refuse":
            raise ApiError(401)
        request = read_request(decoded, Dialect(spoken, self._settings.include_images, self._settings.items_max))
        if (
            key is None
            and self._settings.without_key == "quota"
            and not self._quota.admit(gojson.fingerprint(body), started_ns)
        ):
            raise ApiError(429)
        return Order(request, spoken, stem(key or ""), started_ns)

    def finish(self, order: Order) -> Members:
        """Pack, draw and tell."""
        start = self._clock.stopwatch_ns()
        packing = pack(order.request)
        packed = self._clock.stopwatch_ns()
        drawings = render(order.request, packing)
        rendered = self._clock.stopwatch_ns()
        about = Circumstances(
            version=order.version,
            host=self._settings.answered_host,
            key_stem=order.key_stem,
            started_ns=order.started_ns,
            pack_ns=packed - start,
            render_ns=rendered - packed,
            count_leftovers=self._settings.len_items == "all",
        )
        return answer(order.request, packing, drawings, about)

    def _check(self, key: str) -> None:
        if not self._keys.admit(key):
            raise ApiError(401)


def decode(body: bytes) -> Any:
    """The JSON value in a body, whatever its Content-Type said. Raises ApiError 400 in the words of Go's decoder."""
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise ApiError(400, "exceeded max depth") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        wrong = complaint(body)
        if wrong is not None:
            raise ApiError(400, wrong) from error
    # Well-formed, but not for a strict decoder: large numbers are kept, and broken UTF-8 and halves of surrogate pairs replaced, as in Go.
    try:
        lenient = json.loads(body.decode("utf-8", "replace"))
        return json.loads(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "cannot decode request") from error
