"""What a caller gets: the eleven fields that never change, upstream's bytes, or a message in the right shape."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from proxy import pack_request, pack_stats, views
from proxy.pack_stats import Identity, Outcome, RawAnswer, Timing
from proxy.views import Reply
from proxy.vocabulary import Names
from tests.support import answers
from tests.support.answers import content

IDENTITY = Identity("01977e3a-0000-7000-8000-000000000001", 3, 7, "aqRAiz-8RA", "answer", "request-1")
TIMING = Timing(datetime(2025, 3, 25, 5, 47, 23, 483992, UTC), 621_623_810, 1_500_000, 1)


@pytest.mark.parametrize(
    ("path", "query", "view"),
    [
        ("/", b"", "stats"),
        ("/", b"view=stats", "stats"),
        ("/", b"view=pack", "pack"),
        ("/v1/pack", b"view=both", "both"),
        ("/", b"a=1&view=both&b", "both"),
        ("/", b"view=both&view=both", "both"),
        ("/", b"View=both", "stats"),
        ("/", b"views=both", "stats"),
        ("/", b"view=", None),
        ("/", b"view", None),
        ("/", b"view=Pack", None),
        ("/", b"view=all", None),
        ("/", b"view=pack&view=stats", None),
        ("/", b"view=%ff", None),
        ("/pack", b"", "pack"),
        ("/pack/", b"view=stats", "pack"),
        ("/pack", b"view=nonsense", "pack"),
    ],
)
def test_the_path_and_the_query_name_the_view(path: str, query: bytes, view: str | None) -> None:
    assert views.view_of(path, query, "stats") == view


def test_the_default_view_is_a_setting() -> None:
    assert views.view_of("/", b"", "both") == "both"
    assert views.view_of("/", b"x=1", "pack") == "pack"


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        (b"", b""),
        (b"view=pack", b""),
        (b"view", b""),
        (b"a=1&view=pack&b=%20", b"a=1&b=%20"),
        (b"preview=1", b"preview=1"),
    ],
)
def test_the_rest_of_the_query_goes_upstream_as_it_came(query: bytes, rest: bytes) -> None:
    assert views.query_without_view(query) == rest


def outcome(status: int, answer: object) -> Outcome:
    return pack_stats.outcome(RawAnswer(status, content(answer)), 10_000_000)


def reply(of: Outcome, view: views.View = "stats", upstream_headers: list[tuple[bytes, bytes]] | None = None) -> Reply:
    facts = pack_request.read(b'{"random":true}').facts
    event = pack_stats.event(IDENTITY, TIMING, of, facts, Names(512), None)
    return views.counted(of, views.stats(event, of, "the-event-id"), view, upstream_headers or [])


def test_the_statistics_of_a_pack() -> None:
    boxes = [answers.box(refId=0, boxType=answers.box_type(price=100), price=300)] * 12
    answer = answers.pack_of(
        *boxes, lenItems=23, totalVolume=17280, totalVolumeUtilization=0.36996528, totalVolumeNet=6393, totalWeight=4.5
    )
    got = reply(outcome(200, answer))

    assert got.status == 200
    assert got.headers == [(b"content-type", b"application/json")]
    assert json.loads(got.body) == {
        "usedKeystem": "aqRAiz-8RA",
        "totalItems": 23,
        "totalVolume": 17280,
        "volumeUtilization": 0.36996528,
        "boxTypes": {"0": 12},
        "timeStamp": "2025-03-25T05:47:23.483992Z",
        "cacheHit": False,
        "requestError": False,
        "errorResponse": False,
        "statusCode": "200",
        "latency": 621623810,
        "eventId": "the-event-id",
        "totalVolumeNet": 6393,
        "totalBoxes": 12,
        "leftovers": 0,
        "totalWeight": 4.5,
        "totalCost": 3600,
        "cartons": {"5x6x8": 12},
    }
    assert b'"totalVolume":17280,' in got.body, "whole numbers are written as upstream writes them"
    assert list(json.loads(got.body))[:11] == [
        "usedKeystem",
        "totalItems",
        "totalVolume",
        "volumeUtilization",
        "boxTypes",
        "timeStamp",
        "cacheHit",
        "requestError",
        "errorResponse",
        "statusCode",
        "latency",
    ]


def test_what_is_not_known_is_null() -> None:
    got = json.loads(reply(outcome(200, {"boxes": None})).body)

    assert (got["totalItems"], got["totalVolume"], got["volumeUtilization"], got["totalCost"]) == (None,) * 4
    assert (got["boxTypes"], got["cartons"]) == ({}, {})


def test_a_reply_shows_every_reference_and_name_however_many() -> None:
    boxes = [answers.box(refId=number, name=f"c{number}") for number in range(100)]
    got = json.loads(reply(outcome(200, answers.pack_of(*boxes))).body)

    assert len(got["boxTypes"]) == len(got["cartons"]) == 100


def test_an_error_of_upstream_keeps_its_status_and_its_message() -> None:
    got = reply(outcome(422, {"code": 422, "message": "invalid", "details": "no boxes"}))
    body = json.loads(got.body)

    assert got.status == 422
    assert (body["statusCode"], body["errorResponse"], body["requestError"]) == ("422", True, False)
    assert body["Message"] == "invalid: no boxes"


@pytest.mark.parametrize(
    ("of", "status"),
    [
        (outcome(200, {}), 502),
        (outcome(302, {}), 502),
        (pack_stats.unanswered("unreachable", "gone"), 502),
        (pack_stats.unanswered("timed_out", "slow"), 504),
    ],
)
def test_an_upstream_without_usable_answer_is_a_bad_gateway(of: Outcome, status: int) -> None:
    got = reply(of)
    body = json.loads(got.body)

    assert got.status == status
    assert (body["statusCode"], body["errorResponse"], body["requestError"]) == ("0", False, True)
    assert body["Message"] == of.message


def test_both_is_the_statistics_and_upstreams_json() -> None:
    answer = answers.pack()
    body = json.loads(reply(outcome(200, answer), "both").body)

    assert body == {"stats": json.loads(reply(outcome(200, answer)).body), "pack": answer}


@pytest.mark.parametrize(
    ("of", "pack"),
    [
        (outcome(400, {"code": 400, "message": "EOF"}), {"code": 400, "message": "EOF"}),
        (outcome(200, {"hello": 1}), {"hello": 1}),
        (outcome(200, []), None),
        (pack_stats.unanswered("unreachable", "gone"), None),
    ],
)
def test_both_without_a_pack_has_what_there_is(of: Outcome, pack: Any) -> None:
    body = json.loads(reply(of, "both").body)

    assert body["pack"] == pack
    assert body["stats"]["Message"] == of.message


def test_retry_after_comes_through() -> None:
    got = reply(outcome(429, {"code": 429, "message": "quota"}), "stats", [(b"retry-after", b"30"), (b"etag", b"x")])

    assert (b"retry-after", b"30") in got.headers
    assert b"etag" not in dict(got.headers)


def test_a_pack_is_passed_on_as_it_is() -> None:
    got = views.passed_on(207, b"\x00anything", [(b"content-type", b"text/x"), (b"set-cookie", b"a=b")])

    assert got == Reply(207, b"\x00anything", [(b"content-type", b"text/x")])


def test_errors_of_our_own_have_the_shape_of_the_view() -> None:
    plain = views.problem(413, "too large", "stats", (b"x", b"y"))
    alike = views.problem(413, "too large", "pack")

    assert json.loads(plain.body) == {"Message": "too large"}
    assert plain.headers == [(b"content-type", b"application/json"), (b"x", b"y")]
    assert json.loads(alike.body) == {"code": 413, "message": "too large", "Message": "too large"}
    assert json.loads(views.problem(400, "no such view", None).body) == {"Message": "no such view"}


def test_a_failure_in_view_pack_is_an_error_of_paccurates_shape() -> None:
    got = views.failed(pack_stats.unanswered("timed_out", "upstream took too long"))

    assert got.status == 504
    assert json.loads(got.body) == {
        "code": 504,
        "message": "upstream took too long",
        "Message": "upstream took too long",
    }
