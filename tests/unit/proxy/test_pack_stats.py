"""What became of a request becomes one event: the outcome, the figures, and nothing beyond the bounds of an event."""

import gzip
from datetime import UTC, datetime
from typing import Any

import pytest

from common.events import OTHER_CARTON, OfferedCarton, PackEvent, UpstreamError, decode, encode
from proxy import pack_request, pack_stats
from proxy.keystem import Credential
from proxy.pack_answer import Content
from proxy.pack_stats import Identity, Outcome, RawAnswer, Timing
from proxy.vocabulary import Names
from tests.support import answers
from tests.support.answers import content

LIMIT = 10_000_000
SESSION = "01977e3a-0000-7000-8000-000000000001"
IDENTITY = Identity(SESSION, 3, 7, "aqRAiz-8RA", "answer", "request-1")
TIMING = Timing(datetime(2025, 3, 25, 5, 47, 23, 483992, UTC), 621_623_810, 1_500_000, 1)
REQUEST = pack_request.read(
    b'{"itemSets":[{"quantity":2}],"boxTypes":[{"name":"small","refId":7,"dimensions":{"x":1,"y":2,"z":3}}]}'
).facts


def outcome(status: int, answer: object, codings: str = "") -> Outcome:
    return pack_stats.outcome(RawAnswer(status, content(answer), codings), LIMIT)


def event(of: Outcome, names: Names | None = None, secret: Credential | None = None) -> PackEvent:
    made = pack_stats.event(IDENTITY, TIMING, of, REQUEST, Names(512) if names is None else names, secret)
    assert decode(encode(made)) == made
    return made


def packed(*boxes: dict[str, Any], names: Names | None = None) -> PackEvent:
    return event(outcome(200, answers.pack_of(*boxes)), names)


@pytest.mark.parametrize(
    ("status", "answer", "name", "kept"),
    [
        (200, answers.pack(), "packed", 200),
        (201, {"lenBoxes": 0}, "packed", 201),
        (200, {}, "unreadable", None),
        (200, [], "unreadable", None),
        (204, {}, "unreadable", None),
        (101, {}, "unreadable", None),
        (302, answers.pack(), "unreadable", None),
        (399, {}, "unreadable", None),
        (400, {"code": 400, "message": "EOF"}, "refused", 400),
        (401, {}, "refused", 401),
        (499, [], "refused", 499),
        (500, {}, "failed", 500),
        (599, [], "failed", 599),
        (600, {}, "unreadable", None),
        (999, answers.pack(), "unreadable", None),
    ],
)
def test_the_status_and_the_body_decide_what_became_of_it(
    status: int, answer: object, name: str, kept: int | None
) -> None:
    of = outcome(status, answer)

    assert (of.name, of.status) == (name, kept)
    assert of.response_bytes == len(content(answer))
    assert (of.message is None) == (name == "packed")
    made = event(of)
    assert (made.outcome, made.status) == (name, kept)
    assert (made.error is None) == (name == "packed")


def test_an_unusable_answer_keeps_its_status_as_the_code_of_the_error() -> None:
    assert event(outcome(302, {})).error == UpstreamError(
        code=302, message="upstream redirects, which is not followed (302)"
    )
    assert event(outcome(200, {})).error == UpstreamError(
        code=200, message="upstream's answer has neither boxes nor lenBoxes"
    )
    assert event(outcome(700, {})).error == UpstreamError(
        code=700, message="upstream answered with an unknown status (700)"
    )


def test_a_coded_answer_is_read() -> None:
    of = pack_stats.outcome(RawAnswer(200, gzip.compress(content(answers.pack())), "gzip"), LIMIT)

    assert of.name == "packed"


def test_an_upstream_that_did_not_answer_leaves_an_event_without_figures() -> None:
    made = event(pack_stats.unanswered("timed_out", "upstream took too long"))

    assert (made.outcome, made.status, made.response_bytes) == ("timed_out", None, None)
    assert made.error == UpstreamError(message="upstream took too long")
    assert (made.items, made.box_types, made.box_rows) == (None, None, [])
    assert event(pack_stats.unanswered("unreadable", "m", 200)).error == UpstreamError(code=200, message="m")


def test_an_event_says_who_when_and_what() -> None:
    made = event(outcome(200, answers.pack()))

    assert (made.session, made.partition, made.seq) == (SESSION, 3, 7)
    assert (made.keystem, made.keystem_from, made.request_id, made.source) == (
        "aqRAiz-8RA",
        "answer",
        "request-1",
        "live",
    )
    assert (made.occurred_at, made.latency_ns, made.proxy_ns, made.attempts) == (
        TIMING.occurred_at,
        621_623_810,
        1_500_000,
        1,
    )
    assert (made.items, made.boxes, made.volume, made.utilization) == (1, 1, 240, 0.5)
    assert (made.engine_version, made.pack_s, made.cache) == ("1.7.1", 0.000700856, "off")
    assert (made.request_fingerprint, made.items_asked) == (REQUEST.request_fingerprint, 2)
    assert made.box_types == {"0": 1}
    assert [row.carton for row in made.box_rows] == ["5x6x8"]


