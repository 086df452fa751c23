"""Which quarantined records may go into the topic once more, and under which identity."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from admin.refusal import RefusalError
from admin.retry_plan import plan
from aggregator.batches import Quarantined
from aggregator.bson_forms import quarantine_fields
from aggregator.pack_stream import PackStream
from aggregator.records import Poison, Record
from common.events import PackEvent, encode
from common.mongo import Document
from tests.support.made_events import START, delete, keystem_in, pack, session_at

PARTITIONS = 4
SESSION = session_at()
NOW = START + timedelta(hours=1)


def quarantined(value: bytes | None, partition: int = 0, **changed: Any) -> Document:
    """The document of a record as the aggregator of today would make it, or as it was made once."""
    record = Record(7, int(START.timestamp() * 1000), 0, b"k", value)
    reading = PackStream(PARTITIONS).read(record, partition)
    poison = reading if isinstance(reading, Poison) else Poison("not an event: of another day", None, None)
    fields = quarantine_fields(partition, Quarantined(record, poison.reason, poison.source, poison.subject))
    return {"_id": f"topic:{partition}:7", "topic": "pack-stats", **fields, **changed}


def event(**changed: Any) -> PackEvent:
    made = pack(SESSION, 3, keystem_in(0, PARTITIONS), partitions=PARTITIONS)
    return msgspec.structs.replace(made, **changed)


def test_a_pack_in_the_wrong_partition_goes_home_under_a_new_identity() -> None:
    document = quarantined(encode(event(partition=2)), partition=2)
    assert document["session"] == SESSION, "its identity counts as seen"
    found = plan(document, PARTITIONS, NOW)
    assert found.fresh
    sent = found.identified(SESSION, 9)
    assert sent == msgspec.structs.replace(event(), session=SESSION, seq=9, source="quarantine")


def test_a_pack_whose_identity_could_not_be_read_keeps_it_because_a_copy_may_still_come() -> None:
    found = plan(quarantined(encode(event())), PARTITIONS, NOW)
    assert not found.fresh
    assert found.event == msgspec.structs.replace(event(), source="quarantine")


def test_a_pack_that_lies_beside_its_own_partition_goes_there_under_its_own_identity() -> None:
    document = quarantined(encode(event()), partition=3)
    assert document["reason"].startswith("another partition")
    found = plan(document, PARTITIONS, NOW)
    assert (found.fresh, found.event.partition) == (False, 0)


def test_an_old_pack_is_said_to_count_in_the_hour_of_the_retry() -> None:
    document = quarantined(encode(event(partition=2, occurred_at=NOW - timedelta(days=46))), partition=2)
    assert plan(document, PARTITIONS, NOW).note is not None
    assert plan(quarantined(encode(event())), PARTITIONS, NOW).note is None


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (quarantined(None), "has no value"),
        (quarantined(b"poison"), "cannot read it either"),
        (quarantined(encode(delete(SESSION, 1, keystem_in(0, 4), partitions=4))), "it is a delete"),
        (quarantined(encode(event()), cleared=True), "would bring back what was deleted"),
        (quarantined(encode(event()), discarded={"by": "me"}), "was discarded"),
        (quarantined(encode(event()), retry={"sent_at": NOW}), "retried already"),
        (quarantined(encode(event()), reason="session too old"), "counted long ago"),
        (quarantined(encode(event(session="0" * 36))), "is no UUIDv7"),
        (quarantined(encode(event(partition=1)), partition=2), "quarantined again: another partition"),
    ],
)
def test_what_would_break_the_promise_is_refused(document: Document, reason: str) -> None:
    with pytest.raises(RefusalError, match=reason):
        plan(document, PARTITIONS, NOW)


def test_a_pack_of_a_session_that_may_be_forgotten_is_refused() -> None:
    with pytest.raises(RefusalError, match="45 days"):
        plan(quarantined(encode(event())), PARTITIONS, START + timedelta(days=46))


def test_a_pack_that_is_too_large_stays_where_it_is() -> None:
    labels = {f"{number:03}{'x' * 120}": "y" * 120 for number in range(16)}
    rows = [msgspec.structs.replace(event().box_rows[0], carton=f"{number:03}{'c' * 120}") for number in range(64)]
    document = quarantined(encode(event(labels=labels, box_rows=rows)))
    assert document["reason"].startswith("too large")
    with pytest.raises(RefusalError, match="quarantined again: too large"):
        plan(document, PARTITIONS, datetime.now(UTC))


def test_one_that_was_begun_and_not_finished_may_be_retried() -> None:
    document = quarantined(encode(event()), retry={"session": SESSION, "seq": 3, "partition": 0})
    assert plan(document, PARTITIONS, NOW).event.seq == 3
