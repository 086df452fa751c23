"""Who may pack."""

import pytest

from sandbox.keys import DemoQuota, Keys, header_key, stem

DAY_NS = 86_400 * 10**9


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        ("apikey abc", "abc"),
        ("APIKEY  abc ", "abc"),
        ("apikey", ""),
        ("Bearer abc", ""),
        ("abc", ""),
        ("", ""),
    ],
)
def test_the_key_is_the_second_word_of_the_header(header: str | None, key: str | None) -> None:
    assert header_key(header) == key


@pytest.mark.parametrize(
    ("key", "admitted"),
    [
        ("a" * 16, True),
        ("Az09_-" * 10, True),
        ("a" * 15, False),
        ("undefined", False),
        ("", False),
        ("a b" * 9, False),
        ("ü" * 20, False),
    ],
)
def test_anything_that_looks_like_a_key_is_one(key: str, admitted: bool) -> None:
    assert Keys(frozenset()).admit(key) is admitted


def test_only_the_given_keys_are_accepted_if_there_are_any() -> None:
    keys = Keys(frozenset({"short", "other"}))
    assert keys.admit("short")
    assert not keys.admit("a" * 40)


def test_the_stem_is_the_first_ten_characters() -> None:
    assert stem("0123456789abcdef") == "0123456789"
    assert stem("") == ""


def test_the_quota_counts_different_requests_of_a_day() -> None:
    quota = DemoQuota(2)
    assert [quota.admit(name, 5) for name in ("a", "b", "a", "c", "b")] == [True, True, True, False, True]


def test_the_quota_is_new_at_midnight_utc() -> None:
    quota = DemoQuota(1)
    assert quota.admit("a", DAY_NS - 1)
    assert not quota.admit("b", DAY_NS - 1)
    assert quota.admit("b", DAY_NS)


def test_a_quota_of_none_admits_none() -> None:
    assert not DemoQuota(0).admit("a", 0)
