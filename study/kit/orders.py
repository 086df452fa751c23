"""Reads the generator's files as every importer does: one order after the other, in order of day, tenant and time."""

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

POSTAL = Path(__file__).parent.parent / "postal.csv"


class Line(msgspec.Struct, frozen=True, gc=False):
    item_id: str
    quantity: int


class Order(msgspec.Struct, frozen=True, gc=False):
    id: str
    tenant: str
    facility: str
    placed_at: str
    postal_code: str
    lines: tuple[Line, ...]

    @property
    def units(self) -> int:
        return sum([line.quantity for line in self.lines])


def of_folder(data: Path) -> Iterator[Order]:
    """Everything up to the end of the data; arrivals are not in it."""
    for day in sorted((data / "orders").iterdir()):
        for path in sorted(day.iterdir()):
            yield from of_file(path)


def arrivals(data: Path) -> Iterator[Order]:
    return of_file(data / "arrivals.jsonl")


def of_file(path: Path) -> Iterator[Order]:
    decoder = msgspec.json.Decoder(Order)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)


def batches(orders: Iterable[Order], size: int) -> Iterator[list[Order]]:
    source = iter(orders)
    while batch := list(islice(source, size)):
        yield batch


def states() -> dict[str, str]:
    """The state of every postal code."""
    with POSTAL.open(encoding="utf-8", newline="") as file:
        return {row["postal_code"]: row["state"] for row in csv.DictReader(file)}
