"""Pure: what a pack request asks for, as far as its bytes can be read, and whether there is anything to pack.

The bytes themselves go upstream as they are; what is read here only counts.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from common.events import MAX_EVENT_BYTES, OfferedCarton
from proxy.bounds import Numbers, label, mapping, ref_id, rows, text

MALFORMED: Final = "malformed request"

_HASH_BYTES: Final = 16
# What says who asks and how long it may take, not what is to be packed. (`key` is the legacy credential.)
_NOT_CONTENT: Final = ("requestId", "orderId", "properties", "timeout", "key")
_MAX_OFFERED: Final = 1000
_MAX_OFFERED_BYTES: Final = MAX_EVENT_BYTES // 2  # a longer list would be given up with every event
_MAX_REMEMBERED_BYTES: Final = 16 * 1024
_MAX_ITEM_SETS: Final = 100_000
_KINDS: Final = {str: "a string", bool: "a boolean", int: "a number", float: "a number", dict: "an object"}

_Offered = tuple[str | None, list[OfferedCarton] | None]

_decoder = msgspec.json.Decoder()
_canonical = msgspec.json.Encoder(order="sorted")


class Problem(NamedTuple):
    """Why a request is not worth sending."""

    status: int
    message: str


class RequestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The request group of the event; a field of a request that cannot be read is None."""

    request_fingerprint: str
    request_bytes: int
    content_hash: str | None = None
    order_hash: str | None = None
    items_asked: int | None = None
    offered_hash: str | None = None
    offered: list[OfferedCarton] | None = None
    offered_from: str | None = None
    random: bool | None = None
    images: bool | None = None
    labels: dict[str, str] | None = None


class PackRequest(msgspec.Struct, frozen=True):
    """A request as read: what is counted of it, what is wrong with it, and the credential in its body."""

    facts: RequestFacts
    problem: Problem | None
    body_key: str | None = None


def unread(body: bytes) -> PackRequest:
    """A request of which nothing is known but its bytes."""
    facts = RequestFacts(request_fingerprint=_hash([body]), request_bytes=len(body))
    return PackRequest(facts, Problem(400, MALFORMED))


def read(body: bytes, labels: tuple[str, ...] = (), hash_key: bytes | None = None) -> PackRequest:
    """Read a request. `labels` are the properties that are kept, `hash_key` makes the hash of the order id."""
    try:
        pack = _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return unread(body)
    if not isinstance(pack, dict):
        return unread(body)
    facts = RequestFacts(request_fingerprint=_hash([body]), request_bytes=len(body), **_facts(pack, labels, hash_key))
    key = pack.get("key")
    # Nothing else of what was parsed may live as long as the request: a body can become twenty times as large.
    return PackRequest(facts, _problem(pack), key if isinstance(key, str) else None)


def _facts(pack: dict[str, object], labels: tuple[str, ...], hash_key: bytes | None) -> dict[str, Any]:
    offered_hash, offered = _offered(pack)
    return {
        "content_hash": _content_hash(pack),
        "order_hash": _order_hash(pack.get("orderId"), hash_key),
        "items_asked": _items_asked(pack),
        "offered_hash": offered_hash,
        "offered": offered,
        "offered_from": _offered_from(pack),
        "random": _flag(pack.get("random"), default=False),
        "images": _flag(pack.get("includeImages"), default=True),
        "labels": _labels(mapping(pack.get("properties")), labels),
    }


def _problem(pack: dict[str, object]) -> Problem | None:
    for name, kind, wanted in (
        ("itemSets", list, "an array"),
        ("boxes", list, "an array"),
        ("random", bool, "a boolean"),
    ):
        value = pack.get(name)
        if value is not None and not isinstance(value, kind):
            return Problem(422, f"{name} must be {wanted}, not {_KINDS.get(type(value), 'an array')}")
    if not pack.get("itemSets") and not pack.get("boxes") and pack.get("random") is not True:
        return Problem(422, "nothing to pack: itemSets and boxes are missing or empty, and random is not true")
    return None


def _content_hash(pack: dict[str, object]) -> str:
    """The same for the same content, whatever the order of keys and whoever asks."""
    content = {name: value for name, value in pack.items() if name not in _NOT_CONTENT}
    return _hash([_canonical.encode(content)])


def _order_hash(order: object, key: bytes | None) -> str | None:
    """Keyed, because order numbers are few enough to be tried out."""
    name = ref_id(order)
    if key is None or name is None or not name.strip():
        return None
    whole = order if isinstance(order, str) else name
    return blake2b(whole.encode(), key=key, digest_size=_HASH_BYTES).hexdigest()


def _items_asked(pack: dict[str, object]) -> int | None:
    """How many items the request lists; unknown if a quantity is, or if upstream makes the items up."""
    sets = rows(pack.get("itemSets"))
    if sets is None or len(sets) > _MAX_ITEM_SETS or pack.get("random") is True:
        return None
    numbers = Numbers()
    asked = 0
    for item_set in sets:
        quantity = numbers.count(mapping(item_set).get("quantity"))
        if quantity is None:
            return None
        asked += quantity
    return numbers.count(asked)


def _offered(pack: dict[str, object]) -> _Offered:
    """The cartons a request lists; none of a list that is too long to be one that somebody packs into."""
    given = rows(pack.get("boxTypes"))
    if not given or len(given) > _MAX_OFFERED:
        return None, None
    said = _canonical.encode([given, pack.get("boxTypeDefaults")])
    return _remembered(said) if len(said) <= _MAX_REMEMBERED_BYTES else _listed(said)


def _listed(said: bytes) -> _Offered:
    given_cartons, given_defaults = _decoder.decode(said)
    numbers = Numbers()
    defaults = mapping(given_defaults)
    cartons = []
    for given in given_cartons:
        carton = {**defaults, **mapping(given)}
        cartons.append(
            OfferedCarton(
                name=text(carton.get("name")),
                ref_id=ref_id(carton.get("refId")),
                dims=numbers.dims(carton.get("dimensions")),
            )
        )
    listed = sorted(_canonical.encode(carton) for carton in cartons)
    # The hash is the same for the same cartons, however the list is sorted.
    return _hash(listed), cartons if sum(map(len, listed)) <= _MAX_OFFERED_BYTES else None


# A facility lists the same cartons in all its requests.
_remembered = lru_cache(maxsize=1024)(_listed)


def _offered_from(pack: dict[str, object]) -> str | None:
    """Where the cartons come from; a list in the request wins over those of the account."""
    if pack.get("boxTypes"):
        return "request"
    if pack.get("boxTypeSets"):
        return "customer"
    return "generated" if pack.get("boxTypeGenerators") else None


def _flag(value: object, *, default: bool) -> bool | None:
    if value is None:
        return default
    return value if isinstance(value, bool) else None


def _labels(properties: Mapping[str, object], wanted: tuple[str, ...]) -> dict[str, str] | None:
    found = {name: value for name in wanted if (value := label(properties.get(name))) is not None}
    return found or None


def _hash(parts: list[bytes]) -> str:
    digest = blake2b(digest_size=_HASH_BYTES)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
