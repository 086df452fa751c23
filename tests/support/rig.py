"""The pipeline of one test that breaks things: its parts, the load on it, and the verdict at the end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tests.support import web
from tests.support.eventually import eventually
from tests.support.evidence import api_disagreements, counted_in, ends_of, events_of, positions_of, wait_settled
from tests.support.ledger import differences
from tests.support.load import Load, Plan
from tests.support.services import Service, Services
from tests.support.workspace import Workspace


@dataclass(slots=True)
class Rig:
    """Parts may be killed, started again and added; `proxies` are those that are to run at the end."""

    workspace: Workspace
    services: Services
    sandbox: Service
    proxies: list[Service]
    aggregators: list[Service]

    @classmethod
    def start(cls, workspace: Workspace, services: Services, *, proxies: int = 1, aggregators: int = 2) -> Self:
        sandbox = services.sandbox(wait=False)
        services.init(workspace)
        rig = cls(workspace, services, sandbox, [], [])
        rig.proxies += [services.proxy(workspace, sandbox.url, wait=False) for _ in range(proxies)]
        rig.aggregators += [services.aggregator(workspace, wait=False) for _ in range(aggregators)]
        for service in (sandbox, *rig.proxies, *rig.aggregators):
            service.wait_ready()
        if aggregators:
            rig.wait_shared(rig.aggregators)
        return rig

    def load(self, plan: Plan | None = None) -> Load:
        return Load(plan or Plan(), *(proxy.url for proxy in self.proxies))

    def wait_shared(self, members: Sequence[Service]) -> None:
        """Until these aggregators hold all partitions between them, none of them nothing."""

        def shared() -> bool:
            held = [held_by(member) for member in members]
            assert sorted(number for numbers in held for number in numbers) == list(range(self.workspace.partitions))
            assert all(held), held
            return True

        eventually(shared, 60)

    def lag(self, partitions: Sequence[int] | None = None) -> int:
        """How many records of these partitions (of all) are in the log and not in the documents."""
        ends, positions = ends_of(self.workspace), positions_of(self.workspace)
        return sum(ends[number] - positions[number] for number in (ends if partitions is None else partitions))

    def waiting(self, proxy: Service | None = None) -> int:
        """How many events a proxy's spool holds."""
        return int(web.get(f"{(proxy or self.proxies[0]).url}/readyz").json["spool"]["waiting"])

    def assert_exact(self, load: Load) -> None:
        """Every reply with X-Event-ID is counted exactly once, every other request at most once, and nothing else."""
        try:
            wait_settled(self.workspace, self.proxies, 90)
        except AssertionError as error:
            for service in self.services.started:
                error.add_note(service.account())
            raise
        counted = counted_in(self.workspace)
        assert differences(load.ledger, events_of(self.workspace), counted) == []
        assert api_disagreements(self.proxies[0], counted) == []
        assert load.ledger.counted_for_sure, "nothing was counted, so nothing was shown"


def held_by(aggregator: Service) -> list[int]:
    found: list[int] = web.get(f"{aggregator.url}/readyz").json["partitions"]["held"]
    return found


def outage(seconds: float) -> None:
    """Let an outage last; nothing can be waited for, because nothing is to happen."""
    time.sleep(seconds)
