"""Answers of Paccurate as it really gives them, to be changed by tests."""

import copy
import json
from typing import Any

_POINT = {"x": 0, "y": 0, "z": 0}
_RATE_TABLE = {
    "basePrice": 0,
    "carrier": "",
    "dimFactor": 0,
    "priceIncreaseRate": 0,
    "rates": None,
    "service": "",
    "weights": None,
    "zone": "",
}
_BOX_TYPE = {
    "centerOfMass": _POINT,
    "dimensions": {"x": 5, "y": 6, "z": 8},
    "itemsInlineOverhang": {"x": -1, "y": -1, "z": -1},
    "name": "5x6x8",
    "price": 0,
    "rateTable": _RATE_TABLE,
    "refId": 0,
    "reservedSpace": None,
    "weightMax": 150,
    "weightTare": 0,
}
_ITEM = {
    "centerOfMass": {"x": 2.5, "y": 3, "z": 2},
    "color": "tomato",
    "deltaCost": 240,
    "dimensions": {"x": 5, "y": 6, "z": 4},
    "index": 1,
    "message": "packed #0 in 219.701µs at 680.475µs in Box(name:5x6x8 dimensions:[5,6,8] weight:150 index:0)",
    "name": "",
    "origin": _POINT,
    "quantity": 1,
    "refId": 0,
    "sequence": "",
    "uniqueId": "0-0",
    "virtual": False,
    "weight": 2,
}
_BOX = {
    "boxType": _BOX_TYPE,
    "centerOfMass": {"x": 2.5, "y": 3, "z": 2},
    "centerOfMassString": "[2.5 3 2]",
    "depthOrder": [1],
    "depthOrderString": "[1]",
    "dimensionalWeight": 0,
    "dimensionalWeightUsed": False,
    "dimensions": {"x": 5, "y": 6, "z": 8},
    "id": 0,
    "items": [{"item": _ITEM}],
    "lenItems": 1,
    "name": "5x6x8",
    "origin": _POINT,
    "price": 240,
    "refId": 0,
    "subspace": None,
    "volumeMax": 240,
    "volumeNet": 120,
    "volumeRemaining": 120,
    "volumeReserved": 0,
    "volumeUsed": 120,
    "volumeUtilization": 0.5,
    "weightMax": 150,
    "weightNet": 2,
    "weightRemaining": 148,
    "weightTare": 0,
    "weightUsed": 2,
    "weightUtilization": 0.013333333333333334,
}
_PACK = {
    "boxTypeChoiceGoalUsed": "lowest-cost",
    "boxes": [{"box": _BOX}],
    "built": "2024-09-04T21:52:11.858161781Z",
    "host": "api.paccurate.io",
    "itemSortReverseUsed": False,
    "itemSortUsed": "none",
    "leftovers": [],
    "lenBoxes": 1,
    "lenItems": 1,
    "lenLeftovers": 0,
    "lenUnits": 1,
    "packTime": 0.000700856,
    "packUuid": "30459e3c3fd5b6ad" * 8,
    "renderTime": 0.00061995,
    "startedAt": "2024-09-05T07:07:22.161716287Z",
    "svgs": ["<figure class='box-figure' data-box-index=0><svg></svg><figcaption></figcaption></figure>"],
    "title": "Default",
    "totalCost": 240,
    "totalTime": 0.001320806,
    "totalVolume": 240,
    "totalVolumeNet": 120,
    "totalVolumeUsed": 120,
    "totalVolumeUtilization": 0.5,
    "totalWeight": 2,
    "usedKeyStem": "6UZlPsHAqp",
    "version": "1.7.1",
}


def box(**changes: object) -> dict[str, Any]:
    """One filled carton, without its wrapper."""
    return {**copy.deepcopy(_BOX), **changes}


def box_type(**changes: object) -> dict[str, Any]:
    return {**copy.deepcopy(_BOX_TYPE), **changes}


def item(**changes: object) -> dict[str, Any]:
    return {**copy.deepcopy(_ITEM), **changes}


def pack(**changes: object) -> dict[str, Any]:
    """A complete answer of one box."""
    return {**copy.deepcopy(_PACK), **changes}


def pack_of(*boxes: dict[str, Any], **changes: object) -> dict[str, Any]:
    """An answer with these boxes."""
    return pack(boxes=[{"box": each} for each in boxes], lenBoxes=len(boxes), **changes)


def content(answer: object) -> bytes:
    """As upstream writes it."""
    return json.dumps(answer, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
