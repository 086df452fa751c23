"""Complaints about malformed JSON: in Go's words, for exactly those texts that are no JSON."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.syntax import complaint

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "EOF"),
        (" \n\t", "EOF"),
        ("{", "unexpected EOF"),
        ('{"a', "unexpected EOF"),
        ('{"a":', "unexpected EOF"),
        ("[1,", "unexpected EOF"),
        ("tru", "unexpected EOF"),
        ("-", "unexpected EOF"),
        ("1.", "unexpected EOF"),
        ("1e+", "unexpected EOF"),
        ('"\\', "unexpected EOF"),
        ('"\\u00', "unexpected EOF"),
        ("{}x", "invalid character 'x' after top-level value"),
        ("{}{}", "invalid character '{' after top-level value"),
        ("01", "invalid character '1' after top-level value"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("<html>", "invalid character '<' looking for beginning of value"),
        ("undefined", "invalid character 'u' looking for beginning of value"),
        ("NaN", "invalid character 'N' looking for beginning of value"),
        ("'a'", "invalid character '\\'' looking for beginning of value"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[1.5.2]", "invalid character '.' after array element"),
        ("trux", "invalid character 'x' in literal true (expecting 'e')"),
        ("nulL", "invalid character 'L' in literal null (expecting 'l')"),
        ('"a\nb"', "invalid character '\\n' in string literal"),
        ('"\\x"', "invalid character 'x' in string escape code"),
        ('"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"),
        ("-a", "invalid character 'a' in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1ex", "invalid character 'x' in exponent of numeric literal"),
        ("1e+x", "invalid character 'x' in exponent of numeric literal"),
    ],
)
def test_complaints_read_like_gos(text: str, expected: str) -> None:
    assert complaint(text.encode()) == expected


def test_a_byte_order_mark_is_no_json() -> None:
    assert complaint(b"\xef\xbb\xbf{}") == "invalid character 'ï' looking for beginning of value"


def test_depth_does_not_hurt() -> None:
    assert complaint(b"[" * 50_000) == "unexpected EOF"
    assert complaint(b"[" * 50_000 + b"]" * 50_000) is None


@given(_JSON)
@settings(max_examples=30, deadline=None)
def test_json_is_not_complained_about(value: object) -> None:
    assert complaint(json.dumps(value).encode()) is None
    assert complaint(json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace")) is None


@given(_JSON, st.data())
@settings(max_examples=60, deadline=None)
def test_exactly_what_a_strict_parser_refuses_is_complained_about(value: object, data: st.DataObject) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + data.draw(st.sampled_from(["", "x", ",", '"', "}", "]", "0", "."])) + text[at + 1 :]
    try:
        json.loads(damaged, parse_constant=_refuse)
    except ValueError:
        assert complaint(damaged.encode()) is not None
    else:
        assert complaint(damaged.encode()) is None


def _refuse(constant: str) -> object:
    raise ValueError(constant)
