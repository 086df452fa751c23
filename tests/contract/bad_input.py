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

_ANSWERS = """\
## Answers of upstream

Each is one request in the totals, of the outcome that is named. In view `pack` the caller gets upstream's status and
bytes wherever there are any; where there are none, or too many, the proxy's own error in Paccurate's shape."""

_RECORDS = """\
## Records in the topic

Somebody else may write into the topic. A record in quarantine is kept as it is (`python -m admin quarantine list`),
and the partition goes on in the same transaction."""


def render() -> str:
    parts = [_HEAD, "## Requests", "### Bodies", *_requests(BODIES)]
    parts += ["### Methods, paths and parameters", *_requests(TARGETS)]
    parts += ["### Headers and framing", *_requests(HEADERS)]
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
