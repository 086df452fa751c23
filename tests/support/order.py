"""Tests run in random order within a group, the groups in the order of what they cost: a mistake shows early.

It also keeps what is started once for a group (the pipeline of the contract tests) out of the way of the next one,
which breaks the servers on purpose. And each test has the marker of its group, where there is one.
"""

from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_GROUPS = ("unit", "golden", "compose", "simulation", "integration", "contract", "fault")
_MARKED = {"integration", "contract", "fault"}
# What wants the usual ports, or three of each server, runs in one process, one after the other.
_TOGETHER = ("tests/integration/local/", "tests/integration/support/test_cluster.py")
_TESTS = Path(__file__).parents[1]


def pytest_itemcollected(item: pytest.Item) -> None:
    if (group := _group(item)) in _MARKED:
        item.add_marker(group)


class OneByOne(LoadScopeScheduling):  # type: ignore[misc]  # its library has no types
    """Gives each process a test at a time, but those that belong together to the same one.

    (Marks of xdist's own `loadgroup` have no effect with the newest pytest.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((path for path in _TOGETHER if nodeid.startswith(path)), nodeid)


@pytest.hookimpl(optionalhook=True)  # xdist may be switched off
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneByOne:
    return OneByOne(config, log)


@pytest.hookimpl(trylast=True)  # after the order was made random
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _GROUPS.index(group) if (group := _group(item)) in _GROUPS else 0)


def _group(item: pytest.Item) -> str:
    """The folder of a test below tests/."""
    return item.path.relative_to(_TESTS).parts[0] if item.path.is_relative_to(_TESTS) else ""
