"""The table of bad input in the documentation is the list that the tests run."""

from pathlib import Path

from tests.contract.bad_answers import ANSWERS
from tests.contract.bad_input import render
from tests.contract.bad_records import NEWER, RECORDS
from tests.contract.bad_requests import REQUESTS

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"


def test_page_is_what_the_lists_render() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m tests.contract.bad_input > docs/bad-input.md"


def test_every_case_has_a_name_of_its_own() -> None:
    for cases in (REQUESTS, ANSWERS, [*RECORDS, *NEWER]):
        names = [case.name for case in cases]
        assert len(set(names)) == len(names)
    assert len(REQUESTS) + len(ANSWERS) + len(RECORDS) >= 40
