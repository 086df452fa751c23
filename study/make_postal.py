"""Derives postal.csv, the destinations of all orders, from the package zipcodes 3.0.0; run once, its result is committed.

Source: https://pypi.org/project/zipcodes/3.0.0/ by Sean Pianka, MIT licence. Of its 42,789 places those of the 50
states are kept (no District of Columbia, territories or military addresses): 41,439 rows, each postal code once.

    python -m pip install zipcodes==3.0.0 && python -m study.make_postal
"""

import csv
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path

ROWS = 41_439
_ELSEWHERE = frozenset({"AA", "AE", "AP", "AS", "DC", "FM", "GU", "MH", "MP", "PR", "PW", "VI"})


def destinations(places: Iterable[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Postal code and state of every place in one of the 50 states, in order of the code."""
    return sorted((place["zip_code"], place["state"]) for place in places if place["state"] not in _ELSEWHERE)


def main() -> int:
    rows = destinations(import_module("zipcodes").list_all())
    if len(rows) != ROWS or len({code for code, _ in rows}) != ROWS:
        sys.stderr.write(f"{len(rows)} rows, not the {ROWS} of zipcodes 3.0.0: is it another version?\n")
        return 1
    with (Path(__file__).parent / "postal.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("postal_code", "state"))
        writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
