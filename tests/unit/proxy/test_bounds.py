"""Whatever strangers send comes out within the bounds of an event, or not at all."""

import math
from hashlib import blake2b

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.events import MAX_STRING_BYTES
from proxy import bounds
from proxy.bounds import MAX_COUNT, MAX_VOLUME, Numbers

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.text())
@example("x" * 128)
@example("x" * 129)
@example("ü" * 64)
@example("a" + "ü" * 64)
@example("😀" * 33)
def test_text_fits_into_128_bytes_and_is_cut_between_characters(text: str) -> None:
    cut = bounds.bounded(text)

    assert len(cut.encode()) <= MAX_STRING_BYTES
    whole = text.encode()
    if len(whole) <= MAX_STRING_BYTES:
        assert cut == text
    else:
        kept, mark = cut[:-9], cut[-9:]
        assert text.startswith(kept)
        assert mark == "~" + blake2b(whole, digest_size=4).hexdigest()
        assert len(cut.encode()) > MAX_STRING_BYTES - 4


def test_long_names_that_begin_alike_stay_different() -> None:
    assert bounds.bounded("x" * 200 + "1") != bounds.bounded("x" * 200 + "2")


def test_a_lone_surrogate_is_no_crash() -> None:
    assert bounds.bounded("\ud800" * 40) == "\ud800" * 40  # 40 question marks once encoded


@pytest.mark.parametrize(
    ("value", "expected"),
    [("name", "name"), ("", None), (None, None), (5, None), (["name"], None), ({}, None)],
)
def test_text_is_a_string_that_is_not_empty(value: object, expected: str | None) -> None:
    assert bounds.text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (10, "10"),
        (10.0, "10"),
        (-1, "-1"),
        (2.5, "2.5"),
        ("A-7", "A-7"),
        ("", None),
        (None, None),
        ([], None),
        (math.inf, "inf"),
        (10**300, bounds.bounded(str(10**300))),
    ],
)
def test_a_reference_is_a_number_or_a_string(value: object, expected: str | None) -> None:
    assert bounds.label(value) == bounds.ref_id(value) == expected


def test_a_boolean_is_a_label_but_no_reference() -> None:
    assert (bounds.label(True), bounds.label(False), bounds.ref_id(True)) == ("true", "false", None)


@settings(deadline=None)
@given(json_values)
def test_no_value_makes_a_reader_raise(value: object) -> None:
    numbers = Numbers()
    for found in (numbers.measure(value, MAX_VOLUME), numbers.rounded(value, MAX_VOLUME)):
        assert found is None or 0 <= found <= MAX_VOLUME
    count = numbers.count(value)
    assert count is None or 0 <= count <= MAX_COUNT
    assert count is None or type(count) is int
    numbers.cents(value)
    numbers.seconds(value)
    numbers.dims(value)
    bounds.text(value)
    bounds.label(value)
    assert isinstance(bounds.mapping(value), dict)
    assert bounds.rows(value) is None or isinstance(value, list)


@pytest.mark.parametrize("absurd", [math.inf, -math.inf, math.nan, -1, -0.001, 1e13, 10**400, -(10**400)])
def test_an_absurd_number_is_unknown_and_counted(absurd: float) -> None:
    numbers = Numbers()

    assert numbers.measure(absurd, MAX_VOLUME) is None
    assert numbers.suspect == 1


@pytest.mark.parametrize("wrong", [None, "5", True, False, [], {}])
def test_a_value_of_the_wrong_type_is_missing_and_not_suspect(wrong: object) -> None:
    numbers = Numbers()

    assert numbers.measure(wrong, MAX_VOLUME) is None
    assert numbers.suspect == 0


def test_a_shortfall_of_binary_fractions_is_zero() -> None:
    numbers = Numbers()

    assert numbers.rounded(-1e-12, MAX_VOLUME) == 0
    assert math.copysign(1, bounds.micro(-0.0)) == 1
    assert numbers.suspect == 0


def test_measures_are_rounded_to_millionths_and_seconds_to_nanoseconds() -> None:
    numbers = Numbers()

    assert numbers.rounded(0.36996528, 2) == 0.369965
    assert numbers.measure(0.36996528, 2) == 0.36996528
    assert numbers.seconds(0.0007008561234) == 0.000700856
    assert numbers.seconds(None) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(23, 23), (23.0, 23), (22.7, 23), (1_000_000, 1_000_000), ("23", None)]
)
def test_a_count_may_come_as_a_fraction(value: object, expected: int | None) -> None:
    assert Numbers().count(value) == expected


def test_a_count_beyond_a_million_is_suspect_and_cents_are_not() -> None:
    numbers = Numbers()

    assert numbers.count(1_000_001) is None
    assert numbers.cents(1_000_001) == 1_000_001
    assert numbers.suspect == 1


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ({"x": 1, "y": 2.5, "z": 3}, (1.0, 2.5, 3.0)),
        ({"x": 1, "y": 2}, None),
        ({"x": 1, "y": None, "z": 3}, None),
        ({"x": -1, "y": 2, "z": 3}, None),
        (None, None),
        ([1, 2, 3], None),
    ],
)
def test_dims_are_known_only_if_all_three_sides_are(point: object, expected: object) -> None:
    assert Numbers().dims(point) == expected
