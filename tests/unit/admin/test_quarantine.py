"""What is shown of records that strangers wrote."""

import pytest

from admin.quarantine import printable, state_of
from admin.quarantine_show import decoded, hex_dump
from common.mongo import Document


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "held"),
        ({"cleared": True}, "cleared by a delete"),
        ({"retry": {"session": "s"}}, "retry not finished"),
        ({"retry": {"session": "s", "sent_at": "now"}}, "retried"),
        ({"discarded": {"by": "me"}, "cleared": True}, "discarded"),
    ],
)
def test_the_state_says_what_became_of_a_record(fields: Document, state: str) -> None:
    assert state_of(fields) == state


def test_what_moves_the_cursor_of_a_terminal_is_shown_instead_of_sent() -> None:
    assert printable("a\x1b[2J\r\né") == "a\\x1b[2J\\r\\né"


def test_bytes_are_shown_sixteen_a_line_and_no_more_than_asked() -> None:
    assert hex_dump(b"0123456789abcdef\x00\xff!", 18).splitlines() == [
        "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef",
        f"00000010  {'00 ff':<48} ..",
    ]
    assert hex_dump(b"", 18) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"a":"\xc3\xa9"}', '{\n "a": "\\u00e9"\n}'),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (b'"' + b"x" * 200 + b'"', None),
    ],
)
def test_a_value_is_decoded_where_it_is_json_and_short_enough(value: bytes, shown: str | None) -> None:
    assert decoded(value, 100 if shown is None else 4096) == shown
