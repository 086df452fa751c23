"""Each crash point with each action: whatever is cut off there, what was promised is counted once and the rest once at most."""

import os
from collections.abc import Iterator

import pytest
from rich.console import Console

import admin.init
from admin.settings import Settings
from common.crash_points import Action, CrashPoint
from common.settings import KafkaSettings, MongoSettings
from tests.fault.crash_scenarios import SCENARIOS
from tests.support.crash_run import CrashRun
from tests.support.day import cases_of
from tests.support.rig import Rig
from tests.support.services import Service, Services
from tests.support.stack import MakeWorkspace
from tests.support.workspace import Workspace

PARTITIONS = 6


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """No crash point is in it, so all of them share one."""
    started = Services(tmp_path_factory.mktemp("sandbox"))
    try:
        yield started.sandbox()
    finally:
        started.end()


def init(workspace: Workspace) -> None:
    """As `python -m admin init` does, without a process for it in each of so many tests."""
    kafka = KafkaSettings(
        bootstrap_servers=workspace.bootstrap_servers, topic=workspace.name, partitions=PARTITIONS, replication=1
    )
    mongo = MongoSettings(uri=workspace.mongo_uri, database=workspace.name)
    admin.init.run(Settings(kafka=kafka, mongo=mongo), Console(quiet=True), 60, new_topic=False)


@pytest.mark.parametrize(
    ("point", "action"), cases_of(os.environ), ids=lambda each: each.value if isinstance(each, Action) else each.label
)
def test_totals_are_exact_whatever_happens_at(
    point: CrashPoint, action: Action, make_workspace: MakeWorkspace, services: Services, sandbox: Service
) -> None:
    scenario = SCENARIOS[point]
    workspace = make_workspace(PARTITIONS)
    init(workspace)
    rig = Rig(workspace, services, sandbox, [], [])
    run = CrashRun(rig, point, action, scenario.arms, scenario.times, scenario.flush_interval_s)
    scenario.begin(run)
    with run.under_load():
        scenario.provoke(run)
        run.wait_fired()
        scenario.repair(run)
        run.recover(scenario.cost, scenario.exits)
        run.load.wait_replies(5)
    run.settle()
