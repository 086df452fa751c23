"""How long after its reply a pack is in the totals: of every single one, at a fixed rate of arrivals."""

import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.aggregator.progress_watch import Database
from bench.aggregator.server_counters import counters
from bench.aggregator.topic_size import log_bytes
from bench.aggregator.visible import Progress, Reply
from bench.errors import BenchError
from bench.measurement import PRODUCT
from bench.open_loop import Outcome
from bench.percentiles import nearest_rank
from bench.process_cost import cost
from bench.proxy.upstream import USUAL, Upstreams
from bench.results import Figures
from bench.site import REPO, Running, Site
from common.progress import SESSIONS

_LOOK_EVERY_S = 0.01
_VISIBLE_WITHIN_S = 60.0
_GRACE_S = 60.0


@dataclass(slots=True)
class Freshness:
    """Proxy and aggregator with the settings they have when nobody sets any, and an upstream without delay."""

    site: Site
    upstreams: Upstreams
    rate: int

    @property
    def name(self) -> str:
        return f"freshness-{self.rate}"

    @property
    def title(self) -> str:
        return f"From reply to totals at {self.rate:,} packs a second; a flush each second"

    @property
    def peers(self) -> Sequence[str]:
        return (PRODUCT,)

    def run(self, peer: str) -> Figures:
        del peer
        with ExitStack() as stack:
            workspace = stack.enter_context(self.site.workspace())
            database = stack.enter_context(Database(self.site.mongo, workspace.name))
            aggregator = stack.enter_context(self.site.service("aggregator", workspace.env))
            proxy = stack.enter_context(self.site.service("proxy", self.upstreams.upstream.proxy_env(workspace)))
            self._measure(proxy, database, self.site.seconds(3, 1.5))  # what starts cold is not asked about
            size, operations, spent = (
                log_bytes(self.site, workspace.name),
                counters(database.client),
                cost(aggregator.pid),
            )
            outcome, replies, progress = self._measure(proxy, database, self.site.seconds(20, 5))
            operations = counters(database.client) - operations
            aggregated = cost(aggregator.pid)
            size = log_bytes(self.site, workspace.name) - size
        database.client.close()
        ages, events = progress.ages_s(replies), len(replies)
        seconds = outcome.due / self.rate
        return {
            "requests": outcome.due,
            "errors": outcome.refused + outcome.lost + outcome.answered - len(ages),
            "p50_ms": nearest_rank(ages, 0.5) * 1e3,
            "p99_ms": nearest_rank(ages, 0.99) * 1e3,
            "max_ms": ages[-1] * 1e3,
            "cpu_us": (aggregated.cpu_s - spent.cpu_s) / events * 1e6,
            "rss_mib": aggregated.rss_mib,
            "topic_event_bytes": size / events,
            "mongodb_updates_per_s": operations.updates / seconds,
            "mongodb_cpu_us": operations.cpu_s / events * 1e6,
        }

    def _measure(self, proxy: Running, database: Database, seconds: float) -> tuple[Outcome, list[Reply], Progress]:
        out = self.site.folder / f"replies-{uuid.uuid4().hex[:8]}"
        command = [sys.executable, "-m", "bench.aggregator.event_load", f"{proxy.url}/?view=stats"]
        command += [
            str(self.upstreams.upstream.request(USUAL)),
            "--rate",
            str(self.rate),
            "--seconds",
            str(seconds),
            "--out",
            str(out),
        ]
        progress = Progress()
        load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPO)
        try:
            self._look_while(load, database, progress, seconds + _GRACE_S)
            output, errors = load.communicate(timeout=5)
        finally:
            load.kill()
        if load.returncode:
            raise BenchError(f"the generator ended with {load.returncode}: {errors[-1000:]}")
        replies = _replies(out)
        deadline = time.monotonic() + _VISIBLE_WITHIN_S
        while not progress.all_seen(replies) and time.monotonic() < deadline:
            _look(database, progress)
        return msgspec.json.decode(output, type=Outcome), replies, progress

    @staticmethod
    def _look_while(load: "subprocess.Popen[str]", database: Database, progress: Progress, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while load.poll() is None:
            if time.monotonic() > deadline:
                raise BenchError("the generator does not end")
            _look(database, progress)


def _look(database: Database, progress: Progress) -> None:
    found = list(database.documents[SESSIONS].find({}, {"upto": True}))
    now = time.time()
    for each in found:
        _, partition, session = each["_id"].rsplit(":", 2)
        progress.saw(now, (session, int(partition)), int(each["upto"]))
    time.sleep(_LOOK_EVERY_S)


def _replies(path: Path) -> list[Reply]:
    with path.open() as file:
        return [Reply.from_line(line) for line in file]
