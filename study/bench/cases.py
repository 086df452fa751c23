"""Which of the manifest's questions are asked in which condition."""

from collections.abc import Collection

from study.kit.manifest import Case, Manifest
from study.kit.serving import REPORTS

NAMED = ("smallest", "median", "largest", "client")
# The two that the study is about: a few hundred orders a day, and a facility of 300 a minute (which is the largest).
CLIENT, FLOOR = "client", "largest"


def hot(known: Manifest, who: Collection[str]) -> list[Case]:
    """Every case of these tenants, and the route that asks no database."""
    return [*(case for case in known.expected if case.who is None or case.who in who), no_database(known)]


def busy(known: Manifest, who: Collection[str]) -> list[Case]:
    """What is asked while orders arrive, and by many at once."""
    return hot(known, [name for name in (CLIENT, FLOOR) if name in who])


def cold(known: Manifest) -> list[Case]:
    """One of each report, as each needs a server that was just started: the largest tenant's whole range."""
    return [known.case(report, FLOOR, "all") for report in REPORTS]


def no_database(known: Manifest) -> Case:
    query = {"tenant": known.named[CLIENT], "from": known.first_day, "to": known.end}
    return Case("no-database", CLIENT, "all", query, 0, [])
