"""The pack endpoint in the OpenAPI document: it is no route of the framework, so it is described here by hand."""

from typing import Any, Final

import msgspec

from proxy.views import PACK_PATHS, VIEWS, Stats

_REF: Final = "#/components/schemas/{name}"
_VIEW: Final[dict[str, Any]] = {
    "name": "view",
    "in": "query",
    "required": False,
    "description": "`stats`: the statistics of the pack; `pack`: upstream's answer unchanged; `both`: both",
    "schema": {"type": "string", "enum": list(VIEWS), "default": "stats"},
}
_MESSAGE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["Message"],
    "properties": {
        "Message": {"type": "string"},
        "code": {"type": "integer", "description": "in view `pack`, as Paccurate has it"},
        "message": {"type": "string", "description": "in view `pack`, as Paccurate has it"},
    },
}
_UPSTREAMS: Final[dict[str, Any]] = {"type": "object", "description": "upstream's own answer, in view `pack`"}
_HEADERS: Final[dict[str, Any]] = {
    "X-Request-ID": {"description": "the caller's, or one made here", "schema": {"type": "string"}},
    "X-Event-ID": {
        "description": "the durable event of this pack: it is counted exactly once",
        "schema": {"type": "string"},
    },
    "Server-Timing": {"description": "milliseconds of upstream and of the proxy", "schema": {"type": "string"}},
}
_REFUSED: Final = {
    "400": "not a JSON object, or no such view; upstream was not called",
    "408": "the head or the body did not come in time; upstream was not called",
    "413": "larger than the limit; upstream was not called",
    "431": "the head of the request is larger than the limit; upstream was not called",
    "422": "nothing to pack; upstream was not called",
    "503": "no pack can be counted at present, or too many packs, bytes or connections at once; upstream was not called",
}
_FAILED: Final = {
    "4XX": "upstream refused: its status, its message",
    "5XX": "upstream failed: its status, its message",
    "502": "upstream is unreachable, redirects, or its answer is no pack",
    "504": "upstream took too long",
}


def with_packs(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the pack endpoint in it."""
    _, components = msgspec.json.schema_components([Stats], ref_template=_REF)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= components
    schemas["PackMessage"] = _MESSAGE
    for path in PACK_PATHS:
        document.setdefault("paths", {})[path] = {"post": _operation(path)}
    return document


def _operation(path: str) -> dict[str, Any]:
    passes = path.startswith("/pack")
    stats = {"$ref": _REF.format(name="Stats")}
    both = {"type": "object", "properties": {"stats": stats, "pack": {"type": "object"}}}
    success = _UPSTREAMS if passes else {"anyOf": [stats, both, _UPSTREAMS]}
    failure = _UPSTREAMS if passes else {"anyOf": [stats, _UPSTREAMS]}
    refusal = {"anyOf": [{"$ref": _REF.format(name="PackMessage")}, _UPSTREAMS]}  # upstream may say the same status
    name = "pass" if passes else "pack"
    return {
        "tags": ["packs"],
        "summary": "Forward a pack to Paccurate and count it",
        "description": "The body goes upstream byte for byte, whatever its Content-Type says."
        + (" The answer is upstream's, unchanged." if passes else ""),
        "operationId": f"{name}_{path.strip('/').replace('/', '_') or 'root'}{'_slash' if path == '/pack/' else ''}",
        "parameters": [] if passes else [_VIEW],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": {
            "200": _response("Packed", success),
            **{status: _response(text, failure) for status, text in _FAILED.items()},
            **{status: _response(text, refusal) for status, text in _REFUSED.items()},
        },
    }


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "headers": _HEADERS, "content": {"application/json": {"schema": schema}}}
