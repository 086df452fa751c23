"""`X-Sandbox`: every directive does what the module says, and an unknown one is refused by name."""

import gzip
import json
import re
from typing import Any, get_args

import pytest

from sandbox import directives
from sandbox.directives import Body, Conduct, Directive, parse
from sandbox.errors import ApiError
from sandbox.replies import Reply, packed, refusal, scripted

MEMBERS: dict[str, Any] = {"boxes": [], "lenBoxes": 0, "usedKeyStem": "aaaaaaaaaa"}


def reply(header: str) -> Reply:
    directive = parse(header)
    return scripted(directive) or packed(dict(MEMBERS), b"{}", b"entropy", directive)


def content(header: str) -> Any:
    return json.loads(reply(header).body)


def test_every_directive_is_documented() -> None:
    documented = set(re.findall(r"^    ([a-z-]+)", directives.__doc__ or "", re.MULTILINE))
    assert documented == {*get_args(Body), *get_args(Conduct), *directives._WITH_VALUE, "gzip"} - {"answer"}


def test_no_directive_is_the_pack() -> None:
    assert parse("") == parse("ok") == parse(" ; ok ;") == Directive()
    assert content("ok")["boxes"] == []


def test_an_error_is_told_as_asked() -> None:
    assert content("status=422; message=bad; details=really%3B bad") == {
        "code": 422,
        "message": "bad",
        "details": "really; bad",
    }
    assert reply("status=503; header=Retry-After: 7").headers[-1] == ("retry-after", "7")
    assert content("status=429")["message"].startswith("rate limited")
    assert content("status=418")["message"] == "error"


def test_a_pack_can_come_under_another_status() -> None:
    assert reply("status=201").status == 201
    assert json.loads(reply("status=201").body)["boxes"] == []
    assert reply("status=204").body == b""


def test_a_redirect_says_where_to() -> None:
    assert (reply("redirect").status, reply("redirect").headers[-1]) == (302, ("location", "/elsewhere"))
    assert (reply("status=307; redirect=http://a/?b=1").status, reply("redirect=/x").headers[-1]) == (
        307,
        ("location", "/x"),
    )


@pytest.mark.parametrize("header", ["empty", "garbage", "bytes", "nan", "half", "twice"])
def test_what_is_no_json_is_none(header: str) -> None:
    answered = reply(header)
    assert answered.status == 200
    with pytest.raises(ValueError, match=r"."):
        json.loads(answered.body, parse_constant=_refuse)


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def test_garbage_looks_like_a_gateways_page() -> None:
    assert reply("garbage").headers == (("content-type", "text/html; charset=utf-8"),)


def test_what_is_json_but_no_pack() -> None:
    assert content("not-json-object") == []
    assert not {"boxes", "lenBoxes"} & set(content("no-boxes"))
    assert reply("deep").body.count(b"[") == 100_000


def test_members_are_set_and_left_out() -> None:
    told = content('set=usedKeyStem:"all"; set=boxes:null; set=a:%7B"b":1%7D; unset=lenBoxes; pad=5')
    assert (told["usedKeyStem"], told["boxes"], told["a"], told["padding"]) == ("all", None, {"b": 1}, "xxxxx")
    assert "lenBoxes" not in told


def test_a_version_can_be_asked_for() -> None:
    assert parse("version=1.7.1").version == (1, 7, 1)


def test_own_headers_take_the_place_of_others() -> None:
    assert reply("header=Content-Type:text/plain; header=Set-Cookie:a=b").headers == (
        ("content-type", "text/plain"),
        ("set-cookie", "a=b"),
    )


def test_compressed_means_compressed() -> None:
    answered = reply("gzip")
    assert ("content-encoding", "gzip") in answered.headers
    assert json.loads(gzip.decompress(answered.body))["boxes"] == []
    assert gzip.decompress(reply("gzip; status=503").body).startswith(b'{"code":503')


@pytest.mark.parametrize("conduct", [conduct for conduct in get_args(Conduct) if conduct != "answer"])
def test_conduct_is_no_matter_of_content(conduct: str) -> None:
    assert parse(f"delay=250; {conduct}") == Directive(conduct=conduct, delay_ms=250)  # type: ignore[arg-type]  # one of them


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("frobnicate", "'frobnicate'"),
        ("hang=5", "'hang' with a value"),
        ("empty=5", "'empty' with a value"),
        ("gzip=5", "'gzip' with a value"),
        ("status", "status= cannot be read"),
        ("status=abc", "status=abc"),
        ("status=199", "200 to 599"),
        ("delay=-1", "from 0 to"),
        ("delay=nan", "from 0 to"),
        ("pad=9999999999", "from 0 to"),
        ("version=1.7", "version=1.7"),
        ("header=no colon", "NAME:VALUE"),
        ("header=a:%0d%0ab", "NAME:VALUE"),
        ("set=a:{", "NAME:JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(header: str, named: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse(header)
    assert refused.value.code == 400
    assert "X-Sandbox" in refused.value.message
    assert named in refused.value.message


def test_a_refused_request_is_told_with_the_same_trimmings() -> None:
    answered = refusal(ApiError(422, details="x"), parse("header=X-A:b"), (("connection", "close"),))
    assert answered.headers == (("content-type", "application/json"), ("connection", "close"), ("x-a", "b"))
