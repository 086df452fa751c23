"""Which keystem a pack is counted for: the answer's, the remembered one, the beginning of the key, or unknown."""

import json
import secrets

import pytest

from tests.support import web
from tests.support.facility import BODY, BYTES, ONE_PACK, Facility, new_key, refused
from tests.support.pipeline import Pipeline


def stem() -> str:
    return f"s-{secrets.token_hex(6)}_"


def named(keystem: str) -> str:
    return f'set=usedKeyStem:"{keystem}"'


def test_answer_says_the_keystem(pipeline: Pipeline) -> None:
    facility = Facility(pipeline.proxy.url, keystem=stem())
    assert facility.pack(sandbox=named(facility.keystem)).json["usedKeystem"] == facility.keystem
    assert facility.settled() == ONE_PACK


def test_keystem_of_a_credential_is_remembered(pipeline: Pipeline) -> None:
    facility = Facility(pipeline.proxy.url, keystem=stem())
    facility.pack(sandbox=named(facility.keystem))
    for directive in ("unset=usedKeyStem", "status=500", "status=401"):
        assert facility.pack(sandbox=directive).json["usedKeystem"] == facility.keystem
    counted = facility.settled()
    assert (counted.requests, counted.packs, counted.errors) == (4, 2, 2)


def test_later_answer_changes_what_is_remembered(pipeline: Pipeline) -> None:
    facility = Facility(pipeline.proxy.url)
    first, second = stem(), stem()
    facility.pack(sandbox=named(first))
    facility.pack(sandbox=named(second))
    assert facility.pack(sandbox="unset=usedKeyStem").json["usedKeystem"] == second


def test_another_credential_is_not_remembered_with_it(pipeline: Pipeline) -> None:
    one, other = Facility(pipeline.proxy.url), Facility(pipeline.proxy.url)
    one.pack(sandbox=named(stem()))
    assert other.pack(sandbox="unset=usedKeyStem").json["usedKeystem"] == other.key[:10]


@pytest.mark.parametrize("directive", ["unset=usedKeyStem", "status=500", "garbage", "drop", "status=403"])
def test_beginning_of_a_key_where_nobody_said(pipeline: Pipeline, directive: str) -> None:
    facility = Facility(pipeline.proxy.url)
    assert facility.pack(sandbox=directive).json["usedKeystem"] == facility.key[:10]
    assert facility.settled().requests == 1


def test_refused_key_has_no_keystem(pipeline: Pipeline) -> None:
    facility = Facility(pipeline.proxy.url)
    assert facility.pack(sandbox="status=401").json["usedKeystem"] == "unknown"
    assert facility.keydata() is None


@pytest.mark.parametrize("key", ["k" * 31, "k" * 31 + ".", "k" * 20 + " " + "k" * 20, "grün" * 10])
def test_what_does_not_look_like_a_key_is_unknown(pipeline: Pipeline, key: str) -> None:
    headers = {"Authorization": f"apikey {key}".encode().decode("latin-1")}
    reply = web.request("POST", pipeline.proxy.url, BYTES, headers | {"X-Sandbox": "status=503"})
    assert reply.json["usedKeystem"] == "unknown"


def test_no_credential_is_unknown(pipeline: Pipeline) -> None:
    facility = Facility(pipeline.proxy.url, key="k" * 20, keystem="unknown")
    before = facility.settled()
    reply = web.request("POST", pipeline.proxy.url, BYTES, {"X-Sandbox": "status=503"})
    assert reply.json["usedKeystem"] == "unknown"
    assert "x-event-id" in reply.headers
    assert facility.settled() - before == refused(503)


@pytest.mark.parametrize(
    "said",
    ['"all"', '""', '"a b"', '"a/b"', '"a.b"', '"ä"', '"$where"', f'"{"k" * 65}"', "null", "7", '["k"]', "true", "{}"],
)
def test_impossible_keystem_of_an_answer_is_passed_over(pipeline: Pipeline, said: str) -> None:
    facility = Facility(pipeline.proxy.url)
    said = said.encode().decode("latin-1") if said == '"ä"' else said
    reply = facility.pack(sandbox=f"set=usedKeyStem:{said}")
    assert reply.json["usedKeystem"] == facility.key[:10]
    assert facility.settled() == ONE_PACK


@pytest.mark.parametrize("length", [1, 64])
def test_shortest_and_longest_keystem(pipeline: Pipeline, length: int) -> None:
    keystem = secrets.token_urlsafe(64)[:length]
    facility = Facility(pipeline.proxy.url, keystem=keystem)
    assert facility.pack(sandbox=named(keystem)).json["usedKeystem"] == keystem
    assert facility.shown(1)["usedKeystem"] == keystem


def test_key_in_the_body_is_a_credential(pipeline: Pipeline) -> None:
    key = new_key()
    body = json.dumps({**BODY, "key": key}).encode()
    reply = web.request("POST", pipeline.proxy.url, body, {"X-Sandbox": "status=500"})
    assert reply.json["usedKeystem"] == key[:10]


def test_header_goes_before_the_key_in_the_body(pipeline: Pipeline) -> None:
    facility = Facility(pipeline.proxy.url)
    body = json.dumps({**BODY, "key": new_key()}).encode()
    assert facility.pack(body=body, sandbox="status=500").json["usedKeystem"] == facility.key[:10]


def test_keys_are_nowhere_to_be_found(pipeline: Pipeline) -> None:
    facility = Facility(pipeline.proxy.url)
    facility.pack(sandbox=f"status=422; message=what is {facility.key}")
    facility.pack("/pack", b"{", sandbox=f"status=400; message={facility.key}")
    facility.settled()
    assert facility.key not in pipeline.proxy.log_text()
    assert facility.key not in str(list(pipeline.workspace.documents["keydata"].find({"_id": facility.keystem})))
    assert not [value for value in pipeline.values() if facility.key.encode() in value]
