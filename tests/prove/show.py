"""Shows how a campaign goes: one live line on a terminal, plain lines elsewhere."""

import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.prove.traffic import Traffic
from tests.prove.watch import Watch

_LINE_EVERY_S = 15.0
_LIVE_EVERY_S = 0.5


class Show:
    def __init__(self, console: Console, seconds: float) -> None:
        self.faults: list[str] = []  # that are going on
        self._console = console
        self._began = time.monotonic()
        self._seconds = seconds
        self._next = 0.0
        self._bar = Progress(
            TimeElapsedColumn(), BarColumn(20), TextColumn("{task.description}"), console=console, transient=True
        )
        self._task = self._bar.add_task("starting", total=None)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def line(self, text: str) -> None:
        self._console.print(
            f"{time.monotonic() - self._began:7.1f} s  {text}", highlight=False, markup=False, soft_wrap=True
        )

    def phase(self, text: str) -> None:
        """Something that takes a while begins."""
        self._bar.update(self._task, description=text)
        self.line(text)

    def storm(self) -> None:
        """From now on `turn` tells."""
        self._bar.reset(self._task, total=self._seconds)

    def turn(self, traffic: Traffic, watch: Watch, faults: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (_LIVE_EVERY_S if self._console.is_terminal else _LINE_EVERY_S)
        lag = watch.latest.lag if watch.latest else None
        text = (
            f"{traffic.sent} requests, {len(traffic.promised)} promised, {traffic.in_flight} in flight, "
            f"{faults} faults, lag {'?' if lag is None else lag}"
        )
        if self._console.is_terminal:
            doing = ", ".join(self.faults)
            started = self._bar.tasks[0].start_time or 0.0
            self._bar.update(self._task, description=f"{text}; {doing}", completed=self._bar.get_time() - started)
        else:
            self.line(text)
