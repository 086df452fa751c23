"""Every malformed request of the table: what it gets, and that its neighbours on the same keystem are not disturbed."""

from dataclasses import dataclass

import pytest

from tests.contract.bad_requests import AUTH, REQUESTS, BadRequest
from tests.support import web
from tests.support.facility import Counts, Facility
from tests.support.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Ran:
    """A case that was sent between two good packs, and what came of the three."""

    reply: web.Reply
    called: int
    counted: Counts


@pytest.fixture(scope="module")
def ran(pipeline: Pipeline) -> dict[str, Ran]:
    """All cases, one after the other; counting is waited for once, and not for each."""
    facilities = {case.name: Facility(pipeline.passing.url) for case in REQUESTS}
    replies, called = {}, {}
    for case in REQUESTS:
        facility = facilities[case.name]
        pipeline.double.reset()
        facility.pack()
        replies[case.name] = send(facility, case)
        called[case.name] = len(pipeline.double.asked) - 1
        facility.pack()
        facility.mark()
    return {name: Ran(replies[name], called[name], facility.counted()) for name, facility in facilities.items()}


def send(facility: Facility, case: BadRequest) -> web.Reply:
    if case.raw is None:
        headers = {**facility.headers, **case.headers}
        return web.request(case.method, facility.proxy + case.target, case.body or None, headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in facility.headers.items())
    received = web.raw(facility.proxy, case.raw.replace(AUTH, head.encode()))
    status_line, _, rest = received.partition(b"\r\n")
    headers_part, _, body = rest.partition(b"\r\n\r\n")
    lines = (line.partition(b":") for line in headers_part.split(b"\r\n"))
    found = {name.decode().lower(): value.decode().strip() for name, _, value in lines}
    return web.Reply(int(status_line.split()[1]), found, body)


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_bad_request_gets_its_answer(ran: dict[str, Ran], case: BadRequest) -> None:
    reply = ran[case.name].reply
    assert reply.status == case.status, reply
    if case.status >= 400:
        assert case.message in reply.json["Message"]
    assert ("x-event-id" in reply.headers) is case.called
    assert ran[case.name].called == case.called


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_bad_request_disturbs_nobody(ran: dict[str, Ran], case: BadRequest) -> None:
    packs = 2 + case.called
    assert ran[case.name].counted == Counts(requests=packs, packs=packs, items=packs, statuses={"200": packs})
