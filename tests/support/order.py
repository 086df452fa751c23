"""Tests run in random order within a group, the groups in the order of what they cost: a mistake shows early.

It also keeps what is started once for a group (the pipeline of the contract tests) out of the way of the next one,
which breaks the servers on purpose.
"""

from pathlib import Path

import pytest

_GROUPS = ("unit", "golden", "compose", "integration", "contract", "fault")
_TESTS = Path(__file__).parents[1]


@pytest.hookimpl(trylast=True)  # after the order was made random
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_group)


def _group(item: pytest.Item) -> int:
    folder = item.path.relative_to(_TESTS).parts[0] if item.path.is_relative_to(_TESTS) else ""
    return _GROUPS.index(folder) if folder in _GROUPS else 0
