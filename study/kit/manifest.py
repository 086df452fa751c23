"""What the generator says about the orders it made: who is in them, and what every report must answer."""

from datetime import date, timedelta
from pathlib import Path

import msgspec

from study.kit.settings import StartError

FORMAT = 1
# What the routes take when nothing is said.
LIMITS = {"items": 10, "league": 20}

Row = dict[str, int | str]


class Tenant(msgspec.Struct, frozen=True):
    id: str
    group: str
    orders: int
    facilities: tuple[str, ...]


class Case(msgspec.Struct, frozen=True):
    """One question with its answer. `orders` is the number of orders in its range."""

    report: str
    who: str | None
    range: str
    query: dict[str, str]
    orders: int
    rows: list[Row]

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.report, self.who, self.range) if part)

    def values(self) -> dict[str, str | int]:
        """The question as a stage's queries take it: tenant, facility, start, end and limit, where they apply."""
        query, values = self.query, dict[str, str | int]()
        values |= {name: query[name] for name in ("tenant", "facility") if name in query}
        if "day" in query:
            after = date.fromisoformat(query["day"]) + timedelta(days=1)
            return values | {"start": query["day"], "end": after.isoformat()}
        values |= {"start": query["from"], "end": query["to"]}
        return values | ({"limit": LIMITS[self.report]} if self.report in LIMITS else {})


class Arrivals(msgspec.Struct, frozen=True):
    orders: int
    expected: list[Case]


class Manifest(msgspec.Struct, frozen=True):
    format: int
    size: str
    seed: int
    first_day: str
    end: str
    counts: dict[str, int]
    checksum: str
    named: dict[str, str]
    tenants: list[Tenant]
    expected: list[Case]
    arrivals: Arrivals

    def case(self, report: str, who: str | None, range_name: str) -> Case:
        """Reports that are not of one tenant (league) have no `who`; the floor has one range."""
        for case in self.expected:
            fits = case.who in (who, None) and (case.range == range_name or report == "floor")
            if case.report == report and fits:
                return case
        raise KeyError(f"{report} {who} {range_name}")


def read(data: Path) -> Manifest:
    path = data / "manifest.json"
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise StartError(f"{path} cannot be read: make it by python -m study.generator --out {data}") from error
    except msgspec.DecodeError as error:
        raise StartError(f"{path} is not a manifest of this version: {error}") from error
    if manifest.format != FORMAT:
        raise StartError(f"{path} has format {manifest.format}, not {FORMAT}: make the data anew")
    return manifest
