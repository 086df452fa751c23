"""Facilities made from patterns are as the product writes them, each in its partition and in the order of its latency."""

from typing import Any

from bson import Decimal128, Int64

from bench.reads.documents import facilities
from common.topic import partition_of

PATTERNS: list[dict[str, Any]] = [
    {
        "_id": f"pattern{number}",
        "partition": 0,
        "requests": Int64(4),
        "latency": {"n": Int64(4), "sum": Decimal128("4000"), "buckets": {"7": Int64(4)}},
        "latency_mean": Decimal128("1000"),
    }
    for number in range(2)
]


def test_each_has_its_own_name_and_the_partition_of_it() -> None:
    found = list(facilities(PATTERNS, 50, 24))
    assert len({each["_id"] for each in found}) == 50
    assert all(each["partition"] == partition_of(each["_id"], 24) for each in found)


def test_the_mean_is_that_of_sum_and_count_and_differs_in_each() -> None:
    found = list(facilities(PATTERNS, 50, 24))
    means = [each["latency_mean"].to_decimal() for each in found]
    assert means == sorted(set(means))
    for each, mean in zip(found, means, strict=True):
        assert each["latency"]["sum"].to_decimal() / each["latency"]["n"] == mean
        assert each["latency"]["buckets"] == {"7": 4}


def test_patterns_are_left_as_they_are() -> None:
    list(facilities(PATTERNS, 50, 24))
    assert PATTERNS[0]["latency"]["sum"] == Decimal128("4000")
