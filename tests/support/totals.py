"""Packs put straight into a topic, and what the documents and an aggregator say of them: for tests without a proxy."""

from datetime import UTC, datetime
from typing import Any

from common import documents, progress
from common.events import Event
from common.identity import new_session
from tests.support import web
from tests.support.eventually import eventually
from tests.support.made_events import delete, keystem_in, pack
from tests.support.services import Service, Services
from tests.support.workspace import Workspace


class Maker:
    """One session of one proxy that happens to be this test: its events are numbered per partition."""

    def __init__(self, partitions: int, session: str | None = None) -> None:
        self.partitions, self.session = partitions, session or new_session()
        self._seqs: dict[int, int] = {}

    def pack(self, partition: int, nth: int = 0, **changed: Any) -> Event:
        """The next pack of the `nth` facility of the partition."""
        now = {"occurred_at": datetime.now(UTC), "partitions": self.partitions}
        return pack(self.session, self._next(partition), self.keystem(partition, nth), **(now | changed))

    def delete(self, partition: int, nth: int = 0) -> Event:
        now = {"occurred_at": datetime.now(UTC), "partitions": self.partitions}
        return delete(self.session, self._next(partition), self.keystem(partition, nth), **now)

    def keystem(self, partition: int, nth: int = 0) -> str:
        return keystem_in(partition, self.partitions, nth)

    def _next(self, partition: int) -> int:
        self._seqs[partition] = self._seqs.get(partition, 0) + 1
        return self._seqs[partition]


def quick(
    services: Services, workspace: Workspace, *, wait: bool = True, module: str = "aggregator", **env: str
) -> Service:
    """An aggregator that flushes ten times a second."""
    return services.aggregator(workspace, wait=wait, module=module, AGGREGATOR__FLUSH_INTERVAL_S="0.1", **env)


def position(workspace: Workspace, partition: int = 0) -> dict[str, Any]:
    found = workspace.documents[progress.POSITIONS].find_one({"partition": partition})
    assert found is not None
    return found


def requests(workspace: Workspace) -> int:
    return sum(int(found["requests"]) for found in workspace.documents[documents.TOTALS].find())


def wait_counted(workspace: Workspace, expected: int, deadline_s: float = 60) -> None:
    """Until the totals are at the number; what goes beyond it is found when they do not stay there."""

    def exactly() -> bool:
        assert requests(workspace) == expected
        return True

    eventually(exactly, deadline_s)


def readiness(service: Service) -> dict[str, Any]:
    body: dict[str, Any] = web.get(f"{service.url}/readyz").json
    return body


def stopped(service: Service) -> dict[str, str]:
    """Which partitions an aggregator says are stopped, and why."""
    found: dict[str, str] = readiness(service)["partitions"]["stopped"]
    return found


def wait_stopped(service: Service, expected: dict[str, str]) -> None:
    def so() -> bool:
        assert stopped(service) == expected
        return True

    eventually(so, 60)


def sample(service: Service, name: str, labels: str = "") -> float | None:
    """One metric with these labels, as it is written; None where there is none."""
    text = web.get(f"{service.url}/metrics").body.decode()
    start = f"{name}{{{labels}}} " if labels else f"{name} "
    found = [float(line.removeprefix(start)) for line in text.splitlines() if line.startswith(start)]
    return found[0] if found else None
