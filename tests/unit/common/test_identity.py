"""Sessions are UUIDv7: unique, and they say when they began."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.identity import new_session, started_ms


@given(st.integers(0, 2**48 - 1))
def test_a_session_says_when_it_began(milliseconds: int) -> None:
    session = new_session(milliseconds * 1_000_000 + 999_999)
    assert started_ms(session) == milliseconds
    value = uuid.UUID(session)
    assert (value.version, value.variant, len(session)) == (7, uuid.RFC_4122, 36)


def test_a_session_begins_now_unless_said_otherwise() -> None:
    before = uuid.UUID(new_session()).int >> 80
    assert before > 1_700_000_000_000
    assert (started_ms(new_session()) or 0) >= before


def test_sessions_of_one_instant_differ() -> None:
    assert len({new_session(1) for _ in range(1000)}) == 1000


def test_every_random_bit_is_random() -> None:
    values = [uuid.UUID(new_session(0)).int for _ in range(400)]
    always = values[0]
    never = ~values[0]
    for value in values:
        always &= value
        never &= ~value
    fixed = (always | never) & ((1 << 80) - 1)
    assert fixed == 0xF << 76 | 0b11 << 62, "only version and variant are the same in all"


@pytest.mark.parametrize(
    "session",
    [
        "",
        "not a session",
        "0190aaaa-0000-4000-8000-000000000000",  # version 4
        "0190aaaa-0000-7000-0000-000000000000",  # another variant
        "0190AAAA-0000-7000-8000-000000000000",  # the same UUID must not have two names
        "{0190aaaa-0000-7000-8000-000000000000}",
        "0190aaaa00007000800000000000000000",
        "0190aaaa000070008000000000000000",
        "0190aaaa-0000-7000-8000-00000000000٠",  # int() takes any digits
    ],
)
def test_nothing_else_is_a_session(session: str) -> None:
    assert started_ms(session) is None
