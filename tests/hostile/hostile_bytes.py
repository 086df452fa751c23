"""What strangers may send, for Hypothesis: JSON with everything in it that JSON allows and much that it does not."""

import gzip
import json
import zlib
from typing import Any

from hypothesis import strategies as st

# Names that mean something in a path, a database, a page, or to this project.
NAMES = st.sampled_from(
    ["all", "../x", "a.b$c", "$where", "$inc", "", "%", "%2E", "(other)", "(unnamed)", "a\0b", "\0", ".", "unknown"]
) | st.text(max_size=40)
LONG_NAMES = st.builds(lambda name, times: (name or "n") * times, NAMES, st.sampled_from([1, 1, 1, 130, 4096]))
NUMBERS = st.one_of(
    st.integers(-3, 50),
    st.integers(),
    st.floats(),  # NaN and infinities too: `json` writes them as no JSON, which is the point
    st.sampled_from([1e300, 1e15, 10**12, 10**30, 2**63, -1e-9, 5e-324, 1_000_001]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | LONG_NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def either(wanted: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what belongs there."""
    return st.one_of(wanted, wanted, wanted, VALUES)


def members(*, required: tuple[str, ...] = (), **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object of some of these members."""
    chosen = {name: either(value) for name, value in fields.items()}
    fixed = {name: chosen.pop(name) for name in required}
    return st.fixed_dictionaries(fixed, optional=chosen)


_POINT = members(x=NUMBERS, y=NUMBERS, z=NUMBERS)
_RATES = members(rates=st.lists(NUMBERS, max_size=2), weights=st.lists(NUMBERS, max_size=2), basePrice=NUMBERS)
_BOX_TYPE = members(
    name=LONG_NAMES, refId=LONG_NAMES | NUMBERS, price=NUMBERS, rateTable=_RATES, dimensions=_POINT, outer=_POINT
)
_BOX = members(
    name=LONG_NAMES,
    refId=LONG_NAMES | NUMBERS,
    price=NUMBERS,
    dimensions=_POINT,
    boxType=_BOX_TYPE,
    items=st.lists(VALUES, max_size=2),
    lenItems=NUMBERS,
    volumeMax=NUMBERS,
    volumeUsed=NUMBERS,
    volumeNet=NUMBERS,
    weightUsed=NUMBERS,
    weightMax=NUMBERS,
    dimensionalWeight=NUMBERS,
    dimensionalWeightUsed=st.booleans(),
    rateTable=_RATES,
)
_ITEM = members(refId=LONG_NAMES | NUMBERS, name=LONG_NAMES, dimensions=_POINT, weight=NUMBERS, message=LONG_NAMES)
ANSWERS = members(
    required=("boxes",),
    boxes=st.lists(st.fixed_dictionaries({"box": either(_BOX)}), max_size=5).flatmap(
        lambda boxes: st.sampled_from([1, 1, 1, 20]).map(lambda times: boxes * times)
    ),
    leftovers=st.lists(st.fixed_dictionaries({"item": either(_ITEM)}), max_size=3),
    lenBoxes=NUMBERS,
    lenItems=NUMBERS,
    lenUnits=NUMBERS,
    lenLeftovers=NUMBERS,
    totalVolume=NUMBERS,
    totalVolumeUsed=NUMBERS,
    totalVolumeNet=NUMBERS,
    totalVolumeUtilization=NUMBERS,
    totalWeight=NUMBERS,
    usedKeyStem=LONG_NAMES,
    version=LONG_NAMES,
    built=LONG_NAMES,
    host=LONG_NAMES,
    packTime=NUMBERS,
    renderTime=NUMBERS,
    totalTime=NUMBERS,
    packUuid=LONG_NAMES,
    code=NUMBERS,
    message=LONG_NAMES,
    details=LONG_NAMES,
)
REQUESTS = members(
    itemSets=st.lists(members(quantity=NUMBERS, name=LONG_NAMES, dimensions=_POINT, weight=NUMBERS), max_size=4),
    boxes=st.lists(VALUES, max_size=2),
    boxTypes=st.lists(_BOX_TYPE, max_size=5),
    boxTypeSets=VALUES,
    boxTypeDefaults=_BOX_TYPE,
    random=st.booleans(),
    properties=members(site=LONG_NAMES | NUMBERS, wave=LONG_NAMES),
    orderId=LONG_NAMES | NUMBERS,
    key=LONG_NAMES,
    includeImages=st.booleans(),
)


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


def _cut(draw: st.DrawFn, raw: bytes) -> bytes:
    return raw[: draw(st.integers(0, len(raw)))]


def _deep(draw: st.DrawFn, raw: bytes) -> bytes:
    depth = draw(st.sampled_from([50, 900, 20_000]))
    return raw[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"


def _digits(draw: st.DrawFn, raw: bytes) -> bytes:
    return raw[:-1] + b',"lenItems":' + b"9" * draw(st.sampled_from([30, 5000])) + b"}"


def _inserted(draw: st.DrawFn, raw: bytes) -> bytes:
    at = draw(st.integers(0, len(raw)))
    return raw[:at] + draw(st.binary(min_size=1, max_size=4)) + raw[at:]


def _surrogates(_draw: st.DrawFn, raw: bytes) -> bytes:
    return raw[:-1] + b',"usedKeyStem":"\\ud800","orderId":"\\udc00","key":"\\ud83d"}'


_SPOILINGS = (_cut, _deep, _digits, _inserted, _surrogates)


@st.composite
def spoilt(draw: st.DrawFn, contents: st.SearchStrategy[Any]) -> bytes:
    """These contents as JSON, sometimes with what no encoder would write."""
    raw = draw(contents.map(_json))
    how = draw(st.integers(0, 2 * len(_SPOILINGS) + 1))
    if how < len(_SPOILINGS):
        return _SPOILINGS[how](draw, raw)
    if how == len(_SPOILINGS):  # the same members once more, with other values
        return raw[:-1] + b"," + draw(contents.map(_json))[1:]
    return raw


ANSWER_BYTES = spoilt(ANSWERS) | st.binary(max_size=200)
REQUEST_BYTES = spoilt(REQUESTS) | st.binary(max_size=200)


@st.composite
def coded(draw: st.DrawFn) -> tuple[bytes, str]:
    """An answer and what it says of its coding, which need not be true."""
    body = draw(ANSWER_BYTES)
    match draw(st.sampled_from(["", "", "", "", "gzip", "deflate", "lie", "two", "unknown"])):
        case "gzip":
            return gzip.compress(body, mtime=0), "gzip"
        case "deflate":
            return zlib.compress(body), "deflate"
        case "lie":
            return body, draw(st.sampled_from(["gzip", "br", "zstd", "deflate"]))
        case "two":
            return gzip.compress(gzip.compress(body, mtime=0), mtime=0), "gzip, gzip"
        case "unknown":
            return body, draw(st.text(alphabet="abcdef,; =*", max_size=20))
    return body, ""
