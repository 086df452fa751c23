"""The certificate of a campaign: what was done, what was found, and what so many clean runs allow to say."""

import os
import platform
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

import confluent_kafka
import psutil
from rich.console import Group
from rich.table import Table

import local.kafka
from common.version import VERSION
from tests.prove.cast import Ending
from tests.prove.judge import Verdict
from tests.prove.storm import Injected
from tests.prove.watch import Memory

_MIB = 1 << 20
# Of n trials without a failure: with 95 % certainty the rate of failures is below 3/n (the rule of three).
RULE_OF_THREE = 3


@dataclass(frozen=True, slots=True)
class Recovered:
    """Seconds from the end of a fault that stood alone until everything was counted and ready."""

    n: int
    median_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Certificate:
    topology: str
    seed: int
    asked_seconds: float
    storm_seconds: float
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    faults: int
    faults_by_kind: Mapping[str, int]
    overlapping: int
    missed: int
    in_flight: Mapping[str, float]  # requests, when faults began
    requests: int
    replies: Mapping[str, int]
    outcomes: Mapping[str, int]  # of the events in the log
    sent_again: int  # records of the log whose event was there before
    unanswered: int
    acknowledged: int
    counted: int
    lost: int
    doubled: int
    never_asked: int
    not_promised: int
    out_of_order: int
    wrong_totals: int
    highest_lag: int
    recovery: Mapping[str, Recovered]
    exits: Mapping[str, int]  # processes' ends, by name and code
    memory_mib: Mapping[str, Mapping[str, float]]
    bounds: Mapping[str, float]
    clean: bool
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Course:
    """How a campaign went, beside what the judge says of it."""

    topology: str
    seed: int
    asked_seconds: float
    storm_seconds: float
    mongod: str
    injected: list[Injected]
    replies: Mapping[str, int]
    outcomes: Mapping[str, int]
    sent_again: int
    highest_lag: int
    endings: list[Ending]
    memory: Mapping[str, Memory]


def certify(course: Course, verdict: Verdict, problems: list[str]) -> Certificate:
    real = [each for each in course.injected if not each.missed]
    found = len(verdict.lost) + len(verdict.doubled)
    in_flight = [each.in_flight for each in real] or [0]
    return Certificate(
        topology=course.topology,
        seed=course.seed,
        asked_seconds=course.asked_seconds,
        storm_seconds=round(course.storm_seconds, 1),
        versions=versions(course.mongod),
        machine=machine(),
        faults=len(real),
        faults_by_kind=dict(sorted(Counter(each.kind for each in real).items())),
        overlapping=sum(not each.alone for each in real),
        missed=len(course.injected) - len(real),
        in_flight={"min": min(in_flight), "median": statistics.median(in_flight), "max": max(in_flight)},
        requests=verdict.asked,
        replies=dict(sorted(course.replies.items())),
        outcomes=dict(sorted(course.outcomes.items())),
        sent_again=course.sent_again,
        unanswered=verdict.unanswered,
        acknowledged=verdict.acknowledged,
        counted=verdict.counted,
        lost=len(verdict.lost),
        doubled=len(verdict.doubled),
        never_asked=len(verdict.never_asked),
        not_promised=len(verdict.not_promised),
        out_of_order=len(verdict.out_of_order),
        wrong_totals=len(verdict.wrong_totals),
        highest_lag=course.highest_lag,
        recovery=recoveries(real),
        exits=dict(sorted(Counter(f"{each.name}: {each.code}" for each in course.endings).items())),
        memory_mib={name: _mib(memory) for name, memory in sorted(course.memory.items())},
        bounds=bounds(verdict.acknowledged, len(real)) if not found else {},
        clean=not problems,
        problems=problems,
    )


def bounds(acknowledged: int, faults: int) -> dict[str, float]:
    """What nothing lost in so many trials says of the rate, with 95 % certainty."""
    return {
        "lost_or_doubled_per_acknowledged_below": RULE_OF_THREE / acknowledged if acknowledged else 1.0,
        "loss_per_fault_below": RULE_OF_THREE / faults if faults else 1.0,
    }


def recoveries(injected: Iterable[Injected]) -> dict[str, Recovered]:
    times: defaultdict[str, list[float]] = defaultdict(list)
    for each in injected:
        if each.recovered_s is not None:
            times[each.kind].append(each.recovered_s)
    return {
        kind: Recovered(len(found), round(statistics.median(found), 2), max(found))
        for kind, found in sorted(times.items())
    }


def versions(mongod: str) -> dict[str, str]:
    return {
        "packstats": VERSION,
        "python": platform.python_version(),
        "kafka": local.kafka.VERSION,
        "mongod": mongod,
        "confluent-kafka": version("confluent-kafka"),
        "librdkafka": confluent_kafka.libversion()[0],
        "pymongo": version("pymongo"),
    }


def machine() -> dict[str, Any]:
    """Its class and no more."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30)),
        "kernel": platform.system(),
    }


def _mib(memory: Memory) -> dict[str, float]:
    return {
        "first": round(memory.first / _MIB, 1),
        "last": round(memory.last / _MIB, 1),
        "highest": round(memory.highest / _MIB, 1),
    }


def rendered(certificate: Certificate) -> Group:
    """The same for people."""
    figures = Table(title=f"certificate: {certificate.topology}, seed {certificate.seed}", show_header=False)
    plain = (
        "storm_seconds faults overlapping missed requests unanswered acknowledged counted lost doubled never_asked "
        "not_promised out_of_order wrong_totals sent_again highest_lag"
    )
    for name in plain.split():
        figures.add_row(name.replace("_", " "), f"{getattr(certificate, name):,}")
    for name, bound in certificate.bounds.items():
        figures.add_row(name.replace("_", " "), f"{bound:.2e}")
    for name in ("versions", "machine", "in_flight", "replies", "outcomes", "exits"):
        figures.add_row(name.replace("_", " "), ", ".join(f"{k} {v}" for k, v in getattr(certificate, name).items()))
    figures.add_row("verdict", "[bold green]clean[/]" if certificate.clean else "[bold red]BROKEN[/]")
    return Group(figures, _faults(certificate), _memory(certificate))


def _faults(certificate: Certificate) -> Table:
    table = Table("fault", "times", "alone", "recovery median s", "max s")
    for kind, times in certificate.faults_by_kind.items():
        found = certificate.recovery.get(kind)
        cells = (str(found.n), f"{found.median_s:.1f}", f"{found.max_s:.1f}") if found else ("0", "", "")
        table.add_row(kind, str(times), *cells)
    return table


def _memory(certificate: Certificate) -> Table:
    table = Table("process", "MiB first", "last", "highest")
    for name, sizes in certificate.memory_mib.items():
        table.add_row(name, *(f"{sizes[moment]:,.0f}" for moment in ("first", "last", "highest")))
    return table
