"""Tests run in random order within a group, the groups in the order of what they cost: a mistake shows early.

It also keeps what is started once for a group (the pipeline of the contract tests) out of the way of the next one,
which breaks the servers on purpose. And each test has the marker of its group, where there is one.
"""

from pathlib import Path

import pytest

_GROUPS = ("unit", "golden", "compose", "simulation", "integration", "contract", "fault")
_MARKED = {"integration", "contract", "fault"}
# What wants the usual ports, or three of each server, runs in one process, one after the other.
_TOGETHER = {"integration/local": "local", "integration/support/test_cluster.py": "cluster"}
_TESTS = Path(__file__).parents[1]


def pytest_itemcollected(item: pytest.Item) -> None:
    if (group := _group(item)) in _MARKED:
        item.add_marker(group)
    for path, name in _TOGETHER.items():
        if item.path.is_relative_to(_TESTS / path):
            item.add_marker(pytest.mark.xdist_group(name))


@pytest.hookimpl(trylast=True)  # after the order was made random
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _GROUPS.index(group) if (group := _group(item)) in _GROUPS else 0)


def _group(item: pytest.Item) -> str:
    """The folder of a test below tests/."""
    return item.path.relative_to(_TESTS).parts[0] if item.path.is_relative_to(_TESTS) else ""
