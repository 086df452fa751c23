"""Reads lists that come in pages."""

from typing import Any
from urllib.parse import urlencode

from tests.support import web
from tests.support.pipeline import Pipeline

Row = dict[str, Any]


def pages(pipeline: Pipeline, **query: str | int) -> list[Row]:
    """The rows of all pages of keystems, one page after the other."""
    rows: list[Row] = []
    after: dict[str, str] = {}
    while True:
        reply = web.get(f"{pipeline.proxy.url}/api/keydata?{urlencode({**query, **after})}")
        assert reply.status == 200, reply
        rows += reply.json["keydata"]
        if reply.json["next"] is None:
            return rows
        after = {"after": reply.json["next"]}
