"""The test every stage has to pass before its speed is of any interest: its answers are those the generator counted."""

import http.client
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date, timedelta
from urllib.parse import urlencode, urlsplit

import msgspec

from study.kit.manifest import Case, Manifest, Row
from study.kit.timing import Timing

_SERVER_TIMING = re.compile(r'db;dur=[\d.]+;desc="\d+ calls, \d+ rows", total;dur=[\d.]+')
_SHOWN = 300


class Answer(msgspec.Struct, frozen=True):
    rows: list[Row]
    timing: Timing


class Caller:
    """One connection to a backend, kept open."""

    def __init__(self, url: str, timeout_s: float = 300) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)

    def get(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self._connection.request("GET", f"{path}?{urlencode(query)}")
        reply = self._connection.getresponse()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()

    def close(self) -> None:
        self._connection.close()


def verify(url: str, manifest: Manifest, cases: Iterable[Case] | None = None) -> list[str]:
    """All differences, each as a sentence; none if the stage answers as it must."""
    with closing(Caller(url)) as caller:
        found = [
            difference
            for case in (manifest.expected if cases is None else cases)
            for difference in _of_case(caller, case)
        ]
        return [*found, *_of_no_database(caller, manifest), *_of_wrong_input(caller, manifest)]


def _of_case(caller: Caller, case: Case) -> list[str]:
    status, headers, body = caller.get(f"/reports/{case.report}", case.query)
    if status != 200:
        return [f"{case.name}: {status} {body[:_SHOWN]!r}"]
    try:
        answer = msgspec.json.decode(body, type=Answer)
    except msgspec.DecodeError as error:
        return [f"{case.name}: {error}"]
    found = _of_timing(answer.timing, headers.get("server-timing", ""))
    if not answer.timing.calls:
        found.append("the database was not asked")
    if answer.rows != case.rows:
        found.append(_first_difference(answer.rows, case.rows))
    return [f"{case.name}: {what}" for what in found]


def _of_timing(timing: Timing, header: str) -> list[str]:
    found = []
    if not 0 <= timing.database_ms <= timing.request_ms:
        found.append(f"times cannot be right: {timing}")
    if not _SERVER_TIMING.fullmatch(header):
        found.append(f"Server-Timing is {header!r}")
    return found


def _first_difference(rows: Sequence[Row], expected: Sequence[Row]) -> str:
    for number, (row, right) in enumerate(zip(rows, expected, strict=False)):
        if row != right:
            return f"row {number} is {row}, not {right}"
    return f"{len(rows)} rows, not {len(expected)}"


def _of_no_database(caller: Caller, manifest: Manifest) -> list[str]:
    query = {"tenant": manifest.named["client"], "from": manifest.first_day, "to": manifest.end}
    status, headers, body = caller.get("/reports/no-database", query)
    if status != 200:
        return [f"no-database: {status} {body[:_SHOWN]!r}"]
    answer = msgspec.json.decode(body, type=Answer)
    found = _of_timing(answer.timing, headers.get("server-timing", ""))
    if len(answer.rows) != 24 or answer.timing.calls:
        found.append(f"{len(answer.rows)} rows with {answer.timing.calls} calls")
    return [f"no-database: {what}" for what in found]


def wrong_input(manifest: Manifest) -> list[tuple[int, str, dict[str, str], str]]:
    """Status, path, query, and what the text of the error must begin with."""
    right = {"tenant": manifest.named["client"], "from": manifest.first_day, "to": manifest.end}
    stranger = "00000000-0000-4000-8000-000000000000"
    day = (date.fromisoformat(manifest.end) - timedelta(days=1)).isoformat()
    floor = {"tenant": right["tenant"], "facility": "F01", "day": day}
    return [
        (422, "/reports/days", right | {"tenant": "client"}, "tenant: "),
        (422, "/reports/days", right | {"from": "yesterday"}, "from: "),
        (422, "/reports/hours", right | {"to": "1782864000"}, "to: "),
        (422, "/reports/hours", right | {"to": "2026-02-30"}, "to: "),
        (422, "/reports/states", right | {"to": right["from"]}, "from: "),
        (422, "/reports/sizes", {"tenant": right["tenant"]}, "from: "),
        (422, "/reports/items", right | {"limit": "0"}, "limit: "),
        (422, "/reports/league", right | {"limit": "many"}, "limit: "),
        (422, "/reports/floor", floor | {"day": "2026-6-1"}, "day: "),
        (404, "/reports/floor", floor | {"facility": "F99"}, "facility: "),
        (404, "/reports/days", right | {"tenant": stranger}, "tenant: "),
        (404, "/reports/weather", right, "Not Found"),
    ]


def _of_wrong_input(caller: Caller, manifest: Manifest) -> list[str]:
    found = []
    for status, path, query, text in wrong_input(manifest):
        got, _, body = caller.get(path, query)
        said = msgspec.json.decode(body).get("error", "") if got == status else ""
        if not said.startswith(text):
            found.append(f"{path} {query}: {got} {body[:_SHOWN]!r}, not {status} with {text!r}")
    return found
