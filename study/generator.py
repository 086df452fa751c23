"""Makes the orders of the study: the same for everyone who gives the same preset and seed.

    python3 -m study.generator --size S --out data/S      (Python 3.10 or later, no packages)

Writes orders/<date>/<tenant>.jsonl, arrivals.jsonl (orders that come after the end of the data, to be added while a
stage is being read), checksums.txt (for sha256sum -c) and manifest.json, whose expected answers every stage must give.
One pass, nothing kept but counters and the times of one tenant's day. Of random.Random only random() is used: the
language promises the same sequence of it for the same seed in later versions.
"""

import argparse
import csv
import hashlib
import json
import random
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

from study.answers import Answers, Made
from study.plan import Plan, Slot, Stream, Tenant, read

FORMAT = 1
HERE = Path(__file__).parent
# The rate arrivals are dated at. They may be sent faster.
_ARRIVALS_PER_SECOND = 5
# Orders for near destinations come thrice as often as an even spread would have it.
_NEAR_SHARE, _NEAR_CODES = 0.3, 800
_LINES_PER_WRITE = 2000
_DAY_MS = 86_400_000


class Bag:
    """Slots of a time-of-day profile, drawn without putting back: after every round the profile is met exactly."""

    def __init__(self, slots: Sequence[Slot], rng: random.Random) -> None:
        self._slots, self._draw, self._left = slots, rng.random, list[Slot]()

    def moment(self) -> int:
        """A millisecond of the day."""
        draw = self._draw
        if not self._left:
            self._left = list(self._slots)
            for place in range(len(self._left) - 1, 0, -1):
                other = int(draw() * (place + 1))
                self._left[place], self._left[other] = self._left[other], self._left[place]
        slot = self._left.pop()
        return slot.start_ms + int(draw() * slot.length_ms)


class Source:
    """One tenant's orders. What it draws depends on seed, preset and tenant alone."""

    def __init__(self, plan: Plan, tenant: Tenant, postal: Sequence[tuple[str, str]], purpose: str) -> None:
        digest = hashlib.sha256(f"{plan.seed}/{plan.preset}/{purpose}/{tenant.id}".encode()).digest()
        self._rng = random.Random(int.from_bytes(digest, "big"))  # noqa: S311  # not for secrets
        self._tenant, self._postal = tenant, postal
        self._near = int(self._rng.random() * (len(postal) - _NEAR_CODES))
        self._bags = [Bag(stream.bag, self._rng) for stream in tenant.streams]
        self._items = [f"I{number:06d}" for number in range(tenant.first_item, tenant.first_item + tenant.items)]

    def day(self, number: int) -> list[tuple[int, str]]:
        """Moment and facility of all orders of a day, in order of time."""
        drawn = [
            (bag.moment(), self._facility(stream))
            for stream, bag in zip(self._tenant.streams, self._bags, strict=True)
            for _ in range(stream.daily[number])
        ]
        drawn.sort()
        return drawn

    def arrival(self, ms: int) -> tuple[int, str]:
        return ms, self._facility(self._tenant.streams[0])

    def order(self, day: date, day_ms: int, moment: tuple[int, str]) -> tuple[Made, str]:
        """What was drawn, and its line of JSON. The id is a UUID of version 7, which begins with the time."""
        ms, facility = moment
        draw, tenant = self._rng.random, self._tenant
        if draw() < _NEAR_SHARE:
            code, state = self._postal[self._near + int(draw() * _NEAR_CODES)]
        else:
            code, state = self._postal[int(draw() * len(self._postal))]
        lines = self._lines()
        at = day_ms + ms
        order_id = (
            f"{at >> 16:08x}-{at & 0xFFFF:04x}-7{int(draw() * 0x1000):03x}"
            f"-{0x8000 | int(draw() * 0x4000):04x}-{int(draw() * 0x1000000000000):012x}"
        )
        seconds, milli = divmod(ms, 1000)
        minutes, second = divmod(seconds, 60)
        text = ",".join(f'{{"item_id":"{item}","quantity":{quantity}}}' for item, quantity in lines)
        line = (
            f'{{"id":"{order_id}","tenant":"{tenant.id}","facility":"{facility}",'
            f'"placed_at":"{day.isoformat()}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{milli:03d}Z",'
            f'"postal_code":"{code}","lines":[{text}]}}\n'
        )
        units = sum([quantity for _, quantity in lines])
        return Made(tenant.id, facility, day, ms, state, lines, units), line

    def _facility(self, stream: Stream) -> str:
        """The first ones are the busiest."""
        share = self._rng.random()
        return stream.facilities[int(share * share * len(stream.facilities))]

    def _lines(self) -> list[tuple[str, int]]:
        """Different items; a few are asked for far more often than the others."""
        draw, items, quantities = self._rng.random, self._items, self._tenant.quantities
        counts, taken, lines = self._tenant.line_counts, set[int](), []
        for _ in range(counts[int(draw() * len(counts))]):
            share = draw()
            number = int(share * share * share * len(items))
            while number in taken:
                number = (number + 1) % len(items)
            taken.add(number)
            lines.append((items[number], quantities[int(draw() * len(quantities))]))
        return lines


