"""Whatever lies in the log is counted or quarantined, in the order in which it lies there, and the rest flows."""

import json
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from aggregator.pack_stream import PackStream
from aggregator.records import Barrier, Foldable, Newer, Poison, Record, Source
from common import documents, progress
from common.events import encode
from tests.hostile.hostile_bytes import VALUES, spoilt
from tests.support.made_events import START_MS, pack, session_at
from tests.support.members import Member, database

SESSION = session_at()
OTHER_SESSION = session_at()
FIELDS = sorted(json.loads(encode(pack(SESSION, 1))))


@st.composite
def records(draw: st.DrawFn) -> bytes | None:
    """An event of a proxy with something else in its fields, or other bytes altogether."""
    changed = draw(st.dictionaries(st.sampled_from([*FIELDS, "labels", "offered"]), VALUES, min_size=1, max_size=3))
    number = draw(st.integers(1, 3))
    made: dict[str, Any] = json.loads(encode(pack(OTHER_SESSION, number))) | changed
    return draw(spoilt(st.just(made)) | st.binary(max_size=100) | st.none())


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.lists(records(), min_size=1, max_size=4))
def test_records_of_any_bytes_are_judged_and_the_others_are_counted(values: list[bytes | None]) -> None:
    readings = [PackStream(1).read(Record(0, START_MS, 0, b"", value), 0) for value in values]
    assume(not any(isinstance(reading, Barrier | Newer) for reading in readings))
    counted, held_back = 0, []
    seen: set[Source] = set()
    for reading, value in zip(readings, values, strict=True):
        assert isinstance(reading, Foldable | Poison)
        if reading.source is not None and reading.source in seen:
            continue  # whichever came first under this identity stands for both
        if reading.source is not None:
            seen.add(reading.source)
        if isinstance(reading, Foldable):
            counted += 1
        else:
            held_back.append(value)
    one = Member(database(), {})
    one.log.assign(0)
    for number, value in enumerate(values):
        one.write([pack(SESSION, 2 * number + 1)])
        one.log.append(0, value, log_ms=START_MS)
        one.write([pack(SESSION, 2 * number + 2)])
    one.turn(3 * len(values) + 5)

    assert one.position()["next_offset"] == 3 * len(values)
    held = one.mongo.documents.get(progress.QUARANTINE, {}).values()
    assert [found["value"] for found in sorted(held, key=lambda each: int(each["offset"]))] == held_back
    requests = sum(int(found["requests"]) for found in one.mongo.documents[documents.KEYDATA].values())
    assert requests == 2 * len(values) + counted
