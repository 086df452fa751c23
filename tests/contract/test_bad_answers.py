"""Every malformed answer of the table: what the caller gets, what is counted, and that the neighbours are not disturbed."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.bad_answers import ANSWERS, FAILED, PACKED, REFUSED, BadAnswer
from tests.support import web
from tests.support.facility import Counts, Facility
from tests.support.pipeline import Pipeline

VIEWS = ("stats", "pack", "both")


@dataclass(frozen=True, slots=True)
class Ran:
    """A case that was asked for in each view between two good packs, and what came of it."""

    replies: dict[str, web.Reply]
    counted: Counts
    alone: dict[str, Any]  # keydata of a facility that had nothing else


@pytest.fixture(scope="module")
def ran(pipeline: Pipeline) -> dict[str, Ran]:
    """All cases; counting is waited for once, and not for each."""
    canned = [case for case in ANSWERS if case.canned is not None]
    steered = [case for case in ANSWERS if case.canned is None]
    asked = {case.name: ask(pipeline, case) for case in canned}
    with ThreadPoolExecutor(len(steered)) as callers:  # most of these wait for a time to be over
        asked |= dict(callers.map(lambda case: (case.name, ask(pipeline, case)), steered))
    return {name: Ran(replies, subject.counted(), alone.shown(1)) for name, (replies, subject, alone) in asked.items()}


def ask(pipeline: Pipeline, case: BadAnswer) -> tuple[dict[str, web.Reply], Facility, Facility]:
    proxy = pipeline.passing if case.canned is not None else pipeline.proxy
    subject, alone = Facility(proxy.url), Facility(proxy.url)
    pipeline.double.reset()
    subject.pack()
    if case.canned is not None:
        pipeline.double.answer = case.canned
    steer = case.sandbox or None
    replies = {view: subject.pack(f"/?view={view}", sandbox=steer) for view in VIEWS}
    alone.pack(sandbox=steer)
    pipeline.double.reset()
    subject.pack()
    subject.mark()
    return replies, subject, alone


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_statistics_say_what_it_is(ran: dict[str, Ran], case: BadAnswer) -> None:
    reply = ran[case.name].replies["stats"]
    stats = reply.json
    assert reply.status == case.status, reply
    assert {name: stats[name] for name in case.stats or {}} == (case.stats or {})
    assert stats["errorResponse"] is (case.outcome in {REFUSED, FAILED})
    assert stats["requestError"] is (case.outcome not in {REFUSED, FAILED, PACKED})
    assert ("Message" in stats) is (case.outcome != PACKED)


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_it_is_passed_on_where_it_can_be(ran: dict[str, Ran], case: BadAnswer) -> None:
    reply = ran[case.name].replies["pack"]
    assert reply.status == case.passed, reply
    if case.canned is not None and case.canned.status == case.passed:
        assert reply.body == case.canned.body
    else:
        message = reply.json["Message"]
        assert reply.json == {"code": case.passed, "message": message, "Message": message}


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_view_both_is_json_whatever_it_is(ran: dict[str, Ran], case: BadAnswer) -> None:
    reply = ran[case.name].replies["both"]
    assert reply.status == case.status
    both = json.loads(reply.body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert set(both) == {"stats", "pack"}


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_it_is_counted_once_and_disturbs_nobody(ran: dict[str, Ran], case: BadAnswer) -> None:
    assert all("x-event-id" in reply.headers for reply in ran[case.name].replies.values())
    counted, asked = ran[case.name].counted, len(VIEWS)
    refused, packed = case.outcome in {REFUSED, FAILED}, case.outcome == PACKED
    assert (counted.requests, counted.packs) == (2 + asked, 2 + asked * packed)
    assert (counted.errors, counted.request_errors) == (asked * refused, asked * (not refused and not packed))


@pytest.mark.parametrize("case", [case for case in ANSWERS if case.shown], ids=lambda case: case.name)
def test_what_cannot_be_believed_is_left_out_of_the_totals(ran: dict[str, Ran], case: BadAnswer) -> None:
    alone = ran[case.name].alone
    assert {name: alone[name] for name in case.shown or {}} == case.shown
