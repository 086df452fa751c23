"""Measures one stage with one reader: cold, which is the first question after a start, and hot."""

import time
from contextlib import closing

from study.bench import cases
from study.bench.asking import Asker, NoAnswerError
from study.bench.cold_backends import ColdBackends
from study.bench.lot import Lot
from study.bench.samples import ALONE, COLD, Sample
from study.bench.session import Session
from study.kit.manifest import Case

_MOST_SAMPLES = 20
# An answer that took longer than this is counted though it was the first: what is slow is not slow for being first.
_FIRST_COUNTS_MS = 100.0


def cold(lot: Lot, repeat: int) -> None:
    """One question to a server that was just started, and that has to read from the disk; then the next server.

    Where servers are slow to start, there is not time for all in every repeat: those asked least come first.
    """
    asked = lot.shuffled(COLD, cases.cold(lot.choice.known))
    asked.sort(key=lambda case: lot.tally.repeats(COLD, case))
    end = time.monotonic() + lot.choice.cold_s
    with ColdBackends(lot.stage) as backends:
        for number, case in enumerate(asked):
            if number and time.monotonic() > end:
                return
            lot.database.forget()
            with (
                lot.database.running() as running,
                backends.backend(lot.around(running.url)) as url,
                closing(Asker(url, lot.choice.timeout_s)) as asker,
            ):
                try:
                    asker.ask(
                        cases.no_database(lot.choice.known)
                    )  # the framework's own first time is not the database's
                    lot.tally.add(COLD, case, repeat, asker.ask(case))
                except NoAnswerError as error:
                    lot.fail(COLD, case.name, repeat, str(error))


def alone(lot: Lot, session: Session, repeat: int) -> None:
    for case in lot.shuffled(ALONE, cases.hot(lot.choice.known, lot.choice.who)):
        with closing(session.asker()) as asker:
            try:
                samples = several(asker, case, lot.choice.cell_ms)
            except NoAnswerError as error:
                session.failed(ALONE, case.name, error)
                continue
        lot.alone_ms[case.name] = min(sample.client_ms for sample in samples)
        for sample in samples:
            lot.tally.add(ALONE, case, repeat, sample)


def several(asker: Asker, case: Case, cell_ms: float) -> list[Sample]:
    """As many as there is time for, at least one."""
    first = asker.ask(case)
    samples = [first] if first.client_ms > _FIRST_COUNTS_MS else []
    wanted = min(max(int(cell_ms / first.client_ms), 1), _MOST_SAMPLES)
    while len(samples) < wanted:
        samples.append(asker.ask(case))
    return samples
