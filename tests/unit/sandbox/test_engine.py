"""The order in which a request is looked at, and what each thing wrong with it is answered."""

import json
from typing import Any

import pytest

from sandbox.engine import Clock, Engine, decode
from sandbox.errors import ApiError
from sandbox.settings import SandboxSettings
from tests.support.pack_requests import KEY

GOOD = {"itemSets": [{"dimensions": {"x": 1, "y": 1, "z": 1}}], "boxTypes": [{"dimensions": {"x": 2, "y": 2, "z": 2}}]}
HEADER = f"apikey {KEY}"


def engine(now_ns: int = 0, **settings: Any) -> Engine:
    return Engine(SandboxSettings(**settings), Clock(lambda: now_ns, iter(range(10**6)).__next__))


def raw(body: object = GOOD) -> bytes:
    return json.dumps(body).encode()


def code(packer: Engine, body: bytes, authorization: str | None = HEADER) -> int:
    try:
        packer.prepare(body, authorization)
    except ApiError as error:
        return error.code
    return 200


@pytest.mark.parametrize(
    ("body", "authorization", "expected"),
    [
        (raw(), HEADER, 200),
        (b"", HEADER, 400),
        (b"", None, 400),
        (b"{", "apikey undefined", 401),
        (b"", "apikey undefined", 401),
        (raw(), "Bearer " + KEY, 401),
        (raw([]), HEADER, 422),
        (raw({}), None, 422),
        (raw(), None, 200),
    ],
)
def test_the_key_comes_before_the_body(body: bytes, authorization: str | None, expected: int) -> None:
    assert code(engine(), body, authorization) == expected


def test_the_body_came_first_once() -> None:
    assert code(engine(auth_first=False), b"", "apikey undefined") == 400
    assert code(engine(auth_first=False), raw(), "apikey undefined") == 401


@pytest.mark.parametrize(("policy", "expected"), [("quota", 200), ("accept", 200), ("refuse", 401)])
def test_what_no_key_means_is_a_setting(policy: str, expected: int) -> None:
    assert code(engine(without_key=policy), raw(), None) == expected


def test_ten_different_requests_a_day_need_no_key() -> None:
    packer = engine()
    bodies = [raw(GOOD | {"orderId": str(number)}) for number in range(11)]
    assert [code(packer, body, None) for body in bodies] == [200] * 10 + [429]
    assert code(packer, bodies[3], None) == 200
    assert code(packer, bodies[10]) == 200


def test_what_is_not_packed_does_not_count_against_the_quota() -> None:
    packer = engine(demo_quota=1)
    assert [code(packer, body, None) for body in (b"{", raw({}), raw(), raw(GOOD | {"n": 1}))] == [400, 422, 200, 429]


def test_without_key_and_quota_there_is_no_stem_and_no_limit() -> None:
    packer = engine(demo_quota=0, without_key="accept")
    assert "usedKeyStem" not in packer.finish(packer.prepare(raw(), None))


def test_a_key_in_the_body_counts_where_the_header_is_missing() -> None:
    packer = engine(keys="first-key,second-key-0123456")
    assert code(packer, raw(GOOD | {"key": "first-key"}), None) == 200
    assert code(packer, raw(GOOD | {"key": "wrong"}), None) == 401
    assert code(packer, raw(GOOD | {"key": "first-key"}), "apikey wrong") == 401
    order = packer.prepare(raw(GOOD | {"key": "second-key-0123456"}), None)
    assert order.key_stem == "second-key"


def test_times_are_taken_from_the_clock() -> None:
    packer = engine(now_ns=1_500_000_000)
    members = packer.finish(packer.prepare(raw(), HEADER))
    assert (members["startedAt"], members["packTime"], members["renderTime"]) == ("1970-01-01T00:00:01.5Z", 1e-9, 1e-9)


def test_how_many_items_are_to_be_packed_is_known_beforehand() -> None:
    assert engine().prepare(raw(GOOD | {"itemSets": GOOD["itemSets"] * 3}), HEADER).items == 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "EOF"),
        (b"{", "unexpected EOF"),
        (b"<xml/>", "invalid character '<' looking for beginning of value"),
        (b"[" * 100_000 + b"]" * 100_000, "exceeded max depth"),
        (b'{"a":' * 100_000, "exceeded max depth"),
        (b"1" * 5000 + b".5e99999", None),
    ],
)
def test_bodies_that_are_no_json_are_refused_in_gos_words(body: bytes, message: str | None) -> None:
    if message is None:
        assert decode(body) == float("inf")
        return
    with pytest.raises(ApiError) as refused:
        decode(body)
    assert (refused.value.code, refused.value.message) == (400, message)


def test_broken_utf_8_and_halves_of_characters_are_replaced_not_refused() -> None:
    assert decode(b'{"name":"\xff"}') == {"name": "\ufffd"}
    assert decode(b'{"name":"\\ud800!"}') == {"name": "?!"}


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(ApiError):
        decode(b'["\\ud800",' + b"1" * 5000 + b"]")
