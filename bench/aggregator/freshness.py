"""How long after it is certain to be counted a pack is in the totals: of every single one, at a fixed rate of arrivals."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench.aggregator.arrivals import Arrivals, Send, Sent
from bench.aggregator.progress_watch import Database
from bench.aggregator.server_counters import counters
from bench.aggregator.topic_size import log_bytes
from bench.aggregator.visible import Progress
from bench.measurement import PRODUCT
from bench.percentiles import nearest_rank
from bench.process_cost import cost
from bench.results import Figures
from bench.site import Site
from common.progress import SESSIONS

_LOOK_EVERY_S = 0.01
_VISIBLE_WITHIN_S = 60.0


@dataclass(slots=True)
class Freshness:
    """An aggregator with the settings it has when nobody sets any."""

    site: Site
    arrivals: Arrivals
    rate: int
    began_as: str  # "reply", "Kafka": since when an event ages

    @property
    def name(self) -> str:
        return f"freshness-{self.rate}"

    @property
    def title(self) -> str:
        return f"From {self.began_as} to totals at {self.rate:,} packs a second; a flush each second"

    @property
    def peers(self) -> Sequence[str]:
        return (PRODUCT,)

    def run(self, peer: str) -> Figures:
        del peer
        with ExitStack() as stack:
            workspace = stack.enter_context(self.site.workspace())
            database = stack.enter_context(Database(self.site.mongo, workspace.name))
            aggregator = stack.enter_context(self.site.service("aggregator", workspace.env))
            send = stack.enter_context(self.arrivals(workspace))
            _measure(send, database, self.site.seconds(3, 1.5))  # what starts cold is not asked about
            size, operations, spent = (
                log_bytes(self.site, workspace.name),
                counters(database.client),
                cost(aggregator.pid),
            )
            sent, progress = _measure(send, database, self.site.seconds(20, 5))
            operations = counters(database.client) - operations
            aggregated = cost(aggregator.pid)
            size = log_bytes(self.site, workspace.name) - size
        ages, events = progress.ages_s(sent.replies), len(sent.replies)
        return {
            "requests": sent.due,
            "errors": sent.refused + events - len(ages),
            "p50_ms": nearest_rank(ages, 0.5) * 1e3,
            "p99_ms": nearest_rank(ages, 0.99) * 1e3,
            "max_ms": ages[-1] * 1e3,
            "cpu_us": (aggregated.cpu_s - spent.cpu_s) / events * 1e6,
            "rss_mib": aggregated.rss_mib,
            "topic_event_bytes": size / events,
            "mongodb_updates_per_s": operations.updates / (sent.due / self.rate),
            "mongodb_cpu_us": operations.cpu_s / events * 1e6,
        }


def _measure(send: Send, database: Database, seconds: float) -> tuple[Sent, Progress]:
    progress = Progress()
    sent = send(seconds, lambda: _look(database, progress))
    deadline = time.monotonic() + _VISIBLE_WITHIN_S
    while not progress.all_seen(sent.replies) and time.monotonic() < deadline:
        _look(database, progress)
    return sent, progress


def _look(database: Database, progress: Progress) -> None:
    found = list(database.documents[SESSIONS].find({}, {"upto": True}))
    now = time.time()
    for each in found:
        _, partition, session = each["_id"].rsplit(":", 2)
        progress.saw(now, (session, int(partition)), int(each["upto"]))
    time.sleep(_LOOK_EVERY_S)
