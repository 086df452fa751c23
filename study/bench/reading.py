"""Measures one stage with many readers at once, each of whom takes the next question as soon as it has its answer."""

import threading
from collections import deque
from contextlib import closing

from study.bench import cases
from study.bench.asking import Asker, NoAnswerError
from study.bench.lot import READERS as READERS_AT_ONCE
from study.bench.lot import Lot
from study.bench.samples import READERS, Sample
from study.bench.session import Session
from study.kit.manifest import Case

# What all questions together may take if they were asked one by one.
_ALL_MS = 1000.0
_MOST_ROUNDS = 20


class _Room:
    """The questions that wait, and what came of those that were asked; used by all readers."""

    def __init__(self, questions: list[Case]) -> None:
        self._lock = threading.Lock()
        self._waiting = deque(questions)
        self.answered: list[tuple[Case, Sample]] = []
        self.failed: list[tuple[Case, NoAnswerError]] = []

    def next(self) -> Case | None:
        """None when all are asked, or the backend is spent."""
        with self._lock:
            spent = any(error.spent for _, error in self.failed)
            return self._waiting.popleft() if self._waiting and not spent else None

    def left(self) -> list[Case]:
        """Without those that failed once."""
        failed = {case.name for case, _ in self.failed}
        return [case for case in self._waiting if case.name not in failed]


def readers(lot: Lot, session: Session, repeat: int) -> None:
    asked = lot.shuffled(READERS, cases.busy(lot.choice.known, lot.choice.who))
    together_ms = sum(lot.alone_ms.get(case.name, 0.0) for case in asked)
    rounds = min(max(int(_ALL_MS / together_ms), 1), _MOST_ROUNDS) if together_ms else 1
    questions = asked * rounds
    lot.choice.rng.shuffle(questions)
    while questions:
        room = _Room(questions)
        _read(room, session.url(), lot.choice.timeout_s)
        for case, sample in room.answered:
            lot.tally.add(READERS, case, repeat, sample)
        questions = room.left()
        for case, error in room.failed:
            session.failed(READERS, case.name, error)


def _read(room: _Room, url: str, timeout_s: float) -> None:
    threads = [threading.Thread(target=_reader, args=(room, url, timeout_s)) for _ in range(READERS_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _reader(room: _Room, url: str, timeout_s: float) -> None:
    with closing(Asker(url, timeout_s)) as asker:
        while (case := room.next()) is not None:
            try:
                room.answered.append((case, asker.ask(case)))
            except NoAnswerError as error:
                room.failed.append((case, error))
