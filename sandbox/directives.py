"""Lets a test say how its own request is to be answered, through whatever proxies stand between: the request header `X-Sandbox`.

The header holds directives separated by `;`, each a word or `word=value` (percent-encoded where it has a `;` or `%` in it), for instance
`X-Sandbox: status=503; message=try later; header=Retry-After:7` or `X-Sandbox: delay=250; cut`. The settings' own faults and latency then
do not apply (`X-Sandbox: ok` is just that). An unknown directive is answered 400, with `X-Sandbox` in its message.

What is answered (one of these):

    ok                  the pack, as ever
    status=N            4xx, 5xx: that error, without looking at the request; 2xx, 3xx: the pack under that status
    message=TEXT        message of that error
    details=TEXT        details of that error
    redirect[=URL]      302 (or `status=`) with `Location: URL`, `/elsewhere` if not given
    empty               200 with no body
    garbage             200 with a gateway's HTML page
    bytes               200 with bytes that are no UTF-8
    nan                 200 with JSON but for `NaN`
    deep                200 with 100,000 nested arrays
    not-json-object     200 with `[]`
    no-boxes            200 with an object without `boxes` and `lenBoxes`
    half                200 with the first half of the pack's JSON
    twice               200 with the pack's JSON two times over

What of the pack is changed:

    set=NAME:JSON       a top-level member of the answer; may be repeated: `set=usedKeyStem:"all"; set=boxes:null`
    unset=NAME          a top-level member left out; may be repeated
    pad=N               a member `padding` of N characters
    version=X.Y.Z       the shape of that version

How it is sent:

    header=NAME:VALUE   a header of the answer, in place of its own if it has one by that name; may be repeated
    gzip                compressed, whatever was accepted, with `Content-Encoding: gzip`
    chunked             in chunks, without Content-Length
    delay=MS            after that time
    hang                never: no status line, until the caller goes away
    stall               status, headers and half the body, then nothing
    cut                 status, headers and half the body, then the connection is closed
    drop                the connection is closed without an answer
    reset               the same with a TCP reset
    not-http            bytes that are no HTTP, then the connection is closed
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args
from urllib.parse import unquote

import msgspec

from sandbox.errors import ApiError

Body = Literal["ok", "empty", "garbage", "bytes", "nan", "deep", "not-json-object", "no-boxes", "half", "twice"]
Conduct = Literal["answer", "chunked", "hang", "stall", "cut", "drop", "reset", "not-http"]
_BODIES: Final[Mapping[str, Body]] = {word: word for word in get_args(Body)}
_CONDUCTS: Final[Mapping[str, Conduct]] = {word: word for word in get_args(Conduct)}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ELSEWHERE: Final = "/elsewhere"
_MOST_PADDING: Final = 1 << 27
_LONGEST_DELAY_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Directive:
    """How one request is answered."""

    body: Body = "ok"
    conduct: Conduct = "answer"
    status: int = 200
    message: str = ""
    details: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    members: tuple[tuple[str, Any], ...] = ()
    without: tuple[str, ...] = ()
    padding: int = 0
    version: tuple[int, ...] | None = None
    gzip: bool = False
    delay_ms: float = 0


def parse(header: str) -> Directive:
    """Read a header. Raises ApiError 400 for what it does not know."""
    directive = Directive()
    for part in header.split(";"):
        word, _, value = part.strip().partition("=")
        if word:
            directive = _apply(directive, word, unquote(value.strip()))
    return directive


def _apply(directive: Directive, word: str, value: str) -> Directive:
    if word in _WITH_VALUE:
        try:
            return _WITH_VALUE[word](directive, value)
        except ValueError as error:
            raise ApiError(400, f"X-Sandbox: {word}={value} cannot be read: {error}") from error
    if word in _BODIES and not value:
        return replace(directive, body=_BODIES[word])
    if word in _CONDUCTS and not value:
        return replace(directive, conduct=_CONDUCTS[word])
    if word == "gzip" and not value:
        return replace(directive, gzip=True)
    raise ApiError(400, f"X-Sandbox: there is no directive {word!r}" + (" with a value" if value else ""))


def _status(directive: Directive, value: str) -> Directive:
    status = int(value)
    if not 200 <= status <= 599:
        raise ValueError("must be 200 to 599")
    return replace(directive, status=status)


def _redirect(directive: Directive, value: str) -> Directive:
    status = directive.status if 300 <= directive.status <= 399 else 302
    return replace(directive, status=status, headers=(*directive.headers, ("location", value or _ELSEWHERE)))


def _header(directive: Directive, value: str) -> Directive:
    name, _, content = value.partition(":")
    if not _TOKEN.fullmatch(name) or not content.isprintable() or not content.isascii():
        raise ValueError("must be NAME:VALUE")
    return replace(directive, headers=(*directive.headers, (name.lower(), content.strip())))


def _member(directive: Directive, value: str) -> Directive:
    name, _, content = value.partition(":")
    try:
        return replace(directive, members=(*directive.members, (name, msgspec.json.decode(content))))
    except msgspec.DecodeError as error:
        raise ValueError("must be NAME:JSON") from error


def _version(directive: Directive, value: str) -> Directive:
    major, minor, patch = (int(part) for part in value.split("."))
    return replace(directive, version=(major, minor, patch))


def _within(number: float, most: float) -> float:
    if not 0 <= number <= most:
        raise ValueError(f"must be from 0 to {most:g}")
    return number


_WITH_VALUE: Final[Mapping[str, Callable[[Directive, str], Directive]]] = {
    "status": _status,
    "message": lambda directive, value: replace(directive, message=value),
    "details": lambda directive, value: replace(directive, details=value),
    "redirect": _redirect,
    "header": _header,
    "set": _member,
    "unset": lambda directive, value: replace(directive, without=(*directive.without, value)),
    "pad": lambda directive, value: replace(directive, padding=int(_within(int(value), _MOST_PADDING))),
    "version": _version,
    "delay": lambda directive, value: replace(directive, delay_ms=_within(float(value), _LONGEST_DELAY_MS)),
}
