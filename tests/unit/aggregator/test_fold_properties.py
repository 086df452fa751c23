"""Totals are equal bit for bit however the log is cut into batches, ordered and doubled; and they add up."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from aggregator.batches import Flush
from aggregator.pack_stream import PackStream
from aggregator.partition import Partition, Verdict
from aggregator.records import Record
from common import documents
from common.events import BoxRow, Event, OfferedCarton, PackEvent, encode
from tests.support.fake_mongo import FakeMongo
from tests.support.made_events import HOUR_MS, START, START_MS, delete, pack, session_at
from tests.support.members import COUNTED, Member, added_up, counted, database, numbers, store_of

SESSIONS = [session_at(), session_at(START - timedelta(days=20))]
T = TypeVar("T")
STEMS = ["stem0001", "stem0002", "x"]
NAMES = ["small", "", "a.b$c", "(other)"]
LISTS = {f"hash{number}": [OfferedCarton(name=f"carton {number}")] for number in range(3)}
SEEDS = st.integers(0, 2**32)


class Facility:
    """Makes up packs of which anything may be unknown; the same seed makes the same."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def packs(self) -> list[PackEvent]:
        return [self.pack(seq) for seq in range(1, self.random.randint(2, 14))]

    def pack(self, seq: int) -> PackEvent:
        draw, offered_hash = self.random, self.perhaps(self.random.choice(sorted(LISTS)))
        measures = {name: self.measure() for name in ("volume", "volume_used", "volume_net", "weight")}
        counts = {name: self.count() for name in ("items", "units", "boxes", "leftovers", "items_asked", "cost_cents")}
        return pack(
            draw.choice(SESSIONS),
            seq,
            draw.choice(STEMS),
            occurred_at=START - timedelta(milliseconds=draw.randint(-2 * HOUR_MS, 50 * 24 * HOUR_MS)),
            outcome=draw.choice(["packed", "packed", "packed", "refused", "timed_out", "odd"]),
            status=self.perhaps(200),
            cache=draw.choice(["off", "hit"]),
            latency_ns=self.perhaps(draw.randint(0, 10**10)),
            utilization=self.perhaps(draw.randint(0, 1_000_001) / 1_000_000),
            box_types={name: draw.randint(0, 9) for name in draw.sample(NAMES, 2)},
            box_rows=[self.box() for _ in range(draw.randint(0, 3))],
            offered_hash=offered_hash,
            offered=self.perhaps(LISTS.get(offered_hash or "")),
            offered_from="request",
            **measures,
            **counts,
        )

    def box(self) -> BoxRow:
        names = ("volume", "volume_used", "volume_net", "weight", "dim_weight")
        return BoxRow(
            carton=self.random.choice(NAMES),
            count=self.random.randint(1, 9),
            items=self.count(),
            weight_max=self.perhaps(50.0),
            dim_billed=self.perhaps(self.random.random() < 0.5),
            price_cents=self.count(),
            material_cents=self.count(),
            **{name: self.measure() for name in names},  # type: ignore[arg-type]  # each of these is a measure
        )

    def measure(self) -> float | None:
        return self.perhaps(self.random.randint(0, 10**12) / 1_000_000)

    def count(self) -> int | None:
        return self.perhaps(self.random.randint(0, 1000))

    def perhaps(self, value: T) -> T | None:
        return value if self.random.random() < 0.8 else None


def fold(events: Sequence[Event], cuts: frozenset[int] = frozenset(), mongo: FakeMongo | None = None) -> FakeMongo:
    """The database after these records; batches end behind the offsets in `cuts`, each with a claim of its own."""
    mongo = mongo or database()
    store = store_of(mongo)
    one: Partition | None = None
    for offset, event in enumerate(events):
        if one is None:
            claim = store.claim(0)
            assert claim is not None
            one = Partition(0, claim, PackStream(1))
        assert one.offer(Record(offset, START_MS, 0, b"k", encode(event))) is Verdict.TAKEN
        if offset in cuts or offset == len(events) - 1:
            flush: Flush | None = one.swap()
            assert flush is not None
            store.flush(flush, None, None)
            one = one if offset % 2 else None  # half of the batches are followed by another owner
    return mongo


@given(SEEDS)
def test_any_split_order_and_duplication_gives_the_same_documents(seed: int) -> None:
    events, random = Facility(seed).packs(), Random(seed)
    straight = counted(fold(events))
    other = events + random.choices(events, k=random.randint(0, 8))
    random.shuffle(other)
    cuts = frozenset(random.sample(range(len(other)), random.randint(0, len(other) - 1)))
    assert counted(fold(other, cuts)) == straight


@given(SEEDS)
def test_hours_add_up_to_keydata_and_keydata_to_totals(seed: int) -> None:
    events = Facility(seed).packs()
    mongo = fold(events)
    keydata, hours, days = (
        numbers(mongo, name) for name in (documents.KEYDATA, documents.KEYDATA_HOURS, documents.CARTON_DAYS)
    )
    for keystem, counters in keydata.items():
        parts = [part for (k, _), part in [*hours.items(), *days.items()] if k == ("k", keystem)]
        assert added_up(parts) == counters
    without_maps = [
        {path: value for path, value in counters.items() if not path.startswith(("cartons.", "offered."))}
        for counters in keydata.values()
    ]
    assert numbers(mongo, documents.TOTALS)[0] == added_up(without_maps)
    assert added_up(numbers(mongo, documents.TOTALS_HOURS).values()) == added_up(without_maps)
    assert numbers(mongo, documents.TOTALS)[0]["requests"] == len(events)
    total = mongo.documents[documents.TOTALS][0]
    unanswered = sum(total["outcomes"].get(name, 0) for name in ("unreachable", "timed_out", "unreadable"))
    assert sum(total.get("statuses", {}).values()) + unanswered == len(events)


@given(SEEDS)
def test_a_delete_leaves_what_the_others_and_later_packs_have_counted(seed: int) -> None:
    facility = Facility(seed)
    before, keystem = facility.packs(), facility.random.choice(STEMS)
    behind = len(before) + 1
    later = [facility.pack(behind + number) for number in range(1, 5)]
    member = Member(database(), {})
    member.write([*before, delete(SESSIONS[0], behind, keystem), *later])
    member.log.assign(0)
    member.turn(8)
    assert member.position()["next_offset"] == behind + len(later)

    without = fold([event for event in before if event.keystem != keystem] + later)
    for name in set(COUNTED) - {documents.CARTON_LISTS}:
        assert numbers(member.mongo, name) == numbers(without, name)
    here, there = (mongo.documents[documents.TOTALS][0] for mongo in (member.mongo, without))
    for extreme in ("first_seen", "last_seen"):
        assert here.get(extreme) == there.get(extreme)
    assert here.get("latency", {}).get("max") == there.get("latency", {}).get("max")
