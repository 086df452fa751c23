"""The measurement of availability knows upstream's bytes from any others, and says what is not as promised."""

import dataclasses

import pytest

from sandbox.answer import serialise
from tests.availability.meter import Sample, is_upstreams
from tests.availability.verdict import Phase, failures, percentile_ms, phase

REQUEST = b'{"itemSets":[]}'
ANSWER = serialise({"boxes": [], "title": "<Default>", "totalVolume": 0.1}, REQUEST, b"entropy")


def test_an_answer_that_nobody_touched_is_upstreams() -> None:
    assert is_upstreams(ANSWER, REQUEST)


@pytest.mark.parametrize(
    "body",
    [ANSWER.replace(b"0.1", b"0.2"), ANSWER + b"\n", ANSWER[:-1], b"", b"{}", ANSWER.replace(b'"title"', b'"titel"')],
)
def test_one_byte_that_differs_is_noticed(body: bytes) -> None:
    assert not is_upstreams(body, REQUEST)


def test_the_answer_to_another_request_is_noticed() -> None:
    assert not is_upstreams(ANSWER, REQUEST + b" ")


def answered(*seconds: float) -> list[Sample]:
    return [Sample(0.0, each, good=True, said="200") for each in seconds]


def test_percentiles_are_nearest_rank_over_what_was_answered() -> None:
    samples = [*answered(*(number / 1000 for number in range(1, 201))), Sample(0.0)]
    assert percentile_ms(samples, 0.5) == pytest.approx(100)
    assert percentile_ms(samples, 0.99) == pytest.approx(198)
    assert percentile_ms([Sample(0.0)], 0.99) is None


def test_a_phase_says_what_the_rest_was_answered_with() -> None:
    found = phase("a", 1.0, [*answered(0.1), Sample(0.0, 0.1, said="503"), Sample(0.0)], {})
    assert (found.requests, found.good, found.other) == (3, 1, {"503": 1, "no reply": 1})


GOOD = Phase("healing", 1.0, 1000, 999, 0.999, 1.0, 2.0, {}, {}, lag_back_s=29.0, most_behind=7)


@pytest.mark.parametrize(
    ("changed", "counts", "named"),
    [
        ({}, (10, 0, 10), None),
        ({}, (10, 1, 11), None),
        ({"share": 0.9989}, (10, 0, 10), "99.890%"),
        ({"lag_back_s": 31.0}, (10, 0, 10), "after 31.0 s"),
        ({"lag_back_s": None}, (10, 0, 10), "never"),
        ({"lag_back_s": None, "most_behind": None}, (10, 0, 10), None),
        ({}, (10, 0, 9), "9 are"),
        ({}, (10, 0, 11), "11 are"),
    ],
)
def test_what_is_not_as_promised_is_named(
    changed: dict[str, float | None], counts: tuple[int, int, int], named: str | None
) -> None:
    lines = list(failures([dataclasses.replace(GOOD, **changed)], *counts))  # type: ignore[arg-type]  # its fields
    assert len(lines) == (0 if named is None else 1)
    assert named is None or named in lines[0]
