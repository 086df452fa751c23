"""The documentation has the pack endpoint, though it is no route of the framework, and is a valid document."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from proxy import pack_request, pack_stats, views
from proxy.app import create_app
from proxy.settings import Settings
from tests.support import answers
from tests.support.answers import content
from tests.unit.proxy.test_views import IDENTITY, TIMING


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = create_app(Settings())
    assert app.openapi() is app.openapi()  # made once
    return app.openapi()


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {str(value["$ref"])} if "$ref" in value else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("path", views.PACK_PATHS)
def test_each_path_of_the_pack_endpoint_is_documented(document: dict[str, Any], path: str) -> None:
    operation = document["paths"][path]["post"]

    assert {"200", "400", "413", "422", "502", "503", "504"} <= set(operation["responses"])
    assert [parameter["name"] for parameter in operation["parameters"]] == (
        [] if path.startswith("/pack") else ["view"]
    )


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]

    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert {name.rpartition("/")[2] for name in references(document)} <= set(schemas)


def test_the_documented_statistics_are_those_that_are_sent(document: dict[str, Any]) -> None:
    of = pack_stats.outcome(pack_stats.RawAnswer(200, content(answers.pack())), 1 << 20)
    facts = pack_request.read(b'{"random":true}').facts
    event = pack_stats.minimal_event(IDENTITY, TIMING, of)
    assert facts.random
    body = json.loads(views.counted(of, views.stats(event, of, "id"), "stats", []).body)
    schema = document["components"]["schemas"]["Stats"]

    Draft202012Validator(schema).validate(body)
    assert set(body) == set(schema["required"])
    assert set(schema["properties"]) - set(body) == {"Message"}
