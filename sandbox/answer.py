"""The answer to a pack in the shape that clients really get, which is not quite the documented one: wrapped boxes, items and leftovers, nulls, `host`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise, zip_longest
from typing import Final

from sandbox import gojson
from sandbox.boxes import Figures, Members, Teller
from sandbox.drawing import SCRIPTS, STYLES
from sandbox.measures import cubic, eight_decimals, measure, point
from sandbox.model import Packing, PackRequest

_BUILT: Final[Mapping[tuple[int, ...], str]] = {(1, 7, 1): "2024-09-04T21:52:11.858161781Z"}
_BUILT_OTHERWISE: Final = "2026-03-17T16:20:05.114250093Z"
UNITS: Final = (1, 7, 0)
IMAGE_SCALES: Final = (1, 8, 0)
PACK_PROPERTIES: Final = (1, 9, 2)
FINGERPRINTS: Final = ("packUuid", "requestFingerprint", "responseFingerprint")
"""In the order of their names, as they stand in an answer."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What an answer says that does not follow from the request."""

    version: tuple[int, ...] = (1, 9, 2)
    host: str = "api.paccurate.io"
    key_stem: str = ""
    started_ns: int = 0
    pack_ns: int = 0
    render_ns: int = 0
    count_leftovers: bool = True
    """Whether lenItems counts all that was asked or only what was packed."""


def answer(request: PackRequest, packing: Packing, drawings: Members, about: Circumstances) -> Members:
    """All top-level members but the fingerprints; `drawings` is `svgs` or `images`, or nothing."""
    teller = Teller(request, packing, about.version, about.pack_ns)
    figures = [Figures.of(request, box) for box in packing.boxes]
    boxes = list(teller.boxes(figures))
    leftovers = list(teller.leftovers())
    left = sum(item["quantity"] for item in leftovers) if about.count_leftovers else 0
    used, room = sum(figure.used for figure in figures), sum(figure.room for figure in figures)
    members: Members = {
        "boxTypeChoiceGoalUsed": request.options.goal,
        "boxes": [{"box": box} for box in boxes],
        "built": _BUILT.get(about.version, _BUILT_OTHERWISE),
        "host": about.host,
        "itemSortReverseUsed": request.options.item_sort_reverse,
        "itemSortUsed": packing.sort_used,
        "leftovers": [{"item": item} for item in leftovers],
        "lenBoxes": len(boxes),
        "lenItems": sum(figure.eaches for figure in figures) + left,
        "lenLeftovers": len(leftovers),
        "packTime": about.pack_ns / 1e9,
        "renderTime": about.render_ns / 1e9,
        "startedAt": rfc3339(about.started_ns),
        "title": "Default",
        "totalCost": sum(max(figure.price.cost, 0) for figure in figures),
        "totalTime": (about.pack_ns + about.render_ns) / 1e9,
        "totalVolume": cubic(room),
        "totalVolumeNet": cubic(sum(figure.net for figure in figures)),
        "totalVolumeUsed": cubic(used),
        "totalVolumeUtilization": eight_decimals(used / room) if room else 0,
        "totalWeight": measure(sum(figure.weight for figure in figures)),
        "version": ".".join(map(str, about.version)),
    }
    if about.version >= UNITS:
        members["lenUnits"] = sum(len(box.placed) for box in packing.boxes)
    return members | drawings | _optional(request, about)


def _optional(request: PackRequest, about: Circumstances) -> Members:
    """Members that are there only if there is something to say."""
    drawing = request.drawing
    scaled = any(drawing.scale)
    new = about.version >= IMAGE_SCALES
    optional: Members = {
        "imageScale": point(drawing.scale) if new and scaled else None,
        "imageScaleStyleUsed": ("override" if scaled else drawing.scale_style) if new else None,
        "orderId": request.order_id,
        "properties": request.properties if about.version >= PACK_PROPERTIES else None,
        "requestId": request.request_id,
        "scripts": SCRIPTS if drawing.scripts else None,
        "styles": STYLES if drawing.scripts else None,
        "usedKeyStem": about.key_stem or None,
        "warnings": list(request.warnings) or None,
    }
    return {name: value for name, value in optional.items() if value is not None}


def serialise(members: Members, request_body: bytes, entropy: bytes, leave_out: Collection[str] = ()) -> bytes:
    """The bytes of the answer with its three fingerprints; `entropy` makes this call's packUuid.

    What the response's fingerprint covers is encoded once, in the parts between the places where the fingerprints go.
    """
    bounds = ("", *FINGERPRINTS, "\U0010ffff")
    parts = [
        gojson.encode_members(
            {name: value for name, value in members.items() if low < name < high and name not in leave_out}
        )
        for low, high in pairwise(bounds)
    ]
    values = {
        "packUuid": gojson.fingerprint(entropy),
        "requestFingerprint": gojson.fingerprint(request_body),
        "responseFingerprint": gojson.fingerprint(gojson.join_members(parts)),
    }
    own = [
        b"" if name in leave_out else gojson.encode_members({name: members.get(name, values[name])})
        for name in FINGERPRINTS
    ]
    return gojson.join_members(part for pair in zip_longest(parts, own, fillvalue=b"") for part in pair)


def rfc3339(nanoseconds: int) -> str:
    """A moment since the epoch as the API writes it: UTC, nanoseconds without trailing zeros."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
