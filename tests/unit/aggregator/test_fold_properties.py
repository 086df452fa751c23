"""Totals are equal bit for bit however the log is cut into batches, ordered and doubled; and they add up."""

from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from aggregator.batches import Flush
from aggregator.pack_stream import PackStream
from aggregator.partition import Partition, Verdict
from aggregator.records import Record
from aggregator.store import Writing
from common import documents
from common.events import Event, encode
from tests.support.fake_mongo import FakeMongo
from tests.support.made_events import START_MS, delete
from tests.support.made_packs import SESSIONS, STEMS, Facility
from tests.support.members import COUNTED, Member, added_up, counted, database, numbers, store_of

SEEDS = st.integers(0, 2**32)


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
            store.flush(Writing(flush))
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
