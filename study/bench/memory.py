"""Watches how much memory processes use while they run, and ends one of ours that takes more than its share."""

import os
import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.process_cost import mib, tree

_PROC = Path("/proc")
_EVERY_S = 0.2


def peak_mib(pids: Iterable[int], proc: Path = _PROC) -> float:
    """Highest resident memory of these processes and all below them, in MiB.

    Pages they share (PostgreSQL's buffers, the file of the program) are counted once, as large as the one has them that has most.
    """
    own = shared_most = files_most = 0.0
    for pid in pids:
        for each in tree(pid, proc):
            try:
                status = (proc / str(each) / "status").read_text()
            except OSError:  # ended meanwhile
                continue
            shared, files = mib(status, "RssShmem") or 0.0, mib(status, "RssFile") or 0.0
            own += max((mib(status, "VmHWM") or 0.0) - shared - files, 0.0)
            shared_most, files_most = max(shared_most, shared), max(files_most, files)
    return own + shared_most + files_most


class MemoryWatch:
    """Of one program and what it starts. Above `limit_mib` it is killed, and `exceeded` is set; 0 is no limit."""

    def __init__(self, pids: Iterable[int], limit_mib: int = 0) -> None:
        self._pids, self.limit_mib = tuple(pids), limit_mib
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_mib = 0.0
        self.exceeded = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._stopped.wait(_EVERY_S):
            self._look()
            if self.limit_mib and self.peak_mib > self.limit_mib:
                self.exceeded = True
                for pid in self._pids:
                    _kill(pid)
                return

    def _look(self) -> None:
        self.peak_mib = max(self.peak_mib, peak_mib(self._pids))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
