"""The declaration is read whole, and what it declares is what the services rely on."""

import json
from pathlib import Path
from typing import Any

import pytest

from admin.schema import DECLARATION, Index, declared
from common import documents, progress


def test_every_collection_that_the_services_name_is_declared() -> None:
    named = {
        documents.KEYDATA,
        documents.KEYDATA_HOURS,
        documents.CARTON_DAYS,
        documents.CARTON_LISTS,
        documents.TOTALS,
        documents.TOTALS_HOURS,
        progress.POSITIONS,
        progress.SESSIONS,
        progress.DELETIONS,
        progress.QUARANTINE,
    }
    assert {each.collection for each in declared()} == named


def test_the_orders_of_the_list_and_the_slowest_facility_have_an_index() -> None:
    (keydata,) = [each for each in declared() if each.collection == documents.KEYDATA]
    keys = {index.key for index in keydata.indexes}
    assert {((documents.LATENCY_MEAN, -1), ("_id", 1)), (("requests", -1), ("_id", 1))} <= keys


def test_nothing_of_the_declaration_is_passed_over(tmp_path: Path) -> None:
    content: dict[str, Any] = {
        "collections": {"c": {"validator": {"v": 1}, "indexes": [{"name": "n", "key": [["a", 1], ["b", -1]], "x": 5}]}}
    }
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(content))
    (found,) = declared(path)
    assert (found.collection, found.validator) == ("c", {"v": 1})
    assert found.indexes == (Index("n", (("a", 1), ("b", -1)), {"x": 5}),)


def test_the_declaration_lies_beside_the_packages() -> None:
    assert DECLARATION.is_file()


@pytest.mark.parametrize("options", [{}, {"expireAfterSeconds": 60}])
def test_an_index_is_made_as_declared(options: dict[str, int]) -> None:
    made = Index("n", (("a", 1),), options).model().document
    assert made == {"name": "n", "key": {"a": 1}, **options}
