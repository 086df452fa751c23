"""Every error of the router is JSON with a Message."""

import json
from contextlib import suppress
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, HTTPException, Query, Request

from proxy import problems
from proxy.keydata_reads import QuestionError
from proxy.snapshots import DatabaseAwayError


def application() -> FastAPI:
    app = FastAPI()
    problems.register(app)

    @app.get("/number")
    async def number(least: Annotated[int, Query(ge=1)]) -> int:
        return least

    @app.get("/raise/{kind}")
    async def fail(kind: str, request: Request) -> None:
        if kind == "counted":
            problems.name_event(request.scope, "session.3.7")
        raise {
            "away": DatabaseAwayError("MongoDB is away: AutoReconnect"),
            "question": QuestionError("from: too much"),
            "refused": HTTPException(401, "no", {"WWW-Authenticate": "Bearer"}),
            "mistake": ZeroDivisionError("secret detail"),
            "counted": ZeroDivisionError("secret detail"),
        }[kind]

    return app


async def ask(target: str, method: str = "GET") -> tuple[int, dict[str, str], Any]:
    """One request through the application, without a socket."""
    path, _, query = target.partition("?")
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [],
        "state": {},
    }
    with suppress(ZeroDivisionError):  # raised again for the server's log, after the reply
        await application()(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, json.loads(b"".join(part.get("body", b"") for part in sent[1:]))


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("/nowhere", 404, "Not Found"),
        ("/number", 422, "least: Field required"),
        ("/number?least=0", 422, "least: Input should be greater than or equal to 1"),
        ("/raise/question", 422, "from: too much"),
        ("/raise/refused", 401, "no"),
        ("/raise/away", 503, "MongoDB is away: AutoReconnect"),
    ],
)
async def test_an_error_carries_its_message(target: str, status: int, message: str) -> None:
    found, headers, body = await ask(target)
    assert (found, body) == (status, {"Message": message})
    assert headers["content-type"] == "application/json"


async def test_a_wrong_method_is_named_and_says_which_are_right() -> None:
    status, headers, body = await ask("/number", method="POST")
    assert (status, body, headers["allow"]) == (405, {"Message": "Method Not Allowed"}, "GET")


async def test_headers_of_a_refusal_are_kept() -> None:
    _, headers, _ = await ask("/raise/refused")
    assert headers["www-authenticate"] == "Bearer"


async def test_who_asks_while_the_database_is_away_is_told_when_to_ask_again() -> None:
    _, headers, _ = await ask("/raise/away")
    assert int(headers["retry-after"]) > 0


async def test_a_mistake_of_ours_says_nothing_of_its_inside() -> None:
    status, headers, body = await ask("/raise/mistake")
    assert (status, body) == (500, {"Message": "internal error"})
    assert "x-event-id" not in headers


async def test_a_mistake_of_ours_behind_a_durable_event_names_the_event() -> None:
    status, headers, _ = await ask("/raise/counted")
    assert (status, headers["x-event-id"]) == (500, "session.3.7")
