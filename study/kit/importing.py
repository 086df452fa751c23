"""Puts orders into a stage's database: all of them into a fresh one, or some more while it is being read."""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from typing import Protocol

from study.kit import manifest, orders
from study.kit.orders import Order
from study.kit.programs import EXIT_START, say
from study.kit.settings import Settings, StartError, from_environment

BATCH = 1000


class Importer(Protocol):
    """README.md here says what each does."""

    def prepare(self) -> None: ...

    def add(self, orders: Sequence[Order]) -> None: ...

    def finish(self) -> None: ...

    def size(self) -> int: ...

    def close(self) -> None: ...


OpenImporter = Callable[[Settings], Importer]


def main(stage: str, open_importer: OpenImporter) -> int:
    """What `python -m study import` and `arrive` run."""
    parser = argparse.ArgumentParser(prog=f"{stage}/importer.py")
    parser.add_argument("do", nargs="?", choices=("import", "arrive"), default="import")
    parser.add_argument("--rate", type=float, default=5, help="arriving orders a second")
    parser.add_argument("--first", type=int, default=0, help="how many arrivals are in already")
    parser.add_argument("--count", type=int, default=sys.maxsize, help="how many are to come, at the most")
    chosen = parser.parse_args()
    try:
        settings = from_environment()
        with closing(open_importer(settings)) as importer:
            if chosen.do == "import":
                said = load(importer, settings)
            else:
                said = arrive(importer, settings, chosen.rate, range(chosen.first, chosen.first + chosen.count))
            say({"stage": stage} | said)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_START
    return 0


def load(importer: Importer, settings: Settings) -> dict[str, object]:
    """A fresh database of everything up to the end of the data."""
    total = manifest.read(settings.data).counts["orders"]
    began = shown = time.monotonic()
    importer.prepare()
    done = lines = 0
    for batch in orders.batches(orders.of_folder(settings.data), BATCH):
        importer.add(batch)
        done += len(batch)
        lines += sum([len(order.lines) for order in batch])
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            sys.stderr.write(f"{done:,} of {total:,} orders\n")
    loaded = time.monotonic()
    importer.finish()
    finished = time.monotonic()
    return {
        "orders": done,
        "lines": lines,
        "load_s": round(loaded - began, 3),
        "finish_s": round(finished - loaded, 3),
        "orders_per_s": round(done / (finished - began), 1),
        "size_bytes": importer.size(),
        "peak_rss_mib": peak_rss_mib(),
    }


def arrive(importer: Importer, settings: Settings, rate: float, which: range) -> dict[str, object]:
    """One order after the other, none before it is due; if adding takes longer than that, they are late."""
    took_ms: list[float] = []
    late_ms: list[float] = []
    began = time.monotonic()
    for number, order in enumerate(islice(orders.arrivals(settings.data), which.start, which.stop)):
        due = began + number / rate
        time.sleep(max(0.0, due - time.monotonic()))
        started = time.monotonic()
        importer.add([order])
        late_ms.append((started - due) * 1000)
        took_ms.append((time.monotonic() - started) * 1000)
    seconds = max(time.monotonic() - began, 1e-9)
    return {
        "orders": len(took_ms),
        "wanted_per_s": rate,
        "orders_per_s": round(len(took_ms) / seconds, 1),
        "add_ms": percentiles(took_ms),
        "late_ms": percentiles(late_ms),
    }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Nearest rank; none of nothing."""
    ranked = sorted(values)
    return {f"p{part}": round(ranked[-(-part * len(ranked) // 100) - 1], 3) for part in (50, 95, 99) if ranked}


def peak_rss_mib() -> float:
    """Of this process so far; the kernel tells KiB, but bytes on a Mac."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
