"""Ready is a proxy that can take one more event, and it says what is missing behind it."""

from typing import Any

import pytest

from proxy.health import readiness
from proxy.outbox import SpoolStatus


def spool(**fields: Any) -> SpoolStatus:
    usual: dict[str, Any] = {
        "slot": "slot-000",
        "bytes": 1000,
        "limit_bytes": 10_000,
        "fill": 0.1,
        "accepting": True,
        "refusing": None,
        "waiting": 3,
        "oldest_s": 1.5,
        "growth_bytes_per_s": 0.0,
        "full_in_s": None,
        "set_aside": 0,
        "orphans": ("slot-001",),
        "kafka": "sending",
        "problem": None,
    }
    return SpoolStatus(**{**usual, **fields})


@pytest.mark.parametrize("kafka", ["starting", "sending", "unreachable", "mismatch"])
@pytest.mark.parametrize("mongo", [True, False])
def test_a_proxy_that_can_still_spool_is_ready_whatever_is_away(kafka: str, mongo: bool) -> None:
    found = readiness(spool(kafka=kafka, problem="why"), mongo_answers=mongo).model_dump()
    assert found["ready"] is True
    assert found["kafka"] == {"state": kafka, "problem": "why"}
    assert found["mongo"] == {"state": "answers" if mongo else "away"}


def test_a_proxy_that_cannot_spool_is_not_ready_and_says_why() -> None:
    found = readiness(spool(accepting=False, refusing="the spool is full", fill=1.0), mongo_answers=True)
    assert found.ready is False
    assert found.spool.refusing == "the spool is full"


def test_the_spool_is_described() -> None:
    found = readiness(spool(full_in_s=60.0), mongo_answers=True).model_dump()["spool"]
    assert found == {
        "slot": "slot-000",
        "bytes": 1000,
        "limitBytes": 10_000,
        "fill": 0.1,
        "accepting": True,
        "refusing": None,
        "waiting": 3,
        "oldestSeconds": 1.5,
        "fullInSeconds": 60.0,
        "setAside": 0,
        "orphans": ["slot-001"],
    }
