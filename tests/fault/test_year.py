"""A facility with a year of hours is deleted, and the members that do it are killed on the way."""

from datetime import timedelta
from typing import Any

from bson import Decimal128, Int64
from pymongo.collection import Collection

from common import documents, progress
from tests.support.eventually import eventually
from tests.support.feed import feed
from tests.support.services import Services
from tests.support.stack import MakeWorkspace
from tests.support.totals import Maker, position, quick, wait_counted
from tests.support.workspace import Workspace

HOURS = 8760
DAYS = 365


def test_a_year_of_hours_is_deleted_to_the_last_digit_though_two_members_die_of_it(
    make_workspace: MakeWorkspace, services: Services
) -> None:
    workspace = make_workspace(1)
    services.init(workspace)
    maker = Maker(1)
    first = quick(services, workspace)
    feed(workspace, [maker.pack(0)])
    wait_counted(workspace, 1)
    make_a_year_of_it(workspace)
    feed(workspace, [maker.pack(0, nth=1)])
    wait_counted(workspace, HOURS + 1)
    second = quick(services, workspace)

    feed(workspace, [maker.delete(0), maker.pack(0, nth=1)])
    for victim, slices in ((first, 5), (second, 20)):
        eventually(lambda slices=slices: position(workspace).get("step", 0) >= slices, 60, every_s=0.005)  # type: ignore[misc]  # bound now
        victim.kill()
        assert position(workspace)["next_offset"] == 2, "killed too late to prove anything"
        if victim is first:
            first.start(wait=False)

    wait_counted(workspace, 2)
    left = workspace.documents
    assert left[documents.KEYDATA].count_documents({"_id": maker.keystem(0)}) == 0
    for name in (documents.KEYDATA_HOURS, documents.CARTON_DAYS):
        assert left[name].count_documents({"_id.k": maker.keystem(0)}) == 0
    other = numbers(left[documents.KEYDATA].find_one({"_id": maker.keystem(0, 1)}))
    total = numbers(left[documents.TOTALS].find_one({"_id": 0}))
    assert total == {path: value for path, value in other.items() if not path.startswith(("cartons.", "offered."))}
    hours = [numbers(found) for found in left[documents.TOTALS_HOURS].find()]
    assert len(hours) >= HOURS
    assert sum(found.get("requests", 0) for found in hours) == 2
    assert sum(1 for found in hours if found) <= 2, "an hour of nobody is not zero"
    [receipt] = left[progress.DELETIONS].find()
    assert receipt["cleared"]["requests"] == HOURS


def make_a_year_of_it(workspace: Workspace) -> None:
    """The one pack that is counted becomes one in each hour of a year, in every document that has it."""
    database = workspace.documents
    for name, field, step, count in (
        (documents.KEYDATA_HOURS, "h", timedelta(hours=1), HOURS),
        (documents.TOTALS_HOURS, "h", timedelta(hours=1), HOURS),
        (documents.CARTON_DAYS, "d", timedelta(days=1), DAYS),
    ):
        _repeat(database[name], field, step, count)
    for name in (documents.KEYDATA, documents.TOTALS):
        [found] = database[name].find()
        database[name].replace_one({"_id": found["_id"]}, multiplied(found))


def _repeat(collection: "Collection[dict[str, Any]]", field: str, step: timedelta, count: int) -> None:
    [found] = collection.find()
    moments = [found["_id"][field] - number * step for number in range(1, count)]
    own = "hour" if field == "h" else "day"
    # The index that removes old documents would take those of more than 400 days; a year is younger.
    collection.insert_many([found | {"_id": found["_id"] | {field: at}, own: at} for at in moments], ordered=False)


_NOT_COUNTED = {"_id", "partition", "latency_mean", "max"}


def multiplied(document: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in document.items():
        if name in _NOT_COUNTED:
            result[name] = value
        elif isinstance(value, dict):
            result[name] = multiplied(value)
        elif isinstance(value, Decimal128):
            result[name] = Decimal128(value.to_decimal() * HOURS)
        elif isinstance(value, int):
            result[name] = Int64(value * HOURS)
        else:
            result[name] = value
    return result


def numbers(document: dict[str, Any] | None, prefix: str = "") -> dict[str, int]:
    """Every counter that is not 0, by its path."""
    flat: dict[str, int] = {}
    for name, value in (document or {}).items():
        if name in _NOT_COUNTED:
            continue
        if isinstance(value, dict):
            flat |= numbers(value, f"{prefix}{name}.")
        elif isinstance(value, Decimal128 | int):
            flat[prefix + name] = int(value.to_decimal() if isinstance(value, Decimal128) else value)
    return {path: value for path, value in flat.items() if value}
