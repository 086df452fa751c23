"""A pipeline of its own for every test that breaks one."""

from collections.abc import Callable

import pytest

from tests.support.rig import Rig
from tests.support.services import Services
from tests.support.stack import MakeWorkspace

PARTITIONS = 24  # as in production
StartRig = Callable[..., Rig]


@pytest.fixture
def start_rig(make_workspace: MakeWorkspace, services: Services) -> StartRig:
    """Starts a pipeline: `start_rig(proxies=2, aggregators=1)`."""

    def start(*, proxies: int = 1, aggregators: int = 2) -> Rig:
        return Rig.start(make_workspace(PARTITIONS), services, proxies=proxies, aggregators=aggregators)

    return start


@pytest.fixture
def rig(start_rig: StartRig) -> Rig:
    """One proxy, two aggregators."""
    return start_rig()
