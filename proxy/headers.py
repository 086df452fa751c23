"""Pure: which headers go through a proxy, in both directions, and which are its own.

Names are lower-case bytes, as ASGI gives them.
"""

import random
import re
from typing import Final

Headers = list[tuple[bytes, bytes]]

REQUEST_ID: Final = b"x-request-id"
EVENT_ID: Final = b"x-event-id"

# Of one connection, not of the message (RFC 9110, 7.6.1); with the obsolete names that are still sent.
_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Host and length are made anew; a cookie would tie callers together that share the proxy; the body is read before it
# is sent, so nothing is to be expected.
_NOT_SENT: Final = _HOP_BY_HOP | {b"host", b"content-length", b"cookie", b"expect", REQUEST_ID}
# An event id of somebody else's would promise what this proxy did not do.
_NOT_RETURNED: Final = _HOP_BY_HOP | {b"set-cookie", b"content-length", REQUEST_ID, EVENT_ID}

_REQUEST_ID = re.compile(rb"[\x20-\x7e]{1,128}")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def get(headers: Headers, wanted: bytes) -> bytes | None:
    """The value of the first header of this name."""
    for name, value in headers:
        if name == wanted:
            return value
    return None


def joined(headers: Headers, wanted: bytes) -> str:
    """All values of a header that is a list, as one."""
    return ",".join(value.decode("latin-1") for name, value in headers if name == wanted)


def authorization(headers: Headers) -> str | None:
    value = get(headers, b"authorization")
    return None if value is None else value.decode("latin-1").strip()


def request_id(headers: Headers) -> str:
    """The caller's request id if it can be taken over, else a new one."""
    given = get(headers, REQUEST_ID)
    if given is not None and _REQUEST_ID.fullmatch(given := given.strip()):
        return given.decode("ascii")
    return f"{random.getrandbits(128):032x}"  # to tell requests apart; it is no secret


def to_upstream(headers: Headers, own_id: str) -> Headers:
    """The headers to send upstream for those of a caller, byte for byte."""
    dropped = _NOT_SENT | named if (named := _named_in_connection(headers)) else _NOT_SENT
    sent = [each for each in headers if each[0] not in dropped]
    if get(headers, b"accept-encoding") is None or b"accept-encoding" in dropped:
        sent.append((b"accept-encoding", b"identity"))
    sent.append((REQUEST_ID, own_id.encode()))
    return sent


def to_caller(headers: Headers) -> Headers:
    """The headers of an answer that go back to the caller; what no server could send is left out."""
    dropped = _NOT_RETURNED | named if (named := _named_in_connection(headers)) else _NOT_RETURNED
    return [
        (name, value)
        for name, value in headers
        if name not in dropped and _NAME.fullmatch(name) and _VALUE.fullmatch(value)
    ]


def _named_in_connection(headers: Headers) -> frozenset[bytes]:
    if get(headers, b"connection") is None:
        return frozenset()
    named = [value for name, value in headers if name == b"connection"]
    return frozenset(token.strip().lower() for value in named for token in value.split(b","))
