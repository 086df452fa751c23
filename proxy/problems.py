"""Errors of the router and the reading side as their callers see them: a status and `{"Message": …}`, always JSON."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import Scope

from proxy.keydata_reads import QuestionError
from proxy.snapshots import RETRY_AFTER_S, DatabaseAwayError

_log = structlog.get_logger()
_EVENT_ID = "event_id"  # in the state of a request

_MEANING = {
    400: "`all` cannot be deleted",
    401: "The admin token is missing or wrong",
    404: "No such data",
    422: "A parameter is wrong",
    503: "Not possible at present; Retry-After says when to ask again",
}


class Message(BaseModel):
    """A sentence for a person."""

    message: str = Field(serialization_alias="Message")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of a route, for its documentation."""
    return {status: {"model": Message, "description": _MEANING[status]} for status in statuses}


def register(app: FastAPI) -> None:
    """Make every error of `app`'s routes carry a Message."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(QuestionError, _unanswerable)
    app.add_exception_handler(DatabaseAwayError, _database_away)
    app.add_exception_handler(Exception, _failed)


def name_event(scope: Scope, event_id: str) -> None:
    """The event of this request is durable: whatever goes wrong from here on, the reply carries its id."""
    scope.setdefault("state", {})[_EVENT_ID] = event_id


def problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"Message": message}, status, dict(headers or {}))


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), error.headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return problem(422, "; ".join(_sentence(each) for each in error.errors()))


async def _unanswerable(_request: Request, error: Exception) -> JSONResponse:
    return problem(422, str(error))


async def _database_away(request: Request, error: Exception) -> JSONResponse:
    _log.warning("database_away", path=request.url.path, error=str(error))
    return problem(503, str(error), {"Retry-After": str(RETRY_AFTER_S)})


async def _failed(request: Request, _error: Exception) -> JSONResponse:
    """A mistake of ours; the server logs it with its traceback."""
    event_id = request.scope.get("state", {}).get(_EVENT_ID)
    return problem(500, "internal error", {"X-Event-ID": event_id} if event_id else None)


def _sentence(error: Mapping[str, Any]) -> str:
    """`limit: Input should be less than or equal to 1000`; the first word of the place is where it stood (query)."""
    place = ".".join(str(part) for part in error["loc"][1:])
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
