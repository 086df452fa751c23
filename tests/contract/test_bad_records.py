"""Every malformed record of the table: where it ends, and that what comes before and behind it is counted."""

from dataclasses import dataclass
from typing import Any

import pytest

from common.topic import partition_of
from tests.contract.bad_records import COUNTED, NEWER, QUARANTINED, RECORDS, BadRecord
from tests.support import web
from tests.support.eventually import eventually
from tests.support.facility import ONE_PACK, Counts, Facility
from tests.support.pipeline import Pipeline
from tests.support.records import pack_event, produce, produce_event
from tests.support.services import Services
from tests.support.stack import MakeWorkspace
from tests.support.workspace import Workspace


def neighbour(proxy: str, workspace: Workspace, partition: int) -> Facility:
    """A facility whose events lie in this partition."""
    while True:
        facility = Facility(proxy)
        if partition_of(facility.keystem, workspace.partitions) == partition:
            return facility


@dataclass(frozen=True, slots=True)
class Ran:
    """A record that was put between two good packs of its partition, and what came of it."""

    value: bytes | None
    held: dict[str, Any] | None
    counted: Counts  # of the keystem it speaks of
    beside: Counts  # of the packs around it


@pytest.fixture(scope="module")
def ran(pipeline: Pipeline) -> dict[str, Ran]:
    """All cases; counting is waited for once, and not for each."""
    workspace, url = pipeline.workspace, pipeline.proxy.url
    put: dict[str, tuple[Facility, Facility, int, bytes | None]] = {}
    sources = {case.name: Facility(url) for case in RECORDS}
    places = {case.name: place(workspace, sources[case.name], case) for case in RECORDS}
    neighbours = {name: neighbour(url, workspace, partition) for name, partition in places.items()}
    for beside in neighbours.values():
        beside.pack()
    pipeline.settle()  # the first packs are before the records, whichever way they take
    for case in RECORDS:
        of = sources[case.name]
        value = case.value(workspace, of.keystem)
        offset = produce(workspace, places[case.name], value, of.keystem.encode())
        neighbours[case.name].pack()
        for facility in (neighbours[case.name], of):
            facility.mark()
        put[case.name] = (of, neighbours[case.name], offset, value)
    quarantine = workspace.documents["quarantine"]
    return {
        name: Ran(
            value,
            counted=of.counted(),
            beside=beside.counted(),
            held=quarantine.find_one({"partition": places[name], "offset": offset}),
        )
        for name, (of, beside, offset, value) in put.items()
    }


def place(workspace: Workspace, of: Facility, case: BadRecord) -> int:
    return (partition_of(of.keystem, workspace.partitions) + case.partition_off) % workspace.partitions


@pytest.mark.parametrize("case", RECORDS, ids=lambda case: case.name)
def test_bad_record_ends_where_it_belongs(ran: dict[str, Ran], case: BadRecord) -> None:
    held = ran[case.name].held
    assert (held is not None) is (case.fate == QUARANTINED)
    if held is not None:
        assert held["reason"].startswith(case.reason), held["reason"]
        assert held["value"] == ran[case.name].value
    assert ran[case.name].counted.requests == (1 if case.fate == COUNTED else 0)


@pytest.mark.parametrize("case", RECORDS, ids=lambda case: case.name)
def test_bad_record_disturbs_nobody(ran: dict[str, Ran], case: BadRecord) -> None:
    assert ran[case.name].beside == Counts(requests=2, packs=2, items=6, statuses={"200": 2})


def test_record_that_comes_twice_is_counted_once(pipeline: Pipeline) -> None:
    facility = Facility(pipeline.proxy.url)
    event = pack_event(pipeline.workspace, facility.keystem)
    for _ in range(3):
        produce_event(pipeline.workspace, event)
    assert facility.settled() == ONE_PACK


def test_wrong_key_of_a_record_means_nothing(pipeline: Pipeline) -> None:
    facility = Facility(pipeline.proxy.url)
    event = pack_event(pipeline.workspace, facility.keystem)
    produce(pipeline.workspace, event.partition, b"no event", b"\xff")
    produce_event(pipeline.workspace, event)
    assert facility.settled() == ONE_PACK


@pytest.mark.parametrize("case", NEWER, ids=lambda case: case.name)
def test_newer_schema_stops_its_partition_and_no_other(
    pipeline: Pipeline, make_workspace: MakeWorkspace, services: Services, case: BadRecord
) -> None:
    workspace = make_workspace(partitions=2)
    services.init(workspace)
    proxy = services.proxy(workspace, pipeline.sandbox.url, wait=False)
    aggregator = services.aggregator(workspace, AGGREGATOR__FLUSH_INTERVAL_S="0.1")
    proxy.wait_ready()
    stopped, other = (neighbour(proxy.url, workspace, number) for number in range(2))
    stopped.pack()
    stopped.shown(1)
    produce(workspace, 0, case.value(workspace, stopped.keystem))
    eventually(lambda: web.get(f"{aggregator.url}/readyz").json["partitions"]["stopped"] == {"0": case.reason})
    assert stopped.pack().status == 200
    assert other.pack().status == 200
    assert other.settled() == ONE_PACK
    assert stopped.shown(1)["totalRequests"] == 1
    assert b"packstats_partition_stopped{" in web.get(f"{aggregator.url}/metrics").body
