"""The proxy against its own OpenAPI document: what schemathesis makes of it is answered as the document says.

Left out, with the reason: that valid data is accepted and invalid data rejected cannot be asked of the pack routes,
because there upstream judges; for reading totals `negative_data_rejection` is among the checks. A delete needs its
`Authorization` only where a token is set, which the document cannot say.
"""

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support import web
from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.contract

EXAMPLES = 6
ALWAYS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_route_answers_as_its_document_says(pipeline: Pipeline, mode: GenerationMode) -> None:
    url = pipeline.proxy.url
    load_all_checks()
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    asked: Counter[str] = Counter()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        checks = [*ALWAYS, negative_data_rejection] if operation.method == "get" else list(ALWAYS)

        @settings(
            deadline=None,
            max_examples=EXAMPLES,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answered(case: "schemathesis.Case[Any]") -> None:
            asked[f"{case.method} {case.path}"] += 1
            case.call_and_validate(checks=checks)  # noqa: B023  # called before the next turn

        with suppress(Unsatisfiable):  # a route without parameters cannot be asked wrongly
            answered()
    assert set(asked) >= {"POST /", "POST /pack", "GET /api/keydata"}

    assert web.get(f"{url}/readyz").status == 200
    pipeline.settle()
    assert web.get(f"{url}/api/keydata/all").json["totalRequests"] > 0
