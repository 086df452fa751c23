"""The partition of a keystem is Kafka's own, or the Java clients of others would put it elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.topic import TOPIC_CONFIG, min_insync_replicas, murmur2, partition_of


# Published in Kafka's own UtilsTest.testMurmur2.
@pytest.mark.parametrize(
    ("data", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_kafka(data: bytes, signed: int) -> None:
    assert murmur2(data) == signed % 2**32


def test_a_negative_hash_is_made_positive_as_kafka_does_it() -> None:
    assert partition_of("foobar", 24) == (-790332482 & 0x7FFFFFFF) % 24


@given(st.binary(max_size=70))
def test_a_hash_has_32_bits(data: bytes) -> None:
    assert 0 <= murmur2(data) < 2**32


@given(st.text("abcXYZ019_-", min_size=1, max_size=64), st.integers(1, 100))
def test_every_keystem_has_a_partition(keystem: str, partitions: int) -> None:
    assert 0 <= partition_of(keystem, partitions) < partitions


def test_two_copies_are_acknowledged_where_there_are_three() -> None:
    assert [min_insync_replicas(replication) for replication in (1, 2, 3, 5)] == [1, 1, 2, 2]


def test_the_log_keeps_records_for_two_weeks_and_stamps_them_itself() -> None:
    assert TOPIC_CONFIG["retention.ms"] == "1209600000"
    assert TOPIC_CONFIG["message.timestamp.type"] == "LogAppendTime"
    assert TOPIC_CONFIG["cleanup.policy"] == "delete"
    assert TOPIC_CONFIG["unclean.leader.election.enable"] == "false"
