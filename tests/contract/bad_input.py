"""The table of bad input in docs/bad-input.md, from the same lists that the tests run.

python -m tests.contract.bad_input > docs/bad-input.md
"""

import sys
from collections.abc import Iterable, Iterator

from tests.contract.bad_answers import BEHAVIOURS, NO_PACKS, ODD_PACKS, BadAnswer
from tests.contract.bad_records import NEWER, NO_EVENTS, OUT_OF_BOUNDS, TAKEN, BadRecord
from tests.contract.bad_requests import BODIES, HEADERS, TARGETS, BadRequest

_HEAD = """\
# Bad input

What malformed requests, answers and records get. Every row is a test of its own (`tests/contract/test_bad_*.py`), which
also sends good packs before and behind it and finds exactly those in the totals: nothing else is disturbed.
This page is made from the lists of those tests: `python -m tests.contract.bad_input`.

Without `X-Event-ID` a request is not counted; with it, it is counted once, as what became of it."""

_CALLERS = """\
### Slow, endless and half-closed callers

Kept by `tests/hostile/test_callers.py`. Each costs its caller the connection and nobody else anything: a caller that is
still sending holds no place of a pack and none in the spool. What is told is JSON with `Message`, after the answers to
the requests before it on that connection.

| caller | is told | limit |
| --- | --- | --- |
| sends its head too slowly | 408, closed | `PROXY__HEAD_TIMEOUT_S` |
| sends a head, or trailers, that are too large | 431, closed | `PROXY__HEAD_MAX_BYTES` |
| sends its body too slowly | 408, closed | `PROXY__BODY_TIMEOUT_S` |
| goes on sending behind its answer | closed | `PROXY__BODY_TIMEOUT_S` |
| says nothing, or only empty lines | closed | `PROXY__KEEP_ALIVE_S` |
| takes no answer | closed | `PROXY__SEND_TIMEOUT_S` |
| is one connection too many | 503, closed | `PROXY__MAX_CALLERS` |
| comes when the process has as many files open as it may | nothing: it waits until others have gone; the log says \
`callers_not_taken` | `ulimit -n` |
| sends requests without waiting for answers | the first ones are answered, then closed | `PROXY__MAX_PIPELINED` |
| is one pack too many | 503, `Retry-After` | `PROXY__MAX_IN_FLIGHT` |
| sends more than fits into memory with what others sent | 503, `Retry-After` | `PROXY__MAX_HELD_BYTES` |
| sends something behind a pack that is no HTTP | the pack's answer, then 400, closed | |
| sends trailers | nothing: they are read and dropped | |
| closes its half of the connection behind a whole request | its answers, then closed (not over TLS) | |
| closes its half before that | closed; nothing went upstream | |"""

_ANSWERS = """\
## Answers of upstream

Each is one request in the totals, of the outcome that is named. In view `pack` the caller gets upstream's status and
bytes wherever there are any; where there are none, or too many, the proxy's own error in Paccurate's shape.
Endless ones end at `PROXY__MAX_ANSWER_BYTES` (as sent and unpacked), `PROXY__MAX_ANSWER_HEAD_BYTES` (a header, of which
there may be 128) or `PROXY__UPSTREAM_TIMEOUT_S`. A connection on which upstream says something unasked, or more than its
answer, is not used again (`tests/hostile/test_answers.py`)."""

_RECORDS = """\
## Records in the topic

Somebody else may write into the topic. A record in quarantine is kept as it is (`python -m admin quarantine list`),
and the partition goes on in the same transaction."""


def render() -> str:
    parts = [_HEAD, "## Requests", "### Bodies", *_requests(BODIES)]
    parts += ["### Methods, paths and parameters", *_requests(TARGETS)]
    parts += ["### Headers and framing", *_requests(HEADERS), _CALLERS]
    parts += [_ANSWERS, "### Answers that are no pack", *_answers(NO_PACKS)]
    parts += ["### Connections that break", *_answers(BEHAVIOURS)]
    parts += ["### Packs with something odd in them", *_answers(ODD_PACKS)]
    parts += [_RECORDS, *_records([*NO_EVENTS, *OUT_OF_BOUNDS, *TAKEN, *NEWER])]
    return "\n\n".join(parts) + "\n"


def _requests(cases: Iterable[BadRequest]) -> Iterator[str]:
    rows = (
        (case.name, str(case.status), _quoted(case.message), "yes, counted once" if case.called else "no")
        for case in cases
    )
    yield _table(("request", "status", "`Message` has", "upstream called"), rows)


def _answers(cases: Iterable[BadAnswer]) -> Iterator[str]:
    rows = ((case.name, str(case.status), str(case.passed), case.outcome, _figures(case)) for case in cases)
    yield _table(("answer", "view `stats`", "view `pack`", "counted as", "the statistics say"), rows)


def _records(cases: Iterable[BadRecord]) -> Iterator[str]:
    yield _table(("record", "what becomes of it", "reason"), ((case.name, case.fate, case.reason) for case in cases))


def _figures(case: BadAnswer) -> str:
    return ", ".join(f"`{name}` {_shown(value)}" for name, value in (case.stats or {}).items())


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_quoted(str(key))}: {number}" for key, number in value.items()) or "nothing"
    return "null" if value is None else str(value)


def _quoted(text: str) -> str:
    return f"`{text.encode('unicode_escape').decode()}`" if text else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(render())
