"""The routes of all reports, in front of whatever a stage answers them with; the only place where JSON is made."""

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from time import perf_counter_ns
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from study.kit import manifest
from study.kit.reports import DatabaseDownError, FloorDay, HourRow, Period, Reports, Span
from study.kit.settings import Settings
from study.kit.timing import Clock, Timing

ReportsOf = Callable[[Settings], AbstractAsyncContextManager[Reports]]

_BEGAN = "study.began_ns"
# The front end is served from another port.
_HEADERS = {"Access-Control-Allow-Origin": "*", "Timing-Allow-Origin": "*"}


def _plain_date(text: str) -> str:
    """Dates only: what else pydantic takes for one (seconds since 1970) would be a mistake here."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise ValueError("should be a date such as 2026-06-30")
    return text


PlainDate = Annotated[date, BeforeValidator(_plain_date)]
Start = Annotated[PlainDate, Query(alias="from")]
End = Annotated[PlainDate, Query(alias="to")]


class Answer(msgspec.Struct, frozen=True):
    rows: msgspec.Raw
    timing: Timing


class WrongInputError(Exception):
    """What the caller asked for does not exist or makes no sense."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class _Stopwatch:
    """Takes the time before anything of the framework runs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_BEGAN] = perf_counter_ns()
        await self._app(scope, receive, send)


class Desk:
    """Takes questions: checks who is asked about, lets the stage answer, and puts the answer into its form."""

    def __init__(self, stage: str, known: manifest.Manifest) -> None:
        self._facilities = {tenant.id: frozenset(tenant.facilities) for tenant in known.tenants}
        self._stage, self._known = stage, known
        self.reports: Reports

    def span(self, tenant: UUID, start: date, end: date) -> Span:
        self._check(tenant)
        period(start, end)
        return Span(str(tenant), start, end)

    def floor_day(self, tenant: UUID, facility: str, day: date) -> FloorDay:
        self._check(tenant)
        if facility not in self._facilities[str(tenant)]:
            raise WrongInputError(404, f"facility: {tenant} has none of this name")
        return FloorDay(str(tenant), facility, day)

    async def info(self) -> Response:
        known = self._known
        about = {"stage": self._stage, "size": known.size, "seed": known.seed, "first_day": known.first_day}
        return _json(about | {"end": known.end, "named": known.named, "tenants": known.tenants})

    async def ready(self) -> Response:
        return _json({"stage": self._stage})

    def _check(self, tenant: UUID) -> None:
        if str(tenant) not in self._facilities:
            raise WrongInputError(404, f"tenant: {tenant} is not known")


def create_app(stage: str, settings: Settings, reports_of: ReportsOf) -> FastAPI:
    """Serves once the stage's `reports_of` has connected."""
    desk = Desk(stage, manifest.read(settings.data))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        async with reports_of(settings) as desk.reports:
            yield

    app = FastAPI(title=f"Reports of stage {stage}", lifespan=lifespan, redirect_slashes=False)
    app.add_middleware(_Stopwatch)
    app.include_router(_reports(desk))
    app.add_api_route("/info", desk.info, response_class=Response)
    app.add_api_route("/ready", desk.ready, response_class=Response)
    app.add_exception_handler(WrongInputError, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(DatabaseDownError, _refuse)
    app.add_exception_handler(Exception, _refuse)
    return app


def period(start: date, end: date) -> Period:
    if start >= end:
        raise WrongInputError(422, f"from: {start} is not before to, {end}")
    return Period(start, end)


def _reports(desk: Desk) -> APIRouter:  # noqa: C901  # one function per route, each of them trivial
    router = APIRouter(prefix="/reports", default_response_class=Response)

    @router.get("/days")
    async def days(request: Request, tenant: UUID, start: Start, end: End) -> Response:
        span = desk.span(tenant, start, end)
        return await _answer(request, lambda clock: desk.reports.days(span, clock))

    @router.get("/hours")
    async def hours(request: Request, tenant: UUID, start: Start, end: End) -> Response:
        span = desk.span(tenant, start, end)
        return await _answer(request, lambda clock: desk.reports.hours(span, clock))

    @router.get("/states")
    async def states(request: Request, tenant: UUID, start: Start, end: End) -> Response:
        span = desk.span(tenant, start, end)
        return await _answer(request, lambda clock: desk.reports.states(span, clock))

    @router.get("/items")
    async def items(
        request: Request,
        tenant: UUID,
        start: Start,
        end: End,
        limit: Annotated[int, Query(ge=1, le=100)] = manifest.LIMITS["items"],
    ) -> Response:
        span = desk.span(tenant, start, end)
        return await _answer(request, lambda clock: desk.reports.items(span, limit, clock))

    @router.get("/sizes")
    async def sizes(request: Request, tenant: UUID, start: Start, end: End) -> Response:
        span = desk.span(tenant, start, end)
        return await _answer(request, lambda clock: desk.reports.sizes(span, clock))

    @router.get("/league")
    async def league(
        request: Request,
        start: Start,
        end: End,
        limit: Annotated[int, Query(ge=1, le=1000)] = manifest.LIMITS["league"],
    ) -> Response:
        asked = period(start, end)
        return await _answer(request, lambda clock: desk.reports.league(asked, limit, clock))

    @router.get("/floor")
    async def floor(request: Request, tenant: UUID, facility: str, day: PlainDate) -> Response:
        asked = desk.floor_day(tenant, facility, day)
        return await _answer(request, lambda clock: desk.reports.floor(asked, clock))

    @router.get("/no-database")
    async def no_database(request: Request, tenant: UUID, start: Start, end: End) -> Response:
        span = desk.span(tenant, start, end)
        return await _answer(request, lambda _: _made_up(span))

    return router


async def _made_up(span: Span) -> list[HourRow]:
    """What an answer costs before a database is asked anything."""
    return [HourRow(f"{span.start.isoformat()}T{hour:02d}:00:00Z", hour, 2 * hour) for hour in range(24)]


async def _answer(request: Request, ask: Callable[[Clock], Awaitable[Sequence[msgspec.Struct]]]) -> Response:
    clock = Clock(request.scope[_BEGAN])
    rows = msgspec.Raw(msgspec.json.encode(await ask(clock)))
    timing = clock.timing()
    return _json(Answer(rows, timing), headers=_HEADERS | {"Server-Timing": timing.header()})


async def _refuse(_: Request, error: Exception) -> Response:
    match error:
        case WrongInputError():
            return _json({"error": str(error)}, error.status)
        case RequestValidationError():
            first = error.errors()[0]
            return _json({"error": f"{first['loc'][-1]}: {first['msg'].removeprefix('Value error, ')}"}, 422)
        case HTTPException():
            return _json({"error": str(error.detail)}, error.status_code)
        case DatabaseDownError():
            return _json({"error": str(error)}, 503)
        case _:  # a mistake of the stage's; the server logs it
            return _json({"error": "the stage failed; its log says why"}, 500)


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers or _HEADERS, media_type="application/json")
