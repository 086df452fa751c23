"""The application: what it is made of, and the order in which the parts begin and end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.mongo import async_client
from common.version import VERSION
from proxy import deletions, health, http_date, keydata, openapi, problems
from proxy.outbox import Outbox
from proxy.pack import PackEndpoint
from proxy.settings import Settings
from proxy.snapshots import Snapshots
from proxy.state import LifespanState, ProxyState
from proxy.upstream import open_upstream
from proxy.views import PACK_PATHS

# Of the time a stop may take, what is kept for the end: packs, then what the spool can still send.
CANCELLED_WITHIN_S = 1.0
SEND_FOR_S = 5.0


class ProxyApp(FastAPI):
    """FastAPI, for everything but packs: they go to their endpoint without what stands before a route."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in PACK_PATHS:
            state = cast("ProxyState", scope["state"]["proxy"])
            await state.pack(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = openapi.with_packs(super().openapi())
        return self.openapi_schema


class Dated:
    """Gives every reply of the routes a Date."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"date", http_date.now())]
            await send(message)

        await self._app(scope, receive, send_dated)


def create_app(settings: Settings) -> ProxyApp:
    """The application, not yet running: its lifespan opens what it works with."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[LifespanState]:
        async with running(settings) as state:
            yield LifespanState(proxy=state, snapshots=state.snapshots)

    app = ProxyApp(
        title="packstats",
        version=VERSION,
        description="Stands in front of Paccurate and counts every pack exactly once.",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.add_middleware(Dated)
    problems.register(app)
    app.include_router(deletions.DeletionRoutes().router())
    app.include_router(keydata.router)
    app.include_router(health.router)
    return app


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[ProxyState]:
    """The parts, from the spool outwards; they end in the opposite order, after the last request.

    Raises SettingsError, StartupError or StorageError where they cannot begin.
    """
    async with AsyncExitStack() as stack:
        outbox = Outbox.open(settings.proxy.spool_dir, settings.proxy.spool_max_bytes, settings.kafka)
        stack.push_async_callback(outbox.stop, SEND_FOR_S)
        mongo = await stack.enter_async_context(async_client(settings.mongo, "packstats-proxy"))
        upstream = await stack.enter_async_context(open_upstream(settings.proxy))
        pack = PackEndpoint(settings, outbox.spool, upstream)
        stack.push_async_callback(_settle, pack)
        snapshots = Snapshots(mongo, settings.mongo.database, settings.kafka.topic, settings.kafka.partitions)
        yield ProxyState(settings, outbox, snapshots, pack)


async def _settle(pack: PackEndpoint) -> None:
    """Let requests that were cancelled at the end of the grace period put their events into the spool."""
    try:
        async with asyncio.timeout(CANCELLED_WITHIN_S):
            await pack.idle()
    except TimeoutError:
        return
