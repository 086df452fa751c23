"""A recount from the log agrees with the documents that aggregators made of it, and with no others."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from bson import Decimal128, Int64, encode
from bson.raw_bson import RawBSONDocument

from admin.comparison import Difference, key_of
from admin.recount import AsJudged, CannotRecountError, Recount
from admin.scope import DATED, Scope, begins_of
from admin.stored import Stored, epoch_ms
from admin.verdict import Verdict
from aggregator.pack_stream import PackStream
from aggregator.records import Record, Source
from common import documents, progress
from common.events import Event, OfferedCarton
from common.events import encode as encode_event
from tests.support.fake_mongo import FakeMongo
from tests.support.made_events import START, START_MS, delete, keystem_in, pack, session_at
from tests.support.members import COUNTED, TOPIC_ID, Member, database

LONG_AGO = START - timedelta(days=400)
ALL = Scope(True, LONG_AGO)


def history(seed: int, length: int = 60) -> Member:
    """One member over a log of packs, deletes, duplicates and things that are no events, in a random order."""
    random, one, sent = Random(seed), Member(database(), {}), list[bytes]()
    sessions = [session_at(START - timedelta(hours=hours)) for hours in (1, 2)]
    one.log.assign(0)
    for seq in range(1, length):
        session, keystem = random.choice(sessions), keystem_in(0, 1, random.randrange(3))
        value = encode_event(_event(random, session, seq, keystem))
        if random.random() < 0.1:
            value = random.choice([b"no event", *sent[-5:]])
        sent.append(value)
        one.log.append(0, value, log_ms=START_MS + seq * 1000)
        if random.random() < 0.3:
            one.turn()
    return one.turn(30)


def _event(random: Random, session: str, seq: int, keystem: str) -> Event:
    at = START - timedelta(minutes=random.randrange(3000))
    if random.random() < 0.05:
        return delete(session, seq, keystem, occurred_at=at)
    offered = [OfferedCarton(name="small", dims=(1.5, 2.0, 3.0))] if random.random() < 0.2 else None
    outcome = random.choice(["packed", "packed", "failed", "timed_out"])
    return pack(
        session, seq, keystem, occurred_at=at, latency_ns=random.randrange(10**9), outcome=outcome, offered=offered
    )


def stored(mongo: FakeMongo, scope: Scope = ALL) -> Stored:
    """What the reader finds of the one partition."""
    found = {}
    for collection in COUNTED:
        for document in mongo.documents.get(collection, {}).values():
            identity = document["_id"]
            key = tuple(identity.items()) if isinstance(identity, dict) else identity
            if scope.covers(collection, begins_of((collection, key))):
                found[collection, key_of(identity)] = RawBSONDocument(encode(document))
    quarantine = {
        (int(held["offset"]), epoch_ms(held["log_time"])): (
            Source(held["session"], int(held["seq"])) if held["session"] else None,
            held["keystem"],
        )
        for held in mongo.documents.get(progress.QUARANTINE, {}).values()
    }
    prefix = f"{TOPIC_ID}:0:"
    sessions = {name.removeprefix(prefix): found for name, found in mongo.documents.get(progress.SESSIONS, {}).items()}
    return Stored(mongo.documents[progress.POSITIONS][prefix[:-1]], scope, found, sessions, quarantine)


def verdict(one: Member, scope: Scope = ALL, start: int = 0) -> list[Difference]:
    kept, position = stored(one.mongo, scope), int(one.position()["next_offset"])
    recount = Recount(0, AsJudged(PackStream(1), kept.quarantine), start)
    for record in one.log.records[0][start:position]:
        recount.take(record)
    recount.finish(position)
    return list(Verdict(recount, kept, one.mongo.documents.get(progress.DELETIONS, {})).differences())


@pytest.mark.parametrize("seed", range(12))
def test_documents_are_what_the_topic_adds_up_to(seed: int) -> None:
    one = history(seed)
    assert one.position()["next_offset"] == 59
    assert one.mongo.documents[documents.KEYDATA]
    assert verdict(one) == []


@pytest.mark.parametrize("seed", range(4))
def test_hours_that_the_log_holds_whole_agree_although_its_beginning_is_gone(seed: int) -> None:
    one = history(seed, 40)
    late = START + timedelta(hours=3)
    keystems = [keystem_in(0, 1, nth) for nth in range(3)]
    session = session_at(START + timedelta(hours=2))
    for seq in range(1, 30):
        event = pack(session, seq, keystems[seq % 3], occurred_at=late + timedelta(minutes=seq * 7))
        one.log.append(0, encode_event(event), log_ms=START_MS + 4 * 3_600_000 + seq * 1000)
    one.write([delete(session, 30, keystems[0], occurred_at=late)], log_ms=START_MS + 8 * 3_600_000)
    one.turn(10)
    scope = Scope(False, documents.hour_of(START + timedelta(hours=3)))
    assert any(key[0] in DATED for key in stored(one.mongo, scope).documents), "there is something to compare"
    assert verdict(one, scope, start=30) == []
    one.mongo.documents[documents.KEYDATA].clear()
    assert verdict(one, scope, start=30) == [], "lifetimes are not compared"


Alteration = Callable[[FakeMongo], None]


def first(mongo: FakeMongo, collection: str) -> dict[str, Any]:
    return next(iter(mongo.documents[collection].values()))


def add(collection: str, field: str, by: object) -> Alteration:
    def alter(mongo: FakeMongo) -> None:
        document = first(mongo, collection)
        if isinstance(by, Decimal128):
            document[field] = Decimal128(document[field].to_decimal() + by.to_decimal())
        else:
            document[field] += by

    return alter


def put(collection: str, field: str, value: object) -> Alteration:
    return lambda mongo: first(mongo, collection).update({field: value})


def remove(collection: str) -> Alteration:
    def alter(mongo: FakeMongo) -> None:
        found = mongo.documents[collection]  # what a delete has emptied counts for nothing
        del found[next(key for key, document in found.items() if document.get("requests", 1))]

    return alter


def stranger(mongo: FakeMongo) -> None:
    hour = documents.hour_of(START)
    mongo.documents[documents.KEYDATA_HOURS]["x"] = {"_id": {"k": "x", "h": hour}, "hour": hour, "requests": Int64(1)}


@pytest.mark.parametrize(
    ("alter", "collection", "field"),
    [
        (add(documents.KEYDATA, "requests", Int64(1)), "keydata", "requests"),
        (add(documents.TOTALS, "volume", Decimal128("-1")), "totals", "volume"),
        (put(documents.TOTALS, "attempts", 3.0), "totals", "attempts"),
        (put(documents.KEYDATA, "latency_mean", Decimal128("1")), "keydata", "latency_mean"),
        (put(documents.KEYDATA, "first_seen", START + timedelta(days=1)), "keydata", "first_seen"),
        (put(documents.KEYDATA, "invented", Int64(1)), "keydata", "invented"),
        (put(documents.CARTON_LISTS, "cartons", []), "carton_lists", "cartons"),
        (remove(documents.KEYDATA_HOURS), "keydata_hours", "(document)"),
        (remove(documents.CARTON_DAYS), "carton_days", "(document)"),
        (remove(documents.TOTALS_HOURS), "totals_hours", "(document)"),
        (remove(progress.QUARANTINE), "quarantine", "(document)"),
        (remove(progress.DELETIONS), "deletions", "(document)"),
        (remove(progress.SESSIONS), "sessions", "(document)"),
        (add(progress.SESSIONS, "upto", Int64(-1)), "sessions", "upto"),
        (stranger, "keydata_hours", "(document)"),
    ],
)
def test_a_document_that_was_altered_is_named_with_its_field(alter: Alteration, collection: str, field: str) -> None:
    one = next(each for each in _histories() if each.mongo.documents.get(progress.DELETIONS))
    assert verdict(one) == []
    alter(one.mongo)
    assert [(each.collection, each.field) for each in verdict(one)] == [(collection, field)]


def _histories() -> Iterator[Member]:
    for seed in range(100, 150):
        one = history(seed, 80)
        if all(one.mongo.documents.get(name) for name in (progress.QUARANTINE, documents.CARTON_LISTS, "deletions")):
            yield one


def test_a_record_that_was_quarantined_stays_so_although_it_can_be_read_now() -> None:
    one = Member(database(), {}).turn()
    one.log.assign(0)
    one.log.append(0, b"no event", log_ms=START_MS)
    one.turn(2)
    one.log.records[0][0] = Record(0, START_MS, 0, b"k", encode_event(pack(session_at(), 1)))
    assert verdict(one) == []


def test_a_hole_in_the_log_is_named_unless_it_was_accepted() -> None:
    one = history(3)
    one.position()["next_offset"] = Int64(61)
    [found] = verdict(one)
    assert (found.collection, found.field) == ("topic", "offsets 59 to 60")
    one.position()["accepted_gaps"] = [{"from": Int64(59), "to": Int64(61)}]
    assert verdict(one) == []


def test_a_hole_in_the_middle_does_not_end_the_recount() -> None:
    recount = Recount(0, PackStream(1), 0)
    session = session_at()
    for offset, seq in ((0, 1), (5, 2), (6, 2)):
        recount.take(Record(offset, START_MS, 0, b"k", encode_event(pack(session, seq))))
    recount.finish(7)
    assert recount.holes == [(1, 5)]
    assert recount.changes[documents.TOTALS, 0].counts["requests"] == 2


def test_a_record_that_stops_an_aggregator_cannot_be_recounted() -> None:
    recount = Recount(0, PackStream(1), 0)
    with pytest.raises(CannotRecountError, match="schema 2"):
        recount.take(Record(0, START_MS, 0, b"k", b'{"schema":2}'))


def test_times_are_the_same_in_any_zone() -> None:
    one = history(5)
    found = first(one.mongo, documents.KEYDATA)
    found["first_seen"] = found["first_seen"].astimezone(UTC)
    assert isinstance(found["first_seen"], datetime)
    assert verdict(one) == []
