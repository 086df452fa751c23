"""Events for tests: a whole pack unless a test says otherwise, in the partition that is its keystem's."""

from datetime import UTC, datetime, timedelta
from typing import Any

from common.events import BoxRow, DeleteEvent, PackEvent
from common.identity import new_session
from common.topic import partition_of

START = datetime(2025, 3, 25, 5, 47, 23, 483_000, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def session_at(moment: datetime = START) -> str:
    """A session that began then."""
    return new_session(int(moment.timestamp() * 1000) * 1_000_000)


def keystem_in(partition: int, partitions: int, nth: int = 0) -> str:
    """A keystem whose partition that is; another one for every `nth`."""
    candidates = (f"stem{number:04}" for number in range(100_000))
    matching = (name for name in candidates if partition_of(name, partitions) == partition)
    return next(name for number, name in enumerate(matching) if number == nth)


def box(**changed: Any) -> BoxRow:
    fields: dict[str, Any] = {
        "carton": "small",
        "ref_id": "3",
        "dims": (1.0, 2.0, 3.0),
        "items": 5,
        "volume": 100.0,
        "volume_used": 60.0,
        "volume_net": 50.0,
        "weight": 10.5,
        "weight_max": 50.0,
        "dim_weight": 12.0,
        "dim_billed": True,
        "price_cents": 500,
        "material_cents": 50,
    }
    return BoxRow(**(fields | changed))


def pack(session: str, seq: int, keystem: str = "stem0001", **changed: Any) -> PackEvent:
    """A pack of one box, a second after the one with the `seq` before; `partitions` says of how many, one by default."""
    partitions = changed.pop("partitions", 1)
    fields: dict[str, Any] = {
        "schema": 1,
        "session": session,
        "partition": partition_of(keystem, partitions),
        "seq": seq,
        "keystem": keystem,
        "keystem_from": "answer",
        "request_id": f"request-{seq}",
        "occurred_at": START + timedelta(seconds=seq),
        "latency_ns": 600_000_000 + seq,
        "proxy_ns": 400_000,
        "outcome": "packed",
        "status": 200,
        "engine_version": "1.9.2",
        "pack_s": 0.0015,
        "render_s": 0.25,
        "offered_hash": "0123abcd",
        "items_asked": 5,
        "items": 5,
        "units": 4,
        "boxes": 1,
        "leftovers": 0,
        "volume": 100.0,
        "volume_used": 60.0,
        "volume_net": 50.0,
        "utilization": 0.6,
        "weight": 10.5,
        "cost_cents": 500,
        "box_types": {"3": 1},
        "box_rows": [box()],
    }
    return PackEvent(**(fields | changed))


def delete(session: str, seq: int, keystem: str = "stem0001", **changed: Any) -> DeleteEvent:
    partitions = changed.pop("partitions", 1)
    fields: dict[str, Any] = {
        "schema": 1,
        "session": session,
        "partition": partition_of(keystem, partitions),
        "seq": seq,
        "keystem": keystem,
        "occurred_at": START + timedelta(seconds=seq),
        "actor": "test",
    }
    return DeleteEvent(**(fields | changed))
