"""The topic as both sides see it: which partition a keystem has, and what the topic must be like."""

from functools import lru_cache

# What the topic is created with, and what both sides check at their start. Records must live long enough for an
# operator to bring a stopped aggregator back; the log's own time makes hours independent of the proxies' clocks.
TOPIC_CONFIG = {
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": str(14 * 24 * 3600 * 1000),
    "unclean.leader.election.enable": "false",
}


def min_insync_replicas(replication: int) -> int:
    """Two copies are acknowledged where there are three; on one machine there is only one."""
    return 2 if replication >= 3 else 1


@lru_cache(maxsize=65536)
def partition_of(keystem: str, partitions: int) -> int:
    """Kafka's own default partition of a key: murmur2 of its bytes, made positive, modulo the number of partitions."""
    return (murmur2(keystem.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The 32-bit murmur2 hash as Kafka's Java client computes it (seed 0x9747b28c), unsigned."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    length = len(data)
    h = (0x9747B28C ^ length) & mask
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    if length > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)
