"""Answers of upstream that are wrong in themselves: one list for the tests and for the table in the documentation."""

import gzip
import json
from dataclasses import dataclass
from typing import Any

from tests.support.upstream import JSON, Canned

UNREADABLE, UNREACHABLE, TIMED_OUT = "unreadable", "unreachable", "timed_out"
PACKED, REFUSED, FAILED = "packed", "refused", "failed"
PASSED_ON = "as it came"


@dataclass(frozen=True, slots=True)
class BadAnswer:
    """What upstream says (`canned`), or how it behaves (`sandbox`), and what becomes of it.

    `status` is that of the reply in view `stats`, `passed` that in view `pack`; `stats` are members of the statistics
    and `shown` of the totals that say what was made of it. Each is counted as one request of this outcome.
    """

    name: str
    outcome: str
    status: int
    passed: int
    canned: Canned | None = None
    sandbox: str = ""
    stats: dict[str, Any] | None = None
    shown: dict[str, Any] | None = None


def _unusable(name: str, canned: Canned) -> BadAnswer:
    return BadAnswer(name, UNREADABLE, 502, canned.status, canned)


def _behaves(name: str, sandbox: str, outcome: str, status: int = 502, passed: int | None = None) -> BadAnswer:
    return BadAnswer(name, outcome, status, status if passed is None else passed, sandbox=sandbox)


def pack(**members: Any) -> bytes:
    """A pack of one box, with these members instead."""
    box = {"name": "a", "refId": 1, "volumeMax": 100, "volumeUsed": 50, "volumeNet": 50, "weightUsed": 1, "lenItems": 1}
    answer = {"boxes": [{"box": box}], "leftovers": [], "lenBoxes": 1, "lenItems": 1, "totalVolume": 100}
    return json.dumps({**answer, **members}).encode()


def _odd(name: str, stats: dict[str, Any], shown: dict[str, Any], /, **members: Any) -> BadAnswer:
    """A pack that is counted, with what cannot be believed left out."""
    return BadAnswer(name, PACKED, 200, 200, Canned(200, pack(**members)), stats=stats, shown=shown)


_HTML = ("Content-Type", "text/html")
_BOMB = gzip.compress(b'{"boxes":[],"padding":"' + b"x" * (40 << 20) + b'"}', mtime=0)
_LONG = "ä" * 5000
_HOSTILE = "$where.a\0b%"

