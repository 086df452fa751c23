"""The whole pipeline as subprocesses, for tests that go through HTTP: who is who, and what each was told."""

from dataclasses import dataclass
from typing import Self

from tests.support.evidence import values_of, wait_settled
from tests.support.services import Service, Services
from tests.support.upstream import RecordingUpstream
from tests.support.workspace import Workspace

# Short, so that a test that waits for it waits little; the sandbox answers in milliseconds unless told otherwise.
_IMPATIENT = {"PROXY__UPSTREAM_TIMEOUT_S": "2", "PROXY__CONNECT_TIMEOUT_S": "1", "PROXY__BODY_TIMEOUT_S": "2"}
_QUICK = {"AGGREGATOR__FLUSH_INTERVAL_S": "0.05"}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`proxy` forwards to the sandbox, `passing` to the recording double; both count into the same workspace."""

    workspace: Workspace
    sandbox: Service
    proxy: Service
    passing: Service
    aggregator: Service
    double: RecordingUpstream

    @classmethod
    def start(cls, workspace: Workspace, services: Services, double: RecordingUpstream) -> Self:
        services.init(workspace)
        sandbox = services.sandbox(wait=False)
        proxy = services.proxy(workspace, sandbox.url, wait=False, **_IMPATIENT)
        passing = services.proxy(workspace, double.url, wait=False, **_IMPATIENT)
        aggregator = services.aggregator(workspace, wait=False, **_QUICK)
        for service in (sandbox, proxy, passing, aggregator):
            service.wait_ready()
        return cls(workspace, sandbox, proxy, passing, aggregator, double)

    def values(self) -> list[bytes]:
        """The values of all records in the topic."""
        return list(values_of(self.workspace))

    def settle(self) -> None:
        """Until everything that was sent so far is counted."""
        wait_settled(self.workspace, [self.proxy, self.passing])
