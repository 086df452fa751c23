"""A process watched from outside while it works: its CPU time and memory over time, as the kernel counts them."""

import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.process_cost import cost, mib

_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Look:
    at: float  # time.time()
    cpu_s: float
    rss_mib: float


@dataclass(slots=True)
class Watch:
    """Looks at one process, in the order of time."""

    looks: list[Look] = field(default_factory=list)

    def cpu_s(self, began: float, ended: float) -> float:
        """CPU time between two moments."""
        return self._at(ended).cpu_s - self._at(began).cpu_s

    def peak_mib(self, began: float, ended: float) -> float:
        return max(self._at(moment).rss_mib for moment in (began, *self._between(began, ended), ended))

    def rss_mib(self, moment: float) -> float:
        return self._at(moment).rss_mib

    def _between(self, began: float, ended: float) -> Iterator[float]:
        return (look.at for look in self.looks if began <= look.at <= ended)

    def _at(self, moment: float) -> Look:
        """Between two looks the straight line; what is gone stays at its last look."""
        at = bisect_left(self.looks, moment, key=lambda look: look.at)
        if at == 0:
            return self.looks[0]
        if at == len(self.looks):
            return self.looks[-1]
        before, after = self.looks[at - 1], self.looks[at]
        share = (moment - before.at) / (after.at - before.at)
        return Look(
            moment,
            before.cpu_s + share * (after.cpu_s - before.cpu_s),
            before.rss_mib + share * (after.rss_mib - before.rss_mib),
        )


@contextmanager
def watching(pids: Iterable[int]) -> Iterator[list[Watch]]:
    """Look at processes until the end of the block, or theirs."""
    watches = [(pid, Watch()) for pid in pids]
    over = threading.Event()

    def look() -> None:
        while not over.wait(_EVERY_S):
            for pid, watch in watches:
                _look(pid, watch)

    for pid, watch in watches:
        _look(pid, watch)
    thread = threading.Thread(target=look, name="watching", daemon=True)
    thread.start()
    try:
        yield [watch for _, watch in watches]
    finally:
        over.set()
        thread.join()
        for pid, watch in watches:
            _look(pid, watch)


def _look(pid: int, watch: Watch) -> None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return
    if (rss := resident_mib(status)) is not None:
        watch.looks.append(Look(time.time(), cost(pid).cpu_s, rss))


def resident_mib(status: str) -> float | None:
    """Of /proc/PID/status; None where the process is ending."""
    return mib(status, "VmRSS")
