"""What goes back to the caller: the pack, an error, or one of the things that a gateway or a broken service might say instead."""

import gzip
from dataclasses import dataclass, replace
from typing import Final

from sandbox import gojson
from sandbox.answer import serialise
from sandbox.boxes import Members
from sandbox.directives import Directive
from sandbox.errors import ApiError

_JSON: Final = ("content-type", "application/json")
_HTML: Final = ("content-type", "text/html; charset=utf-8")
_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"
_DEPTH: Final = 100_000
WITHOUT_BODY: Final = frozenset({204, 304})

_FIXED: Final = {
    "empty": b"",
    "garbage": _PAGE,
    "bytes": b'{"boxes":[],"title":"\xff\xfe\xc3\x28"}',
    "nan": b'{"boxes":[],"lenBoxes":0,"totalVolumeUtilization":NaN}',
    "deep": b'{"boxes":' + b"[" * _DEPTH + b"]" * _DEPTH + b"}",
    "not-json-object": b"[]",
    "no-boxes": b'{"title":"Default"}',
}


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers and body; how they are sent is another matter."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (_JSON,)


def refusal(error: ApiError, directive: Directive, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """The answer to a request that is not packed."""
    return _dressed(Reply(error.code, gojson.encode(error.body()), (_JSON, *headers)), directive)


def scripted(directive: Directive) -> Reply | None:
    """The answer that needs no look at the request, if the directive asks for one."""
    if directive.status >= 400:
        return refusal(ApiError(directive.status, directive.message, directive.details), directive)
    if directive.body in _FIXED:
        headers = (_HTML,) if directive.body == "garbage" else (_JSON,)
        return _dressed(Reply(directive.status, _FIXED[directive.body], headers), directive)
    return None


def packed(members: Members, request_body: bytes, entropy: bytes, directive: Directive) -> Reply:
    """The pack, changed as the directive says."""
    padding = {"padding": "x" * directive.padding} if directive.padding else {}
    changed = members | padding | dict(directive.members)
    body = serialise(changed, request_body, entropy, directive.without)
    if directive.body == "half":
        body = body[: len(body) // 2]
    elif directive.body == "twice":
        body += body
    return _dressed(Reply(directive.status, body), directive)


def _dressed(reply: Reply, directive: Directive) -> Reply:
    """Compressed and with other headers, as the directive says."""
    own = {name for name, _ in directive.headers}
    headers = tuple(header for header in reply.headers if header[0] not in own) + directive.headers
    body = b"" if reply.status in WITHOUT_BODY else reply.body
    if directive.gzip:
        body, headers = gzip.compress(body, compresslevel=1, mtime=0), (*headers, ("content-encoding", "gzip"))
    return replace(reply, body=body, headers=headers)
