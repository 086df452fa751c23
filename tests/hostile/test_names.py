"""Keystems and carton names that mean something in a path or a database, through everything there is: totals are exact,

no keystem reads another's, and nothing that came in through HTTP ends in quarantine.
"""

import json
import random
import socket
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.support import web
from tests.support.facility import Facility
from tests.support.pipeline import Pipeline
from tests.support.records import pack_event, produce
from tests.support.upstream import JSON, Canned, RecordingUpstream

pytestmark = pytest.mark.contract

HOSTILE = [
    "all",
    "All",
    "ALL ",
    "../x",
    "..",
    ".",
    "a.b$c",
    "$where",
    "a\0b",
    "\0",
    "%61ll",
    "a/b",
    "a?b=c",
    "a#b",
    "ä",
    "x\r\nX-Injected: 1",
    "-",
    "_id",
    "x" * 64,
    "x" * 65,
    "x" * 4096,
]
VALID = ["All", "-", "_id", "x" * 64]


def packed(**members: Any) -> Canned:
    answer = {"boxes": [{"box": {"name": "a", "refId": 1}}], "lenItems": 3, "leftovers": []} | members
    return Canned(200, json.dumps(answer).encode(), (JSON,))


@pytest.fixture(scope="module")
def counted(pipeline: Pipeline) -> dict[str, Facility]:
    """A facility for each name, whose answer claimed that name once."""
    pipeline.double.reset()
    facilities = {name: Facility(pipeline.passing.url) for name in HOSTILE}
    for name, facility in facilities.items():
        pipeline.double.answer = packed(usedKeyStem=name)
        reply = facility.pack()
        assert reply.status == 200
        assert reply.json["usedKeystem"] == (name if name in VALID else facility.keystem)
    pipeline.settle()
    return facilities


def keydata(pipeline: Pipeline, path: str, method: str = "GET") -> web.Reply:
    return web.request(method, f"{pipeline.proxy.url}/api/keydata/{path}")


def escaped(name: str) -> list[str]:
    """A name in a path, and with every byte of it escaped."""
    return [quote(name, safe=""), "".join(f"%{byte:02x}" for byte in name.encode())]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_is_read_as_itself_or_not_at_all(pipeline: Pipeline, counted: dict[str, Facility], name: str) -> None:
    for path in escaped(name):
        reply = keydata(pipeline, path)
        if name in VALID:
            assert (reply.status, reply.json["usedKeystem"], reply.json["totalRequests"]) == (200, name, 1)
        elif name == "all":
            assert "usedKeystem" not in reply.json
        else:
            assert reply.status == 404
            assert reply.headers["content-type"] == "application/json"
        assert "x-injected" not in reply.headers
    if name not in VALID:
        own = counted[name].keydata()
        assert own is not None
        assert own["totalRequests"] == 1


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in VALID], ids=ascii)
def test_a_name_that_is_none_deletes_nothing(pipeline: Pipeline, counted: dict[str, Facility], name: str) -> None:
    before = keydata(pipeline, "all").json["totalRequests"]
    for path in escaped(name):
        reply = keydata(pipeline, path, "DELETE")
        assert reply.status in {400, 404, 405, 422}
        assert "x-event-id" not in reply.headers
    assert keydata(pipeline, "all").json["totalRequests"] == before


def test_all_of_them_add_up_to_all(pipeline: Pipeline, counted: dict[str, Facility]) -> None:
    page = web.get(f"{pipeline.proxy.url}/api/keydata?limit=1000").json
    assert page["next"] is None
    everything = keydata(pipeline, "all").json
    assert sum(entry["totalRequests"] for entry in page["keydata"]) == everything["totalRequests"]
    assert {entry["usedKeystem"] for entry in page["keydata"]} >= {*VALID, counted["all"].keystem}


def test_a_delete_clears_one_name_and_no_other(pipeline: Pipeline, double: RecordingUpstream) -> None:
    """Names of which one is the beginning, the end or a pattern of the other."""
    names = ["zz", "zz-", "z", "zzz", "-zz", "ZZ"]
    facility = Facility(pipeline.passing.url)
    for name in names:
        double.answer = packed(usedKeyStem=name)
        assert facility.pack().json["usedKeystem"] == name
    pipeline.settle()
    assert keydata(pipeline, "zz", "DELETE").status == 202
    pipeline.settle()

    assert [keydata(pipeline, name).status for name in names] == [404, *[200] * 5]


def test_hostile_cartons_and_references_are_counted_under_their_names(
    passing: Facility, double: RecordingUpstream, pipeline: Pipeline
) -> None:
    names = [name for name in HOSTILE if len(name) <= 128]
    boxes = [{"box": {"name": name, "refId": name}} for name in names]
    double.answer = packed(boxes=boxes, usedKeyStem=passing.keystem)
    assert passing.pack().json["cartons"] == dict.fromkeys(names, 1)
    double.answer = packed(boxes=[{"box": {"name": "n" * 4096, "refId": "r" * 4096}}] * 2)
    long = passing.pack().json
    shown = passing.shown(2)

    assert shown["cartons"] == {**dict.fromkeys(names, 1), **long["cartons"]}
    assert shown["boxTypes"] == {**dict.fromkeys(names, 1), **long["boxTypes"]}
    assert all(len(name) <= 128 for name in long["cartons"])


def test_records_of_random_bytes_are_quarantined_and_the_rest_flows(pipeline: Pipeline) -> None:
    facility = Facility(pipeline.proxy.url)
    workspace = pipeline.workspace
    partition = pack_event(workspace, facility.keystem).partition
    random_bytes = random.Random(4)  # the same for every run
    offsets = []
    for size in (1, 30, 1000, 100_000):
        facility.pack()
        pipeline.settle()
        offsets.append(produce(workspace, partition, random_bytes.randbytes(size), b"\xff"))
    facility.pack()

    assert facility.settled().requests == 5
    held = workspace.documents["quarantine"].find({"partition": partition, "offset": {"$in": offsets}})
    assert {found["offset"] for found in held} == set(offsets)
    assert workspace.documents["quarantine"].count_documents({}) == len(offsets), "what came through HTTP is no poison"


def test_a_caller_that_closes_its_half_gets_its_answer_from_the_real_process(passing: Facility) -> None:
    parts = urlsplit(passing.proxy)
    with socket.create_connection((str(parts.hostname), parts.port or 80), 60) as connection:
        connection.sendall(
            f"POST / HTTP/1.1\r\nHost: a\r\nAuthorization: apikey {passing.key}\r\n"
            'Content-Length: 15\r\n\r\n{"random":true}'.encode()
        )
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65_536):
            received += part

    assert received.startswith(b"HTTP/1.1 200 ")
    assert passing.settled().requests == 1