NO_PACKS = [
    _unusable("gateway's HTML page with status 200", Canned(200, b"<html>Bad Gateway</html>", (_HTML,))),
    _unusable("no body", Canned(200, b"")),
    _unusable("status 204", Canned(204, b"")),
    _unusable("status 202 and an empty object", Canned(202, b"{}")),
    _unusable("array", Canned(200, b"[]")),
    _unusable("`null`", Canned(200, b"null")),
    _unusable("object without `boxes` and `lenBoxes`", Canned(200, b'{"title":"Default"}')),
    _unusable("error body with status 200", Canned(200, b'{"code":500,"message":"unexpected error"}')),
    _unusable("JSON cut off", Canned(200, pack()[:-10])),
    _unusable("JSON two times over", Canned(200, pack() * 2)),
    _unusable("`NaN`", Canned(200, b'{"boxes":[],"totalVolume":NaN}')),
    _unusable("bytes that are no UTF-8", Canned(200, b'{"boxes":[],"title":"\xff\xfe"}')),
    _unusable("100,000 nested arrays", Canned(200, b'{"boxes":' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
    _unusable("redirect", Canned(302, b"", (("Location", "/elsewhere"),))),
    _unusable("status 304", Canned(304, b"", ())),
    _unusable("says gzip and is none", Canned(200, pack(), (JSON, ("Content-Encoding", "gzip")))),
    _unusable("gzip cut off", Canned(200, gzip.compress(pack(), mtime=0)[:-6], (JSON, ("Content-Encoding", "gzip")))),
    _unusable("gzip that unpacks to 40 MiB", Canned(200, _BOMB, (JSON, ("Content-Encoding", "gzip")))),
    _unusable("coding that nobody knows", Canned(200, pack(), (JSON, ("Content-Encoding", "x-secret")))),
    BadAnswer("larger than 32 MiB", UNREADABLE, 502, 502, sandbox="pad=33600000"),
    BadAnswer("status 600", UNREADABLE, 502, 502, Canned(600, pack())),
    BadAnswer("error whose body is HTML", FAILED, 503, 503, Canned(503, b"<html>", (_HTML,)), stats={"statusCode": "503"}),
    BadAnswer("error whose message is an object", REFUSED, 400, 400, Canned(400, b'{"code":"x","message":{},"details":[]}'), stats={"statusCode": "400"}),
    BadAnswer("error whose message has 10,000 characters", REFUSED, 422, 422, Canned(422, json.dumps({"message": _LONG}).encode()), stats={"statusCode": "422"}),
]  # fmt: skip

BEHAVIOURS = [
    _behaves("connection closed without an answer", "drop", UNREACHABLE),
    _behaves("connection reset", "reset", UNREACHABLE),
    _behaves("connection closed in the middle of the body", "cut", UNREADABLE),
    _behaves("something that is no HTTP", "not-http", UNREADABLE),
    _behaves("no answer until the time is over", "hang", TIMED_OUT, 504),
    _behaves("half an answer, then nothing", "stall", TIMED_OUT, 504),
]  # fmt: skip

ODD_PACKS = [
    _odd("`boxes` is null", {"totalBoxes": 1, "boxTypes": {}}, {"boxTypes": {}}, boxes=None),
    _odd("boxes are numbers, strings, null, not wrapped", {"boxTypes": {"0": 3, "4": 1}}, {"boxTypes": {"0": 3, "4": 1}}, boxes=[1, "a", None, {"refId": 4}]),
    _odd("every total a string", {"totalItems": None, "totalVolume": None}, {"totalItems": 0, "totalVolume": 0, "avgItemsPerPack": None}, lenItems="1", totalVolume="100"),
    _odd("every total null", {"totalItems": None, "totalVolume": None}, {"totalItems": 0, "totalVolume": 0}, lenItems=None, totalVolume=None),
    _odd("totals are booleans and objects", {"totalItems": None, "totalVolume": None}, {"totalItems": 0}, lenItems=True, totalVolume={}),
    _odd("negative volume and count", {"totalItems": None, "totalVolume": None}, {"totalItems": 0, "totalVolume": 0}, lenItems=-1, totalVolume=-5),
    _odd("volume of 1e300", {"totalVolume": None}, {"totalVolume": 0}, totalVolume=1e300),
    _odd("a billion items", {"totalItems": None}, {"totalItems": 0, "avgItemsPerPack": None}, lenItems=1_000_000_000),
    _odd("utilization of 7", {"volumeUtilization": None}, {"avgVolumeUtilization": None}, totalVolumeUtilization=7),
    _odd("fractional count", {"totalItems": 3}, {"totalItems": 3}, lenItems=2.6),
    _odd("carton names that mean something in a database path", {"cartons": {_HOSTILE: 1}}, {"cartons": {_HOSTILE: 1}}, boxes=[{"box": {"name": _HOSTILE}}]),
    _odd("reference ids that mean something in a database path", {"boxTypes": {"$inc": 1, "a.b": 1}}, {"boxTypes": {"$inc": 1, "a.b": 1}}, boxes=[{"box": {"refId": "$inc"}}, {"box": {"refId": "a.b"}}]),
    _odd("carton without a name", {"cartons": {"(unnamed)": 1}}, {"cartons": {"(unnamed)": 1}}, boxes=[{"box": {"name": ""}}]),
    _odd("usedKeyStem `all`", {}, {"totalPacks": 1}, usedKeyStem="all"),
    _odd("usedKeyStem with a path in it", {}, {"totalPacks": 1}, usedKeyStem="../all"),
    _odd("usedKeyStem is an object", {}, {"totalPacks": 1}, usedKeyStem={"$gt": ""}),
    _odd("500 boxes", {"totalBoxes": 500, "boxTypes": {"0": 500}}, {"boxTypes": {"0": 500}}, boxes=[{"box": {}}] * 500, lenBoxes=500),
    _odd("leftovers are a number", {"leftovers": None}, {"leftovers": 0}, leftovers=7, lenLeftovers=None),
]  # fmt: skip

ANSWERS = [*NO_PACKS, *BEHAVIOURS, *ODD_PACKS]
