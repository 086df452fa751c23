"""Bytes and numbers as the real service writes them."""

import hashlib

import pytest

from sandbox import gojson
from sandbox.measures import cubic, eight_decimals, measure, micro, plain


def test_keys_are_sorted_at_every_level_and_nothing_is_padded() -> None:
    assert gojson.encode({"b": 1, "a": {"z": None, "Z": [1, 2.5]}}) == b'{"a":{"Z":[1,2.5],"z":null},"b":1}'


def test_markup_is_escaped_and_other_characters_are_not() -> None:
    assert gojson.encode("<a> & ü\u2028 µ") == '"\\u003ca\\u003e \\u0026 ü\\u2028 µ"'.encode()


def test_parts_join_to_the_object_they_are_parts_of() -> None:
    parts = [gojson.encode_members({"a": 1}), gojson.encode_members({}), gojson.encode_members({"c": [], "b": {}})]
    assert gojson.join_members(parts) == gojson.encode({"a": 1, "b": {}, "c": []})
    assert gojson.join_members([]) == b"{}"


def test_a_fingerprint_is_unkeyed_blake2b_of_64_bytes() -> None:
    assert gojson.fingerprint(b"x") == hashlib.blake2b(b"x", digest_size=64).hexdigest()


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0ns"),
        (999, "999ns"),
        (219_701, "219.701µs"),
        (1_000_000, "1ms"),
        (1_500_000_000, "1.5s"),
        (680_475, "680.475µs"),
    ],
)
def test_durations_read_like_gos(nanoseconds: int, text: str) -> None:
    assert gojson.duration(nanoseconds) == text


def test_utilization_is_told_as_observed() -> None:
    assert eight_decimals(594 / 1334.8125) == 0.44500632
    assert eight_decimals(6393 / 17280) == 0.36996528
    assert [repr(eight_decimals(share)) for share in (0.0, 0.5, 1.0)] == ["0", "0.5", "1"]


def test_whole_numbers_have_no_point() -> None:
    assert [repr(plain(240.0)), repr(plain(0.5)), repr(measure(micro(4.2))), repr(measure(5_000_000))] == [
        "240",
        "0.5",
        "4.2",
        "5",
    ]
    assert cubic(micro(4.2) * micro(7) * micro(8)) == 235.2
