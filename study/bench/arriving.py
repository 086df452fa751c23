"""Measures one stage while orders come in at a steady rate, from another process, into what is being read."""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any, TypeVar

import msgspec

from study.bench import cases
from study.bench.asking import NoAnswerError
from study.bench.conditions import several
from study.bench.lot import ARRIVING_PER_S, Lot
from study.bench.programs import Program, ProgramError
from study.bench.results import Arrived, Fresh
from study.bench.samples import ARRIVING
from study.bench.session import Session
from study.kit.manifest import Case

# Until the importer has its libraries and the first orders are in.
_SETTLE_S = 0.8
_AT_LEAST_S = 2.0
_ENOUGH = 1.3
_END_WITHIN_S = 120


Said = TypeVar("Said", Arrived, Fresh)


class _Arrivals:
    """`python -m study arrive` for about so many seconds."""

    def __init__(self, lot: Lot, session: Session, seconds: float) -> None:
        self._lot, first = lot, lot.orders_arrived
        self._count = min(int(seconds * ARRIVING_PER_S) + 1, lot.choice.known.arrivals.orders - first)
        lot.orders_arrived += self._count
        words = ("--rate", str(ARRIVING_PER_S), "--first", str(first), "--count", str(self._count))
        self._program = Program(session.around(), "arrive", *words)
        time.sleep(_SETTLE_S)

    def come_in(self) -> bool:
        return not self._program.ended()

    def keep(self, repeat: int) -> None:
        said = self._program.said(_END_WITHIN_S)
        self._lot.arrived.append(said_of(said, repeat, Arrived))

    def stop(self) -> None:
        self._program.stop()


def arriving(lot: Lot, session: Session, repeat: int) -> None:
    """Every case at least once; then again from the first for as long as orders come."""
    known, pending = lot.choice.known, lot.shuffled(ARRIVING, cases.busy(lot.choice.known, lot.choice.who))
    enough = _ENOUGH
    while pending:
        if lot.orders_arrived >= known.arrivals.orders:
            lot.fail(ARRIVING, "", repeat, f"all {known.arrivals.orders:,} arrivals of the data are in already")
            return
        pending = _while_they_come(lot, session, repeat, pending, enough)
        enough *= 2


def _while_they_come(lot: Lot, session: Session, repeat: int, pending: list[Case], enough: float) -> list[Case]:
    """What is still to be asked."""
    session.url()
    turn, done = list(pending), list[Case]()
    arrivals = _Arrivals(lot, session, _expected_s(lot, pending) * enough)
    try:
        while arrivals.come_in() and (turn or done):
            turn, done = (turn, done) if turn else (done, [])
            case = turn.pop(0)
            try:
                with closing(session.asker()) as asker:
                    samples = several(asker, case, lot.choice.cell_ms)
            except NoAnswerError as error:
                session.failed(ARRIVING, case.name, error)
                pending = [each for each in pending if each is not case]
                if error.spent:
                    return pending
                continue
            if arrivals.come_in():
                for sample in samples:
                    lot.tally.add(ARRIVING, case, repeat, sample)
                pending = [each for each in pending if each is not case]
            done.append(case)
        arrivals.keep(repeat)
    except ProgramError as error:
        lot.fail(ARRIVING, "", repeat, str(error))
        return []
    finally:
        arrivals.stop()
    return pending


def said_of(said: dict[str, Any], repeat: int, kind: type[Said]) -> Said:
    """What a program said, as a result: percentiles are named there, and rows of three numbers here."""
    rows = {
        name: [each.get(part) for part in ("p50", "p95", "p99")] if isinstance(each, dict) else each
        for name, each in said.items()
    }
    return msgspec.convert({**rows, "repeat": repeat}, kind)


def _expected_s(lot: Lot, pending: Sequence[Case]) -> float:
    """A case takes at least the time that is given to it, and twice what it takes alone: it is asked twice."""
    each_ms = [max(lot.choice.cell_ms, 2 * lot.alone_ms.get(case.name, 0.0)) for case in pending]
    return max(sum(each_ms) / 1000, _AT_LEAST_S)
