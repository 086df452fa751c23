"""An event is at most 16 KB whatever upstream and callers send, and giving things up changes no sum."""

import json
import string
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.events import MAX_EVENT_BYTES, BoxRow, Leftover, OfferedCarton, PackEvent, decode
from proxy import event_size, pack_request, pack_stats
from proxy.pack_stats import Identity, RawAnswer, Timing
from proxy.vocabulary import Names
from tests.support import answers
from tests.support.answers import content

IDENTITY = Identity("01977e3a-0000-7000-8000-000000000001", 3, 7, "aqRAiz-8RA", "answer", "request-1")
TIMING = Timing(datetime(2025, 3, 25, tzinfo=UTC), 1, 1, 1)
OFFERED = [OfferedCarton(name=f"carton {number}", ref_id=str(number), dims=(1, 2, 3)) for number in range(60)]
SAMPLE = [Leftover(ref_id=str(number), name="n" * 128, message="m" * 128) for number in range(4)]
LABELS = {"site": "s" * 128}
LONG_LABELS = dict.fromkeys("abcd", "l" * 128)
TYPES = {str(number): number + 1 for number in range(64)}


def rows(number: int, size: int) -> list[BoxRow]:
    return [BoxRow(carton=f"{each:03}" + "c" * size, ref_id="r" * size, volume=each / 10) for each in range(number)]


def event(**fields: Any) -> PackEvent:
    return PackEvent(
        schema=1, **IDENTITY._asdict(), occurred_at=TIMING.occurred_at, outcome="packed", offered_hash="hash", **fields
    )


def sealed(made: PackEvent, names: Names | None = None) -> PackEvent:
    value = event_size.sealed(made, Names(512) if names is None else names)
    assert len(value) <= MAX_EVENT_BYTES
    found = decode(value)
    assert isinstance(found, PackEvent)
    return found


def test_an_event_that_fits_loses_nothing() -> None:
    made = event(offered=OFFERED, leftover_sample=SAMPLE, labels=LABELS, box_rows=rows(64, 30), box_types=TYPES)

    assert sealed(made) == made


def test_the_offered_list_is_given_up_first() -> None:
    kept = sealed(event(offered=OFFERED, leftover_sample=SAMPLE, labels=LABELS, box_rows=rows(64, 70), box_types=TYPES))

    assert (kept.offered, kept.offered_hash) == (None, "hash")
    assert (kept.leftover_sample, kept.labels, len(kept.box_rows)) == (SAMPLE, LABELS, 64)


def test_then_the_leftovers_then_the_labels() -> None:
    without_sample = sealed(event(offered=OFFERED, leftover_sample=SAMPLE, labels=LABELS, box_rows=rows(64, 100)))
    without_labels = sealed(event(leftover_sample=SAMPLE, labels=LONG_LABELS, box_rows=rows(64, 102)))

    assert (without_sample.leftover_sample, without_sample.labels) == (None, LABELS)
    assert (without_labels.labels, len(without_labels.box_rows)) == (None, 64)


def test_then_half_of_the_rows_are_added_up() -> None:
    made = event(box_rows=rows(64, 125), box_types=TYPES)
    kept = sealed(made)

    assert len(kept.box_rows) == 32
    assert kept.box_rows[:31] == made.box_rows[:31]
    assert (kept.box_rows[-1].carton, kept.box_rows[-1].count) == ("(other)", 33)
    assert round(sum(row.volume or 0 for row in kept.box_rows), 6) == round(
        sum(row.volume or 0 for row in made.box_rows), 6
    )
    assert kept.box_types == TYPES


def test_at_last_box_types_are_added_up() -> None:
    types = {f"{number:03}" + "\x01" * 100: number + 1 for number in range(64)} | {"(other)": 1000}
    kept = sealed(event(box_rows=rows(3, 100), box_types=types))

    assert len(kept.box_rows) == 1
    assert kept.box_types is not None
    assert sum(kept.box_types.values()) == sum(types.values())
    assert all(types[name] >= 33 for name in kept.box_types if name != "(other)")


def test_a_list_counts_as_sent_only_if_it_went_out() -> None:
    names = Names(512)
    sealed(event(offered=OFFERED, box_rows=rows(64, 125)), names)
    assert names.sent == set()

    sealed(event(offered=OFFERED), names)
    assert names.sent == {"hash"}


def test_an_event_without_list_sends_none() -> None:
    names = Names(512)
    sealed(event(), names)

    assert names.sent == set()


_NASTY = st.text(alphabet=st.sampled_from('\x00\x01"\\aü😀' + string.ascii_letters), max_size=150)
_NUMBER = st.integers(-5, 10**15) | st.floats(-1, 1e15, allow_nan=False) | st.none()
_BOX = st.fixed_dictionaries(
    {
        "name": _NASTY,
        "refId": _NASTY | st.integers(0, 200),
        "volumeMax": _NUMBER,
        "weightUsed": _NUMBER,
        "price": _NUMBER,
    }
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(st.lists(_BOX, max_size=90), st.lists(_NASTY, max_size=6), _NASTY, st.integers(1, 8))
def test_no_answer_and_no_request_make_an_event_too_large(
    boxes: list[dict[str, Any]], names_of_items: list[str], text: str, repeated: int
) -> None:
    boxes = [{**answers.box(), **box} for box in boxes] * repeated
    leftovers = [{"item": {"name": name, "message": name + text, "refId": name}} for name in names_of_items]
    answer = answers.pack_of(*boxes, leftovers=leftovers, version=text, host=text, packUuid=text, built=text)
    request = pack_request.read(
        json.dumps(
            {
                "itemSets": [{}],
                "boxTypes": [{"name": name, "refId": name} for name in names_of_items * repeated],
                "properties": {"one": text, "two": text, "three": text, "four": text},
            }
        ).encode(),
        labels=("one", "two", "three", "four"),
    )
    of = pack_stats.outcome(RawAnswer(200, content(answer)), 1 << 30)
    made = pack_stats.event(IDENTITY, TIMING, of, request.facts, Names(512), None)

    kept = sealed(made)

    assert sum(row.count for row in kept.box_rows) == len(boxes)
    assert sum((kept.box_types or {}).values()) == len(boxes)
    assert of.content.pack is not None
    if len(of.content.pack.box_types) <= 64 and kept.box_types == made.box_types:
        assert Counter(kept.box_types or {}) == of.content.pack.box_types