def test_measures_of_an_event_are_multiples_of_a_millionth() -> None:
    made = event(outcome(200, answers.pack(totalVolumeUtilization=0.36996528, totalWeight=0.1 + 0.2)))

    assert (made.utilization, made.weight) == (0.369965, 0.3)


@pytest.mark.parametrize(
    ("latency_ns", "proxy_ns", "expected"), [(10**15, -5, (86_400 * 10**9, 0)), (0, 10**15, (0, 86_400 * 10**9))]
)
def test_times_stay_within_a_day(latency_ns: int, proxy_ns: int, expected: tuple[int, int]) -> None:
    timing = Timing(TIMING.occurred_at, latency_ns, proxy_ns, 2)
    made = pack_stats.event(IDENTITY, timing, outcome(200, {"boxes": []}), REQUEST, Names(512), None)

    assert (made.latency_ns, made.proxy_ns) == expected
    assert made.attempts == 2


def test_the_offered_list_goes_along_until_an_event_has_had_it() -> None:
    names = Names(512)
    first = event(outcome(200, answers.pack()), names)
    names.sent.add(str(first.offered_hash))
    second = event(outcome(200, answers.pack()), names)

    assert first.offered == [OfferedCarton(name="small", ref_id="7", dims=(1, 2, 3))]
    assert second.offered is None
    assert second.offered_hash == first.offered_hash


def test_an_offered_list_beyond_those_known_is_other() -> None:
    made = event(outcome(200, answers.pack()), Names(0))

    assert (made.offered_hash, made.offered) == (OTHER_CARTON, None)


def test_a_request_without_list_offers_none() -> None:
    facts = pack_request.read(b'{"random":true}').facts
    made = pack_stats.event(IDENTITY, TIMING, outcome(200, {"boxes": []}), facts, Names(512), None)

    assert (made.offered_hash, made.offered) == (None, None)


def test_carton_names_beyond_those_known_are_other() -> None:
    names = Names(1)
    made = packed(*(answers.box(name=name, boxType=None) for name in ("S", "M", "S", "")), names=names)

    assert [row.carton for row in made.box_rows] == ["S", OTHER_CARTON, "S", "(unnamed)"]


def test_reference_ids_beyond_those_known_are_other() -> None:
    made = packed(*(answers.box(refId=number) for number in (1, 2, 3, 2)), names=Names(1))

    assert made.box_types == {"2": 2, OTHER_CARTON: 2}


def test_beyond_64_boxes_the_rest_is_one_row() -> None:
    made = packed(*(answers.box(refId=number, name=f"c{number}") for number in range(70)))

    assert len(made.box_rows) == 65
    assert (made.box_rows[-1].carton, made.box_rows[-1].count, made.box_rows[-1].volume) == (OTHER_CARTON, 6, 6 * 240)
    assert sum(row.count for row in made.box_rows) == 70
    assert made.box_types is not None
    assert len(made.box_types) == 65
    assert sum(made.box_types.values()) == 70


def test_64_boxes_all_have_their_row() -> None:
    made = packed(*(answers.box(name=f"c{number}") for number in range(64)))

    assert OTHER_CARTON not in {row.carton for row in made.box_rows}
    assert len(made.box_rows) == 64


def test_a_pack_without_boxes_has_no_box_types() -> None:
    assert packed().box_types is None


KEY = "k" * 40


@pytest.mark.parametrize(
    ("secret", "message", "expected"),
    [
        (Credential(f"apikey {KEY}", KEY), f"no such key: {KEY}", "no such key: …"),
        (Credential("Bearer abcdefgh", None), "got Bearer abcdefgh", "got …"),
        (Credential("apikey abc", "abc"), "abc is short", "abc is short"),
        (None, "plain", "plain"),
    ],
)
def test_a_key_that_upstream_repeats_is_in_no_event(secret: Credential | None, message: str, expected: str) -> None:
    of = outcome(401, {"code": 401, "message": message})

    assert event(of, secret=secret).error == UpstreamError(code=401, message=expected)
    assert of.message == message


def test_a_long_error_is_cut() -> None:
    error = event(outcome(500, {"message": "x" * 5000})).error

    assert error is not None
    assert len(error.message or "") == 128


def test_a_minimal_event_is_one() -> None:
    of = pack_stats.unusable("statistics could not be derived", 200, Content())
    made = pack_stats.minimal_event(IDENTITY, TIMING, of)

    assert decode(encode(made)) == made
    assert (made.outcome, made.keystem, made.seq) == ("unreadable", "aqRAiz-8RA", 7)
