"""What a request asks for is read from whatever bytes come, and what is not worth sending is said with its place."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.events import OfferedCarton
from proxy import pack_request
from proxy.bounds import bounded
from proxy.pack_request import PackRequest, Problem

ITEMS = [{"refId": 1, "quantity": 3, "dimensions": {"x": 1, "y": 2, "z": 3}, "weight": 1}]
SMALL = {"name": "small", "refId": 7, "dimensions": {"x": 4, "y": 5, "z": 6}, "weightMax": 20}
LARGE = {"name": "large", "refId": 8, "dimensions": {"x": 8, "y": 9, "z": 10}, "weightMax": 20}


def read(pack: object, labels: tuple[str, ...] = (), hash_key: bytes | None = None) -> PackRequest:
    return pack_request.read(json.dumps(pack).encode(), labels, hash_key)


def pack(**more: object) -> dict[str, Any]:
    return {"itemSets": ITEMS, **more}


MALFORMED = [
    b"",
    b" ",
    b"null",
    b"[]",
    b"5",
    b'"pack"',
    b"{",
    b'{"itemSets":[}',
    b"{} {}",
    b'\xef\xbb\xbf{"itemSets":[]}',
    b'{"itemSets":[],"name":"\xff"}',
    b'{"itemSets":[],"name":"\\ud800"}',
    b'{"usableSpace":NaN}',
    b'{"usableSpace":1e999}',
    b'{"n":' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b"itemSets=1&boxTypes=2",
    b"\x1f\x8b\x08\x00",
    "{'itemSets': []}".encode("utf-16"),
]


@pytest.mark.parametrize("body", MALFORMED)
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    request = pack_request.read(body)

    assert request.problem == Problem(400, "malformed request")
    assert request.facts.request_bytes == len(body)
    assert request.facts.request_fingerprint == blake2b(body, digest_size=16).hexdigest()
    assert request.facts.content_hash is None
    assert (request.facts.random, request.facts.images) == (None, None)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_bytes_make_the_reader_raise(body: bytes) -> None:
    assert len(pack_request.read(body).facts.request_fingerprint) == 32


@pytest.mark.parametrize(
    ("given_pack", "message"),
    [
        ({}, "nothing to pack"),
        ({"itemSets": [], "boxes": None, "random": False}, "nothing to pack"),
        ({"itemSets": None, "boxTypes": [SMALL]}, "nothing to pack"),
        ({"itemSets": {"refId": 1}}, "itemSets must be an array, not an object"),
        ({"itemSets": "one"}, "itemSets must be an array, not a string"),
        ({"itemSets": 1}, "itemSets must be an array, not a number"),
        ({"itemSets": True}, "itemSets must be an array, not a boolean"),
        ({"itemSets": ITEMS, "boxes": 1.5}, "boxes must be an array, not a number"),
        ({"itemSets": ITEMS, "random": "true"}, "random must be a boolean, not a string"),
        ({"itemSets": ITEMS, "random": 1}, "random must be a boolean, not a number"),
        ({"itemSets": ITEMS, "random": []}, "random must be a boolean, not an array"),
    ],
)
def test_what_cannot_be_packed_is_said_with_its_place(given_pack: object, message: str) -> None:
    problem = read(given_pack).problem

    assert problem is not None
    assert problem.status == 422
    assert message in problem.message


@pytest.mark.parametrize(
    "given_pack",
    [
        pack(),
        {"boxes": [{"box": {}}]},
        {"random": True},
        {"random": True, "itemSets": []},
        {"itemSets": [None]},
        pack(boxTypes="none", usableSpace="x", unknown=[1]),
    ],
)
def test_the_rest_is_for_upstream_to_judge(given_pack: object) -> None:
    assert read(given_pack).problem is None


def test_the_same_content_has_the_same_hash_whoever_asks() -> None:
    one = read({"itemSets": ITEMS, "boxTypes": [SMALL], "requestId": "1", "orderId": "A", "timeout": 5})
    other = read({"boxTypes": [SMALL], "properties": {"a": 1}, "key": "k" * 64, "itemSets": ITEMS})

    assert one.facts.content_hash == other.facts.content_hash
    assert one.facts.content_hash is not None
    assert len(one.facts.content_hash) == 32
    assert one.facts.request_fingerprint != other.facts.request_fingerprint
    assert one.facts.content_hash != read(pack()).facts.content_hash


def test_the_content_hash_is_that_of_sorted_compact_json() -> None:
    canonical = json.dumps(pack(), sort_keys=True, separators=(",", ":")).encode()

    assert read(pack(orderId="A")).facts.content_hash == blake2b(canonical, digest_size=16).hexdigest()


def test_the_legacy_key_is_the_credential_in_the_body() -> None:
    assert read(pack(key="secret")).body_key == "secret"
    assert "secret" not in repr(read(pack(key="secret")).facts)


def test_the_order_is_hashed_with_a_key_or_not_at_all() -> None:
    key = b"0123456789abcdef"
    expected = blake2b(b"SO-1", key=key, digest_size=16).hexdigest()

    assert read(pack(orderId="SO-1"), hash_key=key).facts.order_hash == expected
    assert read(pack(orderId="SO-1")).facts.order_hash is None
    assert (
        read(pack(orderId=12), hash_key=key).facts.order_hash == read(pack(orderId="12"), hash_key=key).facts.order_hash
    )
    long = [read(pack(orderId="x" * 200 + tail), hash_key=key).facts.order_hash for tail in "ab"]
    assert long[0] != long[1]


@pytest.mark.parametrize("order", [None, "", "  ", [], {}, True])
def test_what_is_no_order_has_no_hash(order: object) -> None:
    assert read(pack(orderId=order), hash_key=b"0123456789abcdef").facts.order_hash is None


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({"itemSets": [{"quantity": 3}, {"quantity": 4.0}]}, 7),
        ({"itemSets": []}, 0),
        ({"itemSets": [{"quantity": 3}, {}]}, None),
        ({"itemSets": [{"quantity": 3}, {"quantity": "4"}]}, None),
        ({"itemSets": [{"quantity": -1}]}, None),
        ({"itemSets": [None]}, None),
        ({"itemSets": None}, None),
        ({"itemSets": [{"quantity": 3}], "random": True}, None),
        ({"itemSets": [{"quantity": 900_000}] * 2}, None),
        ({"itemSets": [{"quantity": 0}] * 100_001}, None),
    ],
)
def test_items_asked_are_known_only_if_every_quantity_is(more: Mapping[str, object], asked: int | None) -> None:
    assert read(more).facts.items_asked == asked


def test_offered_cartons_are_listed_with_what_the_defaults_add() -> None:
    facts = read(
        pack(
            boxTypes=[SMALL, {"refId": 9}, "odd", {"name": 5, "dimensions": {"x": 1}}], boxTypeDefaults={"name": "any"}
        )
    ).facts

    assert facts.offered_from == "request"
    assert facts.offered == [
        OfferedCarton(name="small", ref_id="7", dims=(4, 5, 6)),
        OfferedCarton(name="any", ref_id="9"),
        OfferedCarton(name="any"),
        OfferedCarton(),
    ]


def test_a_list_is_the_same_list_however_it_is_sorted_and_whatever_else_its_cartons_say() -> None:
    one = read(pack(boxTypes=[SMALL, LARGE])).facts
    other = read(pack(boxTypes=[LARGE, {**SMALL, "weightMax": 1}])).facts

    assert one.offered_hash == other.offered_hash
    assert one.offered_hash is not None
    assert len(one.offered_hash) == 32
    assert one.offered_hash != read(pack(boxTypes=[SMALL])).facts.offered_hash
    assert one.offered_hash != read(pack(boxTypes=[SMALL, LARGE, LARGE])).facts.offered_hash


@pytest.mark.parametrize(
    ("more", "source"),
    [
        ({}, None),
        ({"boxTypeSets": ["customer"]}, "customer"),
        ({"boxTypeGenerators": [{}]}, "generated"),
        ({"boxTypeSets": ["customer"], "boxTypeGenerators": [{}]}, "customer"),
        ({"boxTypes": [SMALL], "boxTypeSets": ["customer"]}, "request"),
        ({"boxTypes": []}, None),
    ],
)
def test_it_is_known_where_the_cartons_come_from(more: Mapping[str, object], source: str | None) -> None:
    facts = read(pack(**more)).facts

    assert facts.offered_from == source
    assert (facts.offered_hash is None) == (source != "request")


def test_a_long_list_has_a_hash_but_is_in_no_event() -> None:
    facts = read(pack(boxTypes=[{"name": f"carton {number}" + "x" * 90} for number in range(100)])).facts

    assert facts.offered_hash is not None
    assert facts.offered is None


def test_an_endless_list_is_not_read() -> None:
    facts = read(pack(boxTypes=[{"name": "a"}] * 1001)).facts

    assert (facts.offered_hash, facts.offered, facts.offered_from) == (None, None, "request")


@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False), (None, True), ("no", None), (1, None)])
def test_images_are_asked_for_unless_refused(value: object, expected: bool | None) -> None:
    assert read(pack(includeImages=value)).facts.images is expected
    assert read(pack()).facts.images is True


@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False), (None, False), ("yes", None)])
def test_random_is_as_the_request_says(value: object, expected: bool | None) -> None:
    assert read(pack(random=value)).facts.random is expected


def test_labels_are_the_properties_that_were_named() -> None:
    properties = {"site": "North", "wave": 7, "rush": True, "secret": "x", "note": "n" * 300, "list": [1]}
    facts = read(pack(properties=properties), labels=("site", "wave", "rush", "note", "list", "absent")).facts

    assert facts.labels == {"site": "North", "wave": "7", "rush": "true", "note": bounded("n" * 300)}
    assert read(pack(properties=properties)).facts.labels is None
    assert read(pack(properties=[1]), labels=("site",)).facts.labels is None
