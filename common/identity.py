"""Identities of proxy sessions: UUIDv7, so that a session says when it began."""

import os
import time
import uuid
from functools import lru_cache


def new_session(now_ns: int | None = None) -> str:
    """A fresh UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, the rest random."""
    milliseconds = (time.time_ns() if now_ns is None else now_ns) // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (
        (milliseconds & 0xFFFFFFFFFFFF) << 80
        | 0x7 << 76
        | (random >> 68) << 64
        | 0b10 << 62
        | (random & ((1 << 62) - 1))
    )
    return str(uuid.UUID(int=value))


@lru_cache(maxsize=1024)  # asked of every record, and there are few sessions
def started_ms(session: str) -> int | None:
    """When a session began, in Unix milliseconds; None where the text is no UUIDv7 in its usual form."""
    try:
        value = uuid.UUID(session)
    except ValueError:
        return None
    if value.version != 7 or str(value) != session:
        return None
    return value.int >> 80
