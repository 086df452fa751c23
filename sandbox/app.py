"""The sandbox as an ASGI application: `POST /` as Paccurate has it, `GET /livez` for whoever supervises it, and nothing else.

The body is read as it comes and parsed as JSON whatever its Content-Type says, as real clients need it.
"""

import asyncio
import os
import time
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from sandbox.directives import Directive, parse
from sandbox.engine import Clock, Engine
from sandbox.errors import ApiError
from sandbox.faults import Dice
from sandbox.replies import Reply, packed, refusal, scripted
from sandbox.settings import SandboxSettings
from sandbox.wire import Exchange, Wire

_STEER: Final = b"x-sandbox"
_MANY_ITEMS: Final = 200
"""Packs larger than this are computed in a thread, so that the others do not wait for them."""
_ALIVE: Final = Reply(200, b'{"status":"live"}')
_ENTROPY_BYTES: Final = 16

log = structlog.get_logger()


class Sandbox:
    """Answers requests; holds the demo quota and the dice."""

    def __init__(self, settings: SandboxSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._engine = Engine(settings, clock or Clock(time.time_ns, time.perf_counter_ns))
        self._dice = Dice(settings)
        self._wire = Wire()

    def stop(self) -> None:
        """Let go of the connections that are kept waiting on purpose."""
        self._wire.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        path, method = scope["path"], scope["method"]
        if path == "/" and method == "POST":
            await self._pack(exchange)
        elif path == "/livez" and method in {"GET", "HEAD"}:
            await self._wire.send(exchange, _ALIVE, "answer")
        else:
            known = {"/": "POST", "/livez": "GET"}.get(path)
            error = ApiError(405) if known else ApiError(404)
            await self._wire.send(exchange, refusal(error, Directive(), (("allow", known),) if known else ()), "answer")

    async def _pack(self, exchange: Exchange) -> None:
        """Read the request, decide its fate, answer."""
        body = await exchange.body(self._settings.max_body_bytes)
        steer = exchange.header(_STEER)
        try:
            directive = self._dice.draw() if steer is None else parse(steer)
        except ApiError as error:
            await self._wire.send(exchange, refusal(error, Directive()), "answer")
            return
        if directive.delay_ms:
            await asyncio.sleep(directive.delay_ms / 1000)
        reply = await self._reply(exchange, body, directive)
        log.debug(
            "answered", status=reply.status, conduct=directive.conduct, bytes=len(reply.body), steered=steer is not None
        )
        await self._wire.send(exchange, reply, directive.conduct)

    async def _reply(self, exchange: Exchange, body: bytes | None, directive: Directive) -> Reply:
        ready = scripted(directive)
        if ready is not None:
            return ready
        if body is None:
            return refusal(ApiError(413), directive, (("connection", "close"),))
        try:
            order = self._engine.prepare(body, exchange.header(b"authorization"), directive.version)
            large = order.items > _MANY_ITEMS
            members = await asyncio.to_thread(self._engine.finish, order) if large else self._engine.finish(order)
        except ApiError as error:
            return refusal(error, directive)
        return packed(members, body, os.urandom(_ENTROPY_BYTES), directive)
