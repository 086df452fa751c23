"""Traffic is what proxies would have sent: every event whole, in its place, and numbered without a gap."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from bench.aggregator.traffic import Record, Shape, Traffic, keystem
from common.events import OfferedCarton, PackEvent, decode
from common.identity import started_ms
from common.topic import partition_of
from tests.support.made_events import pack

START = datetime(2025, 3, 25, 5, 0, tzinfo=UTC)
SESSION = "0195cb5e-0000-7000-8000-000000000000"


def templates() -> list[list[PackEvent]]:
    offered = [OfferedCarton(name="small", ref_id="3", dims=(1.0, 2.0, 3.0))]
    return [
        [
            pack(SESSION, 1, f"list{number}", offered_hash=f"hash{number}", offered=offered),
            pack(SESSION, 2, f"list{number}", offered_hash=f"hash{number}", pack_uuid="u" * 128),
            pack(SESSION, 3, f"list{number}", outcome="refused", status=429, offered_hash=f"hash{number}"),
        ]
        for number in range(3)
    ]


def traffic(keystems: int = 20, seed: int = 1) -> Traffic:
    return Traffic(Shape(keystems, partitions=4), templates(), START, seed)


def events(records: Iterable[Record]) -> list[PackEvent]:
    decoded = [decode(record.value) for record in records]
    return [event for event in decoded if isinstance(event, PackEvent)]


def test_every_record_lies_in_the_partition_of_its_keystem() -> None:
    for record in traffic().records(200):
        event = decode(record.value)
        assert (record.key, record.partition) == (event.keystem, event.partition)
        assert record.partition == partition_of(event.keystem, 4)


def test_each_proxy_numbers_its_events_of_a_partition_without_a_gap() -> None:
    seqs = defaultdict(list)
    for event in events(traffic().records(500)):
        seqs[event.session, event.partition].append(event.seq)
    assert len({session for session, _ in seqs}) == 4
    for found in seqs.values():
        assert found == list(range(1, len(found) + 1))


def test_sessions_began_before_their_first_event() -> None:
    for event in events(traffic().records(50)):
        began = started_ms(event.session)
        assert began is not None
        assert began < event.occurred_at.timestamp() * 1000


def test_all_facilities_send_interleaved_and_some_are_refused() -> None:
    found = events(traffic().records(4000))
    per_keystem = Counter(event.keystem for event in found)
    assert set(per_keystem) == {keystem(number) for number in range(20)}
    assert max(per_keystem.values()) < 2 * min(per_keystem.values())
    assert len({event.keystem for event in found[:20]}) > 5
    assert 0 < sum(event.outcome == "refused" for event in found) < 100


def test_a_carton_list_goes_once_with_each_proxy_and_keystem() -> None:
    sent = Counter(
        (event.session, event.keystem) for event in events(traffic().records(2000)) if event.offered is not None
    )
    assert len(sent) == 4 * 20
    assert set(sent.values()) == {1}


def test_events_are_as_far_apart_as_their_rate_says() -> None:
    found = events(traffic().records(401))
    assert (found[400].occurred_at - found[0].occurred_at).total_seconds() == pytest.approx(2)


def test_what_identifies_a_request_is_different_in_each_event() -> None:
    found = events(traffic().records(100))
    assert len({event.content_hash for event in found}) == 100
    assert len({event.request_id for event in found}) == 100
    assert {len(event.pack_uuid) for event in found if event.pack_uuid} == {128}


def test_the_same_seed_draws_the_same_facilities() -> None:
    def drawn(seed: int) -> list[str]:
        return [record.key for record in traffic(seed=seed).records(50)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_more_records_continue_where_the_last_ended() -> None:
    one = traffic()
    found = events([*one.records(100), *one.records(100)])
    assert len({(event.session, event.partition, event.seq) for event in found}) == 200
