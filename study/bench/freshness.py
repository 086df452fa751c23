"""Measures how old reports are in a stage that does not store an order before it says so: by the stage's own program."""

from study.bench.arriving import said_of
from study.bench.lot import Lot
from study.bench.programs import Program, ProgramError
from study.bench.results import Fresh
from study.bench.session import Session

PROGRAM = "freshness"
RATES_PER_S = (10.0, 300.0)
_SECONDS = 3.0
_END_WITHIN_S = 180


def freshness(lot: Lot, session: Session, repeat: int) -> None:
    """Nothing where orders are in the database as soon as they are added: there the time of an arriving order says it."""
    if not (lot.stage.folder / f"{PROGRAM}.py").exists():
        return
    for rate in RATES_PER_S:
        first, count = lot.orders_arrived, int(rate * _SECONDS)
        if first + count > lot.choice.known.arrivals.orders:
            lot.fail(PROGRAM, "", repeat, f"not enough arrivals are left in the data for {rate:g} a second")
            continue
        lot.orders_arrived += count
        words = ("--rate", str(rate), "--seconds", str(_SECONDS), "--first", str(first))
        program = Program(session.around(), PROGRAM, session.url(), *words)
        try:
            lot.fresh.append(said_of(program.said(_END_WITHIN_S), repeat, Fresh))
        except ProgramError as error:
            lot.fail(PROGRAM, "", repeat, str(error))
        finally:
            program.stop()
