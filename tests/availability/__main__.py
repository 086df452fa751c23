"""`python -m tests.availability --seconds 60`: do packs go on while Kafka, MongoDB or both are away, and how fast?

Exit 1 where fewer than 99.9 % of the requests of a phase got upstream's status and bytes, where the lag was not back to
normal within 30 s of the servers' return, or where the totals are not what was promised. Latencies are only reported:
they say something on a quiet machine alone.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from common import documents
from tests.availability.meter import Meter
from tests.availability.stage import Stage, stage
from tests.availability.verdict import BACK_WITHIN_S, Phase, failures, phase
from tests.support.servers import Server

WARM_UP_S = 5.0
ANSWERED_WITHIN_S = 10.0  # what takes longer counts as without a reply


@dataclass(slots=True)
class Run:
    """One measurement on its way."""

    stage: Stage
    meter: Meter
    seconds: float
    phases: list[Phase] = field(default_factory=list)
    normal: int = 0

    def all_phases(self) -> None:
        time.sleep(WARM_UP_S)
        self._measure("undisturbed", self._watch_lag)
        self.normal = 2 * self.normal + int(self.meter.rate_per_s)  # a flush more or less
        kafka, mongo = self.stage.kafka, self.stage.mongo
        for name, servers in (("Kafka", (kafka,)), ("MongoDB", (mongo,)), ("both", (kafka, mongo))):
            for server in servers:
                server.kill()
            self._measure(f"without {name}", lambda: time.sleep(self.seconds))
            self._heal(name, servers)

    def _measure(self, name: str, pass_time: Callable[[], None]) -> None:
        before, began = self.stage.rss_mib(), time.monotonic()
        pass_time()
        ended, after = time.monotonic(), self.stage.rss_mib()
        self.meter.await_replies(began, ended, ANSWERED_WITHIN_S)
        rss = {each: (round(before[each], 1), round(after[each], 1)) for each in before}
        self.phases.append(phase(name, ended - began, self.meter.between(began, ended), rss))
        print(f"{name}: {self.phases[-1].share:.2%} of {self.phases[-1].requests}", file=sys.stderr, flush=True)

    def _watch_lag(self) -> None:
        ends = time.monotonic() + self.seconds
        while time.monotonic() < ends:
            self.normal = max(self.normal, self.stage.behind() or 0)
            time.sleep(0.5)

    def _heal(self, name: str, servers: Sequence[Server]) -> None:
        """Recovery is timed from when the servers serve again: how long they take to start is their own affair."""
        found: dict[str, float | int | None] = {}

        def heal() -> None:
            for server in servers:
                server.begin_start()
            for server in servers:
                server.wait_ready()
            found["behind"] = self.stage.behind()
            found["back_s"] = self.stage.wait_behind(self.normal, 3 * BACK_WITHIN_S)

        self._measure(f"healing {name}", heal)
        back_s, behind = found["back_s"], found["behind"]
        self.phases[-1] = replace(self.phases[-1], lag_back_s=back_s, most_behind=int(behind or 0))


def counted(on: Stage) -> int:
    """How many packs the totals hold once nothing is on its way any more."""
    on.wait_behind(0, 60)
    totals = on.rig.workspace.documents[documents.TOTALS]
    return sum(int(found["requests"]) for found in totals.find())


def table(phases: Sequence[Phase]) -> Table:
    shown = Table(title="availability", title_justify="left")
    for name in ("phase", "s", "requests", "upstream's answer", "p50 ms", "p99 ms", "× p99", "lag back s", "RSS MiB"):
        shown.add_column(name, justify="left" if name in {"phase", "RSS MiB"} else "right")
    base = phases[0].p99_ms
    for each in phases:
        ratio = f"{each.p99_ms / base:.2f}" if each.p99_ms and base else "-"
        back = "-" if each.most_behind is None else "never" if each.lag_back_s is None else f"{each.lag_back_s:.1f}"
        rss = ", ".join(f"{name} {before:.0f}→{after:.0f}" for name, (before, after) in each.rss_mib.items())
        times = (f"{each.p50_ms or 0:.1f}", f"{each.p99_ms or 0:.1f}", ratio)
        shown.add_row(each.name, f"{each.seconds:.0f}", str(each.requests), f"{each.share:.3%}", *times, back, rss)
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.availability", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each phase (60)")
    parser.add_argument("--rate", type=float, default=200, help="packs per second (200)")
    parser.add_argument("--upstream-ms", type=float, default=100, help="how long upstream takes for a pack (100)")
    parser.add_argument("--json", type=Path, default=Path(".local/availability.json"), help="where the figures go")
    asked = parser.parse_args(arguments)
    console = Console(width=max(Console().width, 140))  # a table that is cut says nothing
    with tempfile.TemporaryDirectory(prefix="availability-") as folder, stage(Path(folder), asked.upstream_ms) as on:
        with Meter(on.proxy.url, asked.rate) as meter:
            run = Run(on, meter, asked.seconds)
            run.all_phases()
        promised = sum(sample.promised for sample in meter.samples)
        unanswered = sum(sample.seconds is None for sample in meter.samples)
        total = counted(on)
    wrong = list(failures(run.phases, promised, unanswered, total))
    console.print(table(run.phases))
    console.print(f"promised {promised}, without a reply {unanswered}, counted {total}; normal lag up to {run.normal}")
    for line in wrong:
        console.print(f"[bold red]failed:[/] {line}")
    figures = {"rate_per_s": asked.rate, "upstream_ms": asked.upstream_ms, "normal_lag": run.normal}
    figures |= {"promised": promised, "unanswered": unanswered, "counted": total, "failures": wrong}
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps({**figures, "phases": [asdict(each) for each in run.phases]}, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
