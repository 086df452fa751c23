"""POST /: forward a pack, count it, reply; a plain ASGI endpoint, because binding models costs more than the work.

1. read the body whole; a caller that leaves before that has sent nothing
2. judge it, unless the caller wants upstream's own judgement (view `pack`)
3. take a place in the spool: without one upstream is not called
4. call upstream; from here on the pack is counted, whether the caller waits or not
5. derive the event, number it and queue it, in one step
6. wait until it is durable, then reply with its id
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from starlette.types import Receive, Scope, Send

from common.crash_points import CrashPoint, reach
from common.events import OUTCOMES
from common.metrics import PROXY_SECONDS, REQUESTS, UNCOUNTED, UPSTREAM_SECONDS
from proxy import headers, http_date, keystem, views
from proxy.deadline import Within
from proxy.exchange import Answer, Exchange, Failure
from proxy.headers import Headers
from proxy.pack_request import PackRequest
from proxy.pack_stats import TIMED_OUT
from proxy.recorder import EventQueue, Forwarded, Recorded, Recorder
from proxy.request_body import BodyRoom, BodyTooLargeError, CallerGoneError, Held, NoRoomError, read_body
from proxy.settings import Settings
from proxy.spool import SpoolFullError
from proxy.upstream import Upstream
from proxy.views import Reply, View

_NANO = 1_000_000_000
_MILLI = 1_000_000
_BODILESS = frozenset({204, 304})
_SOON = (b"retry-after", b"1")
_COUNTED = {name: REQUESTS.labels(name) for name in OUTCOMES}

_INTERRUPTED = Exchange(Failure(TIMED_OUT, "the proxy was stopped before upstream answered"), 1)

_log = structlog.get_logger()


@dataclass(slots=True)
class Call:
    """One request on its way through. Times are of the monotonic clock."""

    headers: Headers
    query: bytes
    request_id: str
    view: View | None
    started_ns: int
    latency_ns: int = 0
    recorded: Recorded | None = None  # once its event is queued
    replied: bool = False  # its status line is out
    event_id: str | None = None  # only once its event is durable


class PackEndpoint:
    """The ASGI endpoint. One for the process.

    A caller that is still sending takes none of the places of packs: it could hold them as long as it likes.
    """

    def __init__(self, settings: Settings, queue: EventQueue, upstream: Upstream) -> None:
        self._settings = settings.proxy
        self._queue = queue
        self._upstream = upstream
        self._recorder = Recorder(settings, queue)
        self._room = BodyRoom(self._settings.max_held_bytes)
        self._calls = 0
        self._in_flight = 0  # those whose body is here
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received: Headers = scope["headers"]
        query: bytes = scope["query_string"]
        view = views.view_of(scope["path"], query, self._settings.default_view)
        call = Call(received, query, headers.request_id(received), view, time.perf_counter_ns())
        self._calls += 1
        self._idle.clear()
        try:
            with self._room.holding() as held:
                reply = await self._answer(scope["method"], receive, call, held)
            await _send(send, reply, call)
            reach(CrashPoint.REPLIED)
        except CallerGoneError:
            _log.debug("caller_gone", request_id=call.request_id)
        except Exception:  # a mistake of ours, which the server logs
            if call.recorded is not None and call.recorded.durable is not None:
                await asyncio.shield(call.recorded.durable)
                call.event_id = call.recorded.event_id
            if not call.replied:
                await _send(send, views.problem(500, "internal error", None), call)
            raise
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    async def idle(self) -> None:
        """Wait until no request is on its way."""
        await self._idle.wait()

    async def _answer(self, method: str, receive: Receive, call: Call, held: Held) -> Reply:
        if method != "POST":
            return views.problem(405, "packs are sent with POST", None, (b"allow", b"POST"))
        body = await self._received(receive, call, held)
        call.started_ns = time.perf_counter_ns()  # how long a caller takes to send is not our time
        if isinstance(body, Reply):
            return body
        if call.view is None:
            return _refused("no_such_view", 400, "view must be stats, pack or both", call)
        if self._in_flight >= self._settings.max_in_flight:
            return _refused("overloaded", 503, "too many packs at once", call, _SOON)
        self._in_flight += 1
        try:
            return await self._judged(body, call, call.view)
        finally:
            self._in_flight -= 1

    async def _judged(self, body: bytes, call: Call, view: View) -> Reply:
        request = self._recorder.read_request(body)
        if view != "pack" and request.problem is not None:
            return _refused("malformed", request.problem.status, request.problem.message, call)
        return await self._forward(body, request, call, view)

    async def _received(self, receive: Receive, call: Call, held: Held) -> bytes | Reply:
        try:
            with Within(self._settings.body_timeout_s):
                return await read_body(receive, call.headers, self._settings.max_body_bytes, held)
        except BodyTooLargeError:
            limit = self._settings.max_body_bytes
            return _refused("too_large", 413, f"the body is larger than {limit} bytes", call)
        except NoRoomError:
            return _refused("overloaded", 503, "too many bytes of packs at once", call, _SOON)
        except TimeoutError:
            return _refused("too_slow", 408, "the body did not come in time", call, (b"connection", b"close"))

    async def _forward(self, body: bytes, request: PackRequest, call: Call, view: View) -> Reply:
        credential = keystem.credential(headers.authorization(call.headers), request.body_key)
        sent = headers.to_upstream(call.headers, call.request_id)
        query = views.query_without_view(call.query)
        try:
            self._queue.admit()
            counted = True
        except SpoolFullError as error:
            if self._settings.when_spool_full == "refuse":
                wait = (b"retry-after", str(max(1, round(error.retry_after_s))).encode())
                return _refused("spool_full", 503, "no pack can be counted at present", call, wait)
            UNCOUNTED.inc()
            counted = False
        occurred_at, began_ns = datetime.now(UTC), time.perf_counter_ns()
        exchange = _INTERRUPTED
        try:
            reach(CrashPoint.ADMITTED)
            exchange = await self._upstream.forward(sent, body, query)
            reach(CrashPoint.ANSWERED)
        finally:  # also of a process that is stopped meanwhile: the pack may have been made
            call.latency_ns = time.perf_counter_ns() - began_ns
            forwarded = Forwarded(
                call.request_id, request, credential, exchange, occurred_at, call.started_ns, call.latency_ns
            )
            recorded = self._recorder.record(forwarded) if counted else self._recorder.describe(forwarded)
            call.recorded = recorded
        reach(CrashPoint.QUEUED)
        _observe(call, recorded)
        if recorded.durable is not None:
            await asyncio.shield(recorded.durable)
            call.event_id = recorded.event_id
            reach(CrashPoint.DURABLE)
        return _reply(recorded, exchange.result, call, view)


def _reply(recorded: Recorded, result: Answer | Failure, call: Call, view: View) -> Reply:
    if view == "pack":
        if isinstance(result, Answer) and 200 <= result.status < 600:
            return views.passed_on(result.status, result.body, result.headers)
        return views.failed(recorded.outcome)
    upstream_headers = result.headers if isinstance(result, Answer) else []
    statistics = views.stats(recorded.event, recorded.outcome, call.event_id)
    return views.counted(recorded.outcome, statistics, view, upstream_headers)


def _refused(outcome: str, status: int, message: str, call: Call, *extra: tuple[bytes, bytes]) -> Reply:
    """A request that does not go upstream."""
    REQUESTS.labels(outcome).inc()
    _log.debug("pack_refused", request_id=call.request_id, outcome=outcome, status=status)
    return views.problem(status, message, call.view, *extra)


def _observe(call: Call, recorded: Recorded) -> None:
    _COUNTED[recorded.outcome.name].inc()
    if recorded.outcome.status is not None:
        UPSTREAM_SECONDS.observe(call.latency_ns / _NANO)
    _log.debug(
        "pack",
        request_id=call.request_id,
        view=call.view,
        keystem=recorded.event.keystem,
        outcome=recorded.outcome.name,
        status=recorded.outcome.status,
        latency_ns=call.latency_ns,
    )


async def _send(send: Send, reply: Reply, call: Call) -> None:
    own_ns = max(0, time.perf_counter_ns() - call.started_ns - call.latency_ns)
    PROXY_SECONDS.observe(own_ns / _NANO)
    sent = [
        *reply.headers,
        (headers.REQUEST_ID, call.request_id.encode()),
        (b"server-timing", b"upstream;dur=%.3f, proxy;dur=%.3f" % (call.latency_ns / _MILLI, own_ns / _MILLI)),
    ]
    if call.event_id is not None:
        sent.append((headers.EVENT_ID, call.event_id.encode()))
    if headers.get(reply.headers, b"date") is None:  # upstream's own, in view `pack`
        sent.append((b"date", http_date.now()))
    bodiless = reply.status in _BODILESS
    if not bodiless:
        sent.append((b"content-length", b"%d" % len(reply.body)))
    call.replied = True
    await send({"type": "http.response.start", "status": reply.status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if bodiless else reply.body})
