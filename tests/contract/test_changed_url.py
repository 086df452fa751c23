"""A client that changes nothing but its URL gets from the proxy what it got from Paccurate: the sandbox, in its place."""

import json
from typing import Any

import pytest

from tests.support import web
from tests.support.facility import BODY, BYTES, new_key
from tests.support.pipeline import Pipeline

# What differs from call to call, also between two calls of the same service.
PER_CALL = {"packTime", "renderTime", "totalTime", "startedAt", "packUuid", "responseFingerprint"}
KEY = new_key()
PATHS = ["/?view=pack", "/pack", "/pack/"]
TYPES = {
    "json": {"Content-Type": "application/json"},
    "text": {"Content-Type": "text/plain;charset=UTF-8"},
    "form": {"Content-Type": "application/x-www-form-urlencoded"},
    "none": {},
}
# status: (body, key, how the sandbox is told to answer where a request alone does not bring it about)
CALLS: dict[int, tuple[bytes, str, str | None]] = {
    400: (b"", KEY, None),
    401: (BYTES, "undefined", None),
    422: (b"{}", KEY, None),
    429: (BYTES, KEY, "status=429; header=Retry-After:3"),
    500: (BYTES, KEY, "status=500"),
}


def call(url: str, body: bytes, key: str, kind: str, sandbox: str | None = None) -> web.Reply:
    headers = {"Authorization": f"apikey {key}", **TYPES[kind]}
    return web.request("POST", url, body, headers if sandbox is None else {**headers, "X-Sandbox": sandbox})


@pytest.mark.parametrize("target", PATHS)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("status", CALLS)
def test_error_is_the_same_to_the_byte(pipeline: Pipeline, status: int, kind: str, target: str) -> None:
    body, key, sandbox = CALLS[status]
    direct = call(f"{pipeline.sandbox.url}/", body, key, kind, sandbox)
    through = call(pipeline.proxy.url + target, body, key, kind, sandbox)
    assert direct.status == through.status == status
    assert through.body == direct.body
    assert through.headers.get("retry-after") == direct.headers.get("retry-after")


@pytest.mark.parametrize("target", PATHS)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("images", [False, True])
def test_pack_is_the_same_but_for_what_differs_each_time(
    pipeline: Pipeline, kind: str, target: str, images: bool
) -> None:
    body = json.dumps({**BODY, "includeImages": images}).encode()
    direct = call(f"{pipeline.sandbox.url}/", body, KEY, kind)
    through = call(pipeline.proxy.url + target, body, KEY, kind)
    assert direct.status == through.status == 200
    assert through.headers["content-type"] == direct.headers["content-type"]
    assert lasting(through.json) == lasting(direct.json)
    assert through.json.keys() == direct.json.keys()


def lasting(value: Any) -> Any:
    """The answer without what differs from call to call; a packed item's message tells how long it took."""
    if isinstance(value, dict):
        return {name: lasting(member) for name, member in value.items() if name not in PER_CALL | {"message"}}
    return [lasting(member) for member in value] if isinstance(value, list) else value


def test_quota_without_a_key_is_upstreams(pipeline: Pipeline) -> None:
    bodies = [json.dumps({**BODY, "orderId": f"without-key-{number}"}).encode() for number in range(12)]
    statuses = [web.request("POST", f"{pipeline.proxy.url}/pack", body).status for body in bodies]
    assert statuses[-1] == 429
    direct = web.request("POST", f"{pipeline.sandbox.url}/", bodies[-1])
    through = web.request("POST", f"{pipeline.proxy.url}/pack", bodies[-1])
    assert (through.status, through.body) == (direct.status, direct.body)
