"""Requests that are wrong in themselves: one list for the tests and for the table in the documentation."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.facility import BYTES

LIMIT = 8 << 20
MALFORMED = "malformed request"
NO_HTTP = "no valid HTTP"


@dataclass(frozen=True, slots=True)
class BadRequest:
    """What is sent and what its caller gets. `called`: it goes upstream all the same, and is counted as one request."""

    name: str
    status: int
    message: str  # in the reply's Message; empty where there is nothing wrong to say
    target: str = "/"
    body: bytes = BYTES
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    raw: bytes | None = None  # what no HTTP client would send; AUTH stands for the headers of the facility
    called: bool = False


AUTH = b"AUTH"
_CHUNKS = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
_TOO_MANY_SETS = b'{"itemSets":[' + b",".join([b"{}"] * 100_001) + b"]}"


def _raw(lines: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: proxy\r\n" + AUTH + lines + b"\r\n\r\n" + body


def _json(name: str, body: bytes, status: int = 400, message: str = MALFORMED) -> BadRequest:
    return BadRequest(name, status, message, body=body)


BODIES = [
    _json("empty body", b""),
    _json("JSON cut off", b'{"itemSets":['),
    _json("JSON with something behind it", BYTES + b"x"),
    _json("two JSON objects", BYTES + BYTES),
    _json("comma too many", b'{"itemSets":[{},]}'),
    _json("array", b"[]"),
    _json("`null`", b"null"),
    _json("string", b'"pack"'),
    _json("number", b"17"),
    _json("`NaN`", b'{"itemSets":[{"weight":NaN}]}'),
    _json("`Infinity`", b'{"itemSets":[{"weight":-Infinity}]}'),
    _json("100,000 nested arrays", b'{"itemSets":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    _json("bytes that are no UTF-8", b'{"itemSets":[{"name":"\xff\xfe"}]}'),
    _json("half a surrogate pair as `\\ud800`", b'{"itemSets":[{"name":"\\ud800"}]}'),
    _json("UTF-16", BYTES.decode().encode("utf-16")),
    _json("byte order mark before the JSON", b"\xef\xbb\xbf" + BYTES),
    _json("form data", b"itemSets=1&boxTypes=2"),
    _json("compressed with gzip", gzip.compress(BYTES, mtime=0)),
    _json("no itemSets, no boxes, not random", b"{}", 422, "nothing to pack"),
    _json("empty itemSets and boxes", b'{"itemSets":[],"boxes":[]}', 422, "nothing to pack"),
    _json("itemSets is an object", b'{"itemSets":{}}', 422, "itemSets must be an array"),
    _json("itemSets is a string", b'{"itemSets":"all"}', 422, "itemSets must be an array"),
    _json("boxes is a number", b'{"itemSets":[{}],"boxes":1}', 422, "boxes must be an array"),
    _json("random is a string", b'{"random":"true"}', 422, "random must be a boolean"),
    BadRequest("the same empty body in view `pack`", 200, "", "/pack", b"", called=True),
    BadRequest("the same cut JSON in view `pack`", 200, "", "/?view=pack", b'{"itemSets":[', called=True),
    BadRequest("item sets that are no objects", 200, "", body=b'{"itemSets":[1,null,"a",[]]}', called=True),
    BadRequest("quantity is negative, huge, a word", 200, "", body=b'{"itemSets":[{"quantity":-1},{"quantity":1e300},{"quantity":"many"}]}', called=True),
    BadRequest("number beyond all bounds (`1e999`)", 400, MALFORMED, body=b'{"itemSets":[{"weight":1e999}]}'),
    BadRequest("integer of 5,000 digits", 400, MALFORMED, body=b'{"itemSets":[{"quantity":' + b"9" * 5000 + b"}]}"),
    BadRequest("100,001 item sets", 200, "", body=_TOO_MANY_SETS, called=True),
    BadRequest("5,000 offered cartons", 200, "", body=b'{"itemSets":[{}],"boxTypes":[' + b",".join([b"{}"] * 5000) + b"]}", called=True),
    BadRequest("every field of the wrong type", 200, "", body=b'{"itemSets":[{}],"boxTypes":"x","boxTypeSets":7,"boxTypeDefaults":[],"properties":[1],"orderId":{},"requestId":[],"key":9,"includeImages":"no"}', called=True),
    BadRequest("same member twice, the last one wins", 422, "nothing to pack", body=b'{"itemSets":[{}],"itemSets":[]}'),
    BadRequest("larger than 8 MiB, as Content-Length says", 413, str(LIMIT), body=b" " * (LIMIT + 1)),
    BadRequest("larger than 8 MiB, in chunks", 413, str(LIMIT), body=_CHUNKS * 9 + b"0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}),
]  # fmt: skip

TARGETS = [
    BadRequest("unknown view", 400, "view must be", "/?view=summary"),
    BadRequest("view without a value", 400, "view must be", "/?view="),
    BadRequest("two different views", 400, "view must be", "/?view=pack&view=stats"),
    BadRequest("view with a broken escape", 400, "view must be", "/?view=%zz"),
    BadRequest("view with a NUL behind it", 400, "view must be", "/?view=pack%00"),
    BadRequest("pack with GET", 405, "POST", method="GET", body=b""),
    BadRequest("pack with PUT", 405, "POST", "/pack", method="PUT"),
    BadRequest("unknown path", 404, "", "/v2/pack"),
    BadRequest("path with `..`", 404, "", "/api/../pack"),
    BadRequest("page with limit 0", 422, "limit", "/api/keydata?limit=0", b"", method="GET"),
    BadRequest("page with a limit that is no number", 422, "limit", "/api/keydata?limit=ten", b"", method="GET"),
    BadRequest("page in an unknown order", 422, "sort", "/api/keydata?sort=size", b"", method="GET"),
    BadRequest("page after an impossible keystem", 422, "after", "/api/keydata?after=a.b", b"", method="GET"),
    BadRequest("keydata of an impossible keystem", 404, "no data", "/api/keydata/%24where", b"", method="GET"),
    BadRequest("hours from a word", 422, "from", "/api/keydata/all/hours?from=noon", b"", method="GET"),
    BadRequest("hours without an offset", 422, "RFC 3339", "/api/keydata/all/hours?to=2025-03-25T05:00:00", b"", method="GET"),
    BadRequest("hours that end before they begin", 422, "from", "/api/keydata/all/hours?from=2025-03-25T05:00:00Z&to=2025-03-25T04:00:00Z", b"", method="GET"),
    BadRequest("delete of `all`", 400, "all", "/api/keydata/all", b"", method="DELETE"),
    BadRequest("delete of an impossible keystem", 422, "keystem", "/api/keydata/a.b", b"", method="DELETE"),
    BadRequest("receipt of nonsense", 404, "no event id", "/api/deletions/nonsense", b"", method="GET"),
]  # fmt: skip

HEADERS = [
    BadRequest("X-Request-ID of 10,000 characters: replaced", 200, "", headers={"X-Request-ID": "x" * 10_000}, called=True),
    BadRequest("X-Event-ID of the caller's: means nothing", 200, "", headers={"X-Event-ID": "mine"}, called=True),
    BadRequest("Content-Type and charset that do not exist", 200, "", headers={"Content-Type": "no/such; charset=none"}, called=True),
    BadRequest("`Expect: 100-continue`", 200, "", headers={"Expect": "100-continue"}, called=True),
    BadRequest("offer of HTTP/2 (`Upgrade: h2c`), as Java's client makes it", 200, "", headers={"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"}, called=True),
    BadRequest("offer of a web socket", 200, "", headers={"Connection": "Upgrade", "Upgrade": "websocket"}, called=True),
    BadRequest("body shorter than Content-Length", 408, "in time", raw=_raw(b"Content-Length: 9", b"{")),
    BadRequest("Content-Length that is no number", 400, NO_HTTP, raw=_raw(b"Content-Length: nine", b"{}")),
    BadRequest("negative Content-Length", 400, NO_HTTP, raw=_raw(b"Content-Length: -2", b"{}")),
    BadRequest("two Content-Lengths", 400, NO_HTTP, raw=_raw(b"Content-Length: 2\r\nContent-Length: 3", b"{}")),
    BadRequest("Content-Length and chunks", 400, NO_HTTP, raw=_raw(b"Content-Length: 2\r\nTransfer-Encoding: chunked", b"0\r\n\r\n")),
    BadRequest("chunk whose size is no number", 400, NO_HTTP, raw=_raw(b"Transfer-Encoding: chunked", b"xyz\r\n{}\r\n0\r\n\r\n")),
    BadRequest("NUL in a header", 400, NO_HTTP, raw=_raw(b"X-A: a\x00b\r\nContent-Length: 2", b"{}")),
    BadRequest("header without a name", 400, NO_HTTP, raw=_raw(b": a\r\nContent-Length: 2", b"{}")),
    BadRequest("TLS on the plain port", 400, NO_HTTP, raw=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64),
    BadRequest("no HTTP at all", 400, NO_HTTP, raw=b"hello\r\n\r\n"),
]  # fmt: skip

REQUESTS = [*BODIES, *TARGETS, *HEADERS]
