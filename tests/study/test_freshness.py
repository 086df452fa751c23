"""The program of stage 10 that measures freshness, on a backend whose answers are written down."""

import importlib
import json
import sys
from collections.abc import Iterator
from datetime import date
from types import ModuleType

import pytest

from study.kit import stages
from study.kit.settings import StartError


class Backend:
    """Answers the league table with these numbers of orders of tenant `t`, the last of them for ever."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)
        self.asked = 0

    def get(self, _path: str, _query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        number = self._numbers[min(self.asked, len(self._numbers) - 1)]
        self.asked += 1
        timing = {"request_ms": 0.0, "database_ms": 0.0, "calls": 0, "rows": 0}
        rows = [{"tenant": "t", "orders": number, "units": number}] if number else []
        return 200, {}, json.dumps({"rows": rows, "timing": timing}).encode()


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The stages have modules of the same names, so this one's are forgotten again."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(stages.find("10").folder))
    yield importlib.import_module("freshness")
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and "10-streaming" in file:
            del sys.modules[name]


def test_what_was_sent_before_is_waited_for_and_not_taken_for_what_is_measured(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "SETTLED_S", 0.2)
    backend = Backend(3, 4, 4, 6)
    watch = program.Watch(backend, date(2025, 3, 25))
    watch.settle()
    asked = backend.asked
    assert asked > 6, "it looked for a while after the last change"
    watch.sent("t")
    watch.look()
    assert (watch.unseen, watch.fresh_ms) == (1, [])


def test_orders_that_it_did_not_send_are_a_mistake_and_no_figure(program: ModuleType) -> None:
    watch = program.Watch(Backend(1, 2, 4), date(2025, 3, 25))
    watch.sent("t")
    watch.look()
    assert (watch.unseen, len(watch.fresh_ms)) == (0, 1)
    watch.sent("t")
    with pytest.raises(StartError, match="tenant t has 2 orders more, 1 were sent"):
        watch.look()
