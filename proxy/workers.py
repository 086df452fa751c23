"""Several workers, a process each, and this one, which watches over them and does nothing else.

Nothing is restarted in silence: when a worker ends, the others are told to drain, and the whole ends with the code of the
first that failed, so that whoever supervises the service starts it again. What a killed worker had in its spool is sent
by whoever takes its slot next.
A worker is told to drain by the end of a pipe, which also comes when this process is killed.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from common.errors import EXIT_CRASH, EXIT_DRAINED

_WATCHED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

log = structlog.get_logger()


def run(number: int, work: Callable[[int, int], int], started: Callable[[], None]) -> int:
    """Start that many workers and wait until all have ended; the exit code for all of them.

    `work` is called in each process with the worker's number and the pipe, and gives the exit code of the worker;
    `started` is called in this one. To be called while this process has one thread.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    told, telling = os.pipe()
    workers: dict[int, int] = {}
    for each in range(number):
        pid = os.fork()
        if pid == 0:
            os.close(telling)
            _work(each, told, work)
        workers[pid] = each
    os.close(told)
    started()
    return _Watch(workers, telling).until_all_ended()


def _work(number: int, told: int, work: Callable[[int, int], int]) -> None:
    """The life of a worker; does not return."""
    code = EXIT_CRASH
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        code = work(number, told)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class _Watch:
    """The first signal lets the workers drain, the second ends them at once."""

    def __init__(self, workers: dict[int, int], telling: int) -> None:
        self._workers = workers
        self._telling: int | None = telling
        self._code = EXIT_DRAINED

    def until_all_ended(self) -> int:
        while self._workers:
            number = signal.sigwait(_WATCHED)
            if number == signal.SIGCHLD:
                for pid, code in _ended():
                    self._has_ended(pid, code)
            elif self._telling is not None:
                log.info("stopping", signal=signal.Signals(number).name, workers=len(self._workers))
                self._tell()
            else:
                for pid in self._workers:
                    os.kill(pid, signal.SIGKILL)
        return self._code

    def _has_ended(self, pid: int, code: int) -> None:
        worker = self._workers.pop(pid)
        if code == EXIT_DRAINED and self._telling is None:
            return
        log.critical("worker_ended", worker=worker, pid=pid, code=code)
        if self._code == EXIT_DRAINED:
            self._code = code if code > 0 else EXIT_CRASH
        self._tell()

    def _tell(self) -> None:
        if self._telling is not None:
            os.close(self._telling)
            self._telling = None


def _ended() -> Iterator[tuple[int, int]]:
    """Those that have ended since the last call: process and exit code, −N if signal N ended it."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, os.waitstatus_to_exitcode(status)
