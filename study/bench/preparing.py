"""Fills a stage's database and compares every answer with the manifest's: no stage is timed that answers wrongly."""

import http.client
from typing import Any

import msgspec

from study.bench.lot import Lot
from study.bench.memory import MemoryWatch
from study.bench.programs import ProgramError, backend, run
from study.bench.results import Imported
from study.kit import contract
from study.kit.settings import StartError

_DIFFERENCES_KEPT = 5
_EXPLAIN_WITHIN_S = 600


def prepare(lot: Lot) -> None:
    """Sets the lot's reason where there is nothing to be timed."""
    try:
        _import(lot)
        _verify(lot)
    except (ProgramError, StartError, OSError) as error:
        lot.reason = str(error)


def _import(lot: Lot) -> None:
    with lot.database.running() as running:
        around = lot.around(running.url)
        with MemoryWatch(running.pids) as database:
            said, importer_mib = run(around, "import", lot.choice.import_s)
    known = lot.choice.known.counts
    if (said["orders"], said["lines"]) != (known["orders"], known["lines"]):
        raise ProgramError(f"imported {said['orders']:,} orders with {said['lines']:,} lines, not all of them")
    lot.imported = Imported(
        **{name: said[name] for name in ("orders", "lines", "load_s", "finish_s", "orders_per_s", "size_bytes")},
        importer_mib=round(importer_mib, 1),
        database_mib=round(database.peak_mib, 1) or None,
    )


def _verify(lot: Lot) -> None:
    known = lot.choice.known
    with lot.database.running() as running:
        around = lot.around(running.url)
        with backend(around) as served:
            try:
                found = contract.verify(served.url, known)
            except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
                raise ProgramError(served.why_gone() or f"not all answers came: {error!r}") from error
        lot.differences = found[:_DIFFERENCES_KEPT]
        if found:
            raise ProgramError(f"{len(found)} answers are not the manifest's")
        lot.verified = len(known.expected)
        lot.plans = _plans(run(around, "explain", _EXPLAIN_WITHIN_S)[0])


def _plans(said: dict[str, Any]) -> dict[str, str]:
    return {report: str(plan) for report, plan in said["plans"].items()}
