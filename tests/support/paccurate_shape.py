"""The shape of Paccurate's answers and errors as JSON Schema, written from what clients are known to get.

Closed objects: a member that is not named here is a mistake of the sandbox or news about the real service.
"""

from typing import Any

Schema = dict[str, Any]

NUMBER: Schema = {"type": "number"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
AMOUNT: Schema = {"type": "number", "minimum": 0}
COUNT: Schema = {"type": "integer", "minimum": 0}
INTEGER: Schema = {"type": "integer"}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
FREE: Schema = {"type": "object"}
FINGERPRINT: Schema = {"type": "string", "pattern": "^[0-9a-f]{128}$"}
MOMENT: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$"}


def array(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def closed(required: Schema, **optional: Schema) -> Schema:
    """An object with exactly these members."""
    return {
        "type": "object",
        "properties": required | optional,
        "required": sorted(required),
        "additionalProperties": False,
    }


POINT = closed({"x": NUMBER, "y": NUMBER, "z": NUMBER})

CONSTRAINTS = array(closed({"aggregate": {"const": "sum"}, "key": TEXT, "max": NUMBER, "value": NUMBER}))

BOX_EXTRAS: Schema = {
    "outer": closed({"dimensionChange": POINT, "dimensions": POINT}),
    "outerBasedCost": FLAG,
    "propertyConstraints": CONSTRAINTS,
}

RATE_TABLE = closed(
    {
        "basePrice": NUMBER,
        "carrier": TEXT,
        "dimFactor": NUMBER,
        "priceIncreaseRate": NUMBER,
        "rates": nullable(array(NUMBER)),
        "service": TEXT,
        "weights": nullable(array(NUMBER)),
        "zone": TEXT,
    }
)

BOX_TYPE = closed(
    {
        "centerOfMass": POINT,
        "dimensions": POINT,
        "itemsInlineOverhang": POINT,
        "name": TEXT,
        "price": {"type": "integer", "minimum": -1},
        "rateTable": RATE_TABLE,
        "refId": INTEGER,
        "reservedSpace": nullable(SHARE),
        "weightMax": AMOUNT,
        "weightTare": AMOUNT,
    },
    **BOX_EXTRAS,
)

_ITEM: Schema = {
    "centerOfMass": POINT,
    "color": TEXT,
    "deltaCost": INTEGER,
    "dimensions": POINT,
    "index": COUNT,
    "message": {"type": "string", "minLength": 1},
    "name": TEXT,
    "origin": POINT,
    "quantity": {"type": "integer", "minimum": 1},
    "refId": COUNT,
    "sequence": TEXT,
    "uniqueId": {"type": "string", "pattern": "^[0-9]+-[0-9]+$"},
    "virtual": FLAG,
    "weight": AMOUNT,
}

_BOX: Schema = {
    "boxType": BOX_TYPE,
    "centerOfMass": POINT,
    "centerOfMassString": {"type": "string", "pattern": r"^\[\S+ \S+ \S+\]$"},
    "depthOrder": array({"type": "integer", "minimum": 1}),
    "depthOrderString": {"type": "string", "pattern": r"^\[[0-9 ]*\]$"},
    "dimensionalWeight": AMOUNT,
    "dimensionalWeightUsed": FLAG,
    "dimensions": POINT,
    "id": COUNT,
    "lenItems": COUNT,
    "name": TEXT,
    "origin": POINT,
    "price": COUNT,
    "refId": INTEGER,
    "subspace": {"type": "null"},
    "volumeMax": AMOUNT,
    "volumeNet": AMOUNT,
    "volumeRemaining": AMOUNT,
    "volumeReserved": AMOUNT,
    "volumeUsed": AMOUNT,
    "volumeUtilization": SHARE,
    "weightMax": AMOUNT,
    "weightNet": AMOUNT,
    "weightRemaining": AMOUNT,
    "weightTare": AMOUNT,
    "weightUsed": AMOUNT,
    "weightUtilization": SHARE,
}

_ANSWER: Schema = {
    "boxTypeChoiceGoalUsed": {"enum": ["lowest-cost", "most-items"]},
    "built": MOMENT,
    "host": TEXT,
    "itemSortReverseUsed": FLAG,
    "itemSortUsed": TEXT,
    "lenBoxes": COUNT,
    "lenItems": COUNT,
    "lenLeftovers": COUNT,
    "lenUnits": COUNT,
    "packTime": AMOUNT,
    "packUuid": FINGERPRINT,
    "renderTime": AMOUNT,
    "requestFingerprint": FINGERPRINT,
    "responseFingerprint": FINGERPRINT,
    "startedAt": MOMENT,
    "title": {"const": "Default"},
    "totalCost": COUNT,
    "totalTime": AMOUNT,
    "totalVolume": AMOUNT,
    "totalVolumeNet": AMOUNT,
    "totalVolumeUsed": AMOUNT,
    "totalVolumeUtilization": SHARE,
    "totalWeight": AMOUNT,
    "version": TEXT,
}

_OPTIONAL: Schema = {
    "images": array(closed({"boxIndex": COUNT, "data": TEXT, "format": {"const": "png"}})),
    "orderId": TEXT,
    "requestId": TEXT,
    "scripts": TEXT,
    "styles": TEXT,
    "svgs": array({"type": "string", "pattern": "^<figure class='box-figure' data-box-index=[0-9]+><svg .*</figure>$"}),
    "usedKeyStem": {"type": "string", "pattern": "^[A-Za-z0-9_-]{10}$"},
    "warnings": array(TEXT),
}


def _answer(item: Schema, box: Schema, answer: Schema, **optional: Schema) -> Schema:
    one_item = closed(_ITEM | item, properties=FREE, unitOfMeasure=TEXT)
    wrapped = array(closed({"item": one_item}))
    one_box = closed(_BOX | box | {"items": wrapped}, reservedSpace=SHARE, **BOX_EXTRAS)
    boxes = array(closed({"box": one_box}))
    return closed(_ANSWER | answer | {"boxes": boxes, "leftovers": wrapped}, **_OPTIONAL, **optional)


ANSWER_1_7_1 = _answer({}, {}, {})
ANSWER_1_9_2 = _answer(
    {"globalId": COUNT, "packedIndex": COUNT},
    {"lenUnits": COUNT},
    {"imageScaleStyleUsed": {"enum": ["fill", "largest-box", "largest-box-type", "override"]}},
    imageScale=POINT,
    properties=FREE,
)
ERROR = closed({"code": {"type": "integer", "minimum": 100, "maximum": 600}, "message": TEXT}, details=TEXT)
