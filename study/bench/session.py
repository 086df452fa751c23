"""A database and a backend that are running, with everything they answer from in memory; made anew when one is spent."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from study.bench import cases
from study.bench.asking import Asker, NoAnswerError
from study.bench.lot import Lot
from study.bench.memory import MemoryWatch
from study.bench.programs import Backend, Surroundings, backend
from study.bench.results import Memory
from study.bench.samples import ALONE


class Session:
    """Of one stage in one repeat."""

    def __init__(self, lot: Lot, repeat: int) -> None:
        self._lot, self._repeat = lot, repeat
        self._stack = ExitStack()
        self._backend: Backend | None = None
        self._database_watch: MemoryWatch | None = None
        self._around: Surroundings | None = None
        self._backend_mib = self._database_mib = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if self._backend_mib:
            self._lot.memory.append(
                Memory(self._repeat, round(self._backend_mib, 1), round(self._database_mib, 1) or None)
            )

    def url(self) -> str:
        """Of a backend that has answered the largest questions already."""
        while self._backend is None:
            running = self._stack.enter_context(self._lot.database.running())
            self._around = self._lot.around(running.url)
            if running.pids:
                self._database_watch = self._stack.enter_context(MemoryWatch(running.pids))
            self._backend = self._stack.enter_context(backend(self._around))
            self._warm(self._backend.url)
        return self._backend.url

    def around(self) -> Surroundings:
        self.url()
        assert self._around
        return self._around

    def asker(self) -> Asker:
        return Asker(self.url(), self._lot.choice.timeout_s)

    def failed(self, condition: str, case: str, error: NoAnswerError) -> None:
        """Keeps the reason; a backend that is gone or still busy is replaced, with its database."""
        gone = self._backend.why_gone() if self._backend else None
        self._lot.fail(condition, case, self._repeat, gone or str(error))
        if error.spent:
            self._end()

    def _warm(self, url: str) -> None:
        asker = Asker(url, self._lot.choice.timeout_s)
        for case in cases.cold(self._lot.choice.known):
            if not self._lot.given_up(ALONE, case):
                try:
                    asker.ask(case)
                except NoAnswerError as error:
                    self.failed(ALONE, case.name, error)
                    if error.spent:
                        break
        asker.close()

    def _end(self) -> None:
        self._stack.close()
        if self._backend:
            self._backend_mib = max(self._backend_mib, self._backend.watch.peak_mib)
        if self._database_watch:
            self._database_mib = max(self._database_mib, self._database_watch.peak_mib)
        self._backend = self._database_watch = None