class Sink:
    """Files of orders with their checksums and counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checksums = (folder / "checksums.txt").open("w", encoding="utf-8", newline="\n")
        self._total = hashlib.sha256()
        self.counts = {"files": 0, "orders": 0, "lines": 0, "units": 0, "bytes": 0}

    def write(self, name: str, orders: Iterator[tuple[Made, str]], answers: Answers) -> None:
        path, digest, chunk = self._folder / name, hashlib.sha256(), list[str]()
        path.parent.mkdir(parents=True, exist_ok=True)
        counts = self.counts
        with path.open("wb") as file:
            for made, line in orders:
                answers.count(made)
                counts["orders"] += 1
                counts["lines"] += len(made.lines)
                counts["units"] += made.units
                chunk.append(line)
                if len(chunk) >= _LINES_PER_WRITE:
                    self._put(file, digest, chunk)
            self._put(file, digest, chunk)
        counts["files"] += 1
        entry = f"{digest.hexdigest()}  {name}\n"
        self._checksums.write(entry)
        self._total.update(entry.encode())

    def close(self) -> str:
        """The checksum of the list of checksums."""
        self._checksums.close()
        return self._total.hexdigest()

    def _put(self, file: Any, digest: Any, chunk: list[str]) -> None:
        data = "".join(chunk).encode()
        file.write(data)
        digest.update(data)
        self.counts["bytes"] += len(data)
        chunk.clear()


class Progress:
    """A bar on a terminal; elsewhere a line now and then."""

    def __init__(self, total: int) -> None:
        self._total, self._began, self._shown, self._bar = total, time.monotonic(), 0.0, sys.stderr.isatty()

    def show(self, done: int) -> None:
        now = time.monotonic()
        if done < self._total and now - self._shown < (0.2 if self._bar else 10):
            return
        self._shown = now
        rate = done / max(now - self._began, 1e-9)
        filled = 30 * done // self._total
        text = f"[{'#' * filled}{'.' * (30 - filled)}] {done:,} of {self._total:,} orders, {rate:,.0f} a second"
        last = "\n" if done >= self._total or not self._bar else ""
        sys.stderr.write(f"\r{text}{last}" if self._bar else f"{text}\n")
        sys.stderr.flush()


def generate(plan: Plan, folder: Path) -> dict[str, Any]:
    """Everything but manifest.json, whose content it returns."""
    postal = _postal()
    watched = [(tenant.id, name, tenant.facilities[0]) for name, tenant in plan.named().items()]
    ranges = [("1d", 1), ("7d", 7), ("all", len(plan.days))]
    answers, sink = Answers(plan.end, ranges, watched), Sink(folder)
    sources = [(tenant, Source(plan, tenant, postal, "orders")) for tenant in plan.tenants]
    progress = Progress(sum(tenant.orders for tenant in plan.tenants))
    for number, day in enumerate(plan.days):
        day_ms = _epoch_ms(day)
        for tenant, source in sources:
            moments = source.day(number)
            if moments:
                orders = (source.order(day, day_ms, moment) for moment in moments)
                sink.write(f"orders/{day.isoformat()}/{tenant.id}.jsonl", orders, answers)
                progress.show(sink.counts["orders"])
    counts = dict(sink.counts)
    later = Answers(plan.end + timedelta(days=1), [("arrivals", 1)], watched)
    sink.write("arrivals.jsonl", _arrivals(plan, postal), later)
    return {
        "format": FORMAT,
        "size": plan.preset,
        "seed": plan.seed,
        "first_day": plan.days[0].isoformat(),
        "end": plan.end.isoformat(),
        "counts": {"tenants": len(plan.tenants), "days": len(plan.days), **counts},
        "checksum": sink.close(),
        "named": {name: tenant.id for name, tenant in plan.named().items()},
        "tenants": [
            {"id": tenant.id, "group": tenant.group, "orders": tenant.orders, "facilities": list(tenant.facilities)}
            for tenant in plan.tenants
        ],
        "expected": answers.cases(),
        "arrivals": {"orders": plan.arrivals, "expected": later.cases()},
    }


def _arrivals(plan: Plan, postal: Sequence[tuple[str, str]]) -> Iterator[tuple[Made, str]]:
    """Orders from the end of the data on, each of a tenant drawn by its size."""
    sources = [Source(plan, tenant, postal, "arrivals") for tenant in plan.tenants]
    shares = list(accumulate(tenant.orders for tenant in plan.tenants))
    digest = hashlib.sha256(f"{plan.seed}/{plan.preset}/arrivals".encode()).digest()
    rng = random.Random(int.from_bytes(digest, "big"))  # noqa: S311  # not for secrets
    day_ms = _epoch_ms(plan.end)
    for number in range(plan.arrivals):
        source = sources[bisect_right(shares, int(rng.random() * shares[-1]))]
        yield source.order(plan.end, day_ms, source.arrival(number * 1000 // _ARRIVALS_PER_SECOND))


def _postal() -> list[tuple[str, str]]:
    with (HERE / "postal.csv").open(encoding="utf-8", newline="") as file:
        return [(row["postal_code"], row["state"]) for row in csv.DictReader(file)]


def _epoch_ms(day: date) -> int:
    return (day.toordinal() - date(1970, 1, 1).toordinal()) * _DAY_MS


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m study.generator", description="Makes the orders of the study.")
    parser.add_argument("--size", default="S", help="a preset of the configuration: XS, S, M, L or XL (S)")
    parser.add_argument("--out", type=Path, required=True, help="folder to be made; must be new or empty")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other orders (1)")
    parser.add_argument("--config", type=Path, default=HERE / "config.json", help="presets (study/config.json)")
    chosen = parser.parse_args(arguments)
    if chosen.out.exists() and any(chosen.out.iterdir()):
        parser.error(f"{chosen.out} is not empty")
    try:
        plan = read(chosen.config, chosen.size, chosen.seed)
    except KeyError as error:
        parser.error(f"{chosen.config} has no {error}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    manifest = generate(plan, chosen.out)
    (chosen.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
