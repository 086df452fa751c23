"""How fast a topic full of events becomes totals: the product, what users would take instead, and what bounds them all."""

import json
import subprocess
import sys
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.aggregator import fetching
from bench.aggregator.document_sizes import sizes
from bench.aggregator.feed import Feed, Feeds
from bench.aggregator.progress_watch import Database, await_
from bench.aggregator.server_counters import Counters, counters
from bench.aggregator.watching import Watch, watching
from bench.errors import BenchError
from bench.measurement import PRODUCT
from bench.results import Figures
from bench.site import REPO, Site

TWO = f"{PRODUCT}, 2 aggregators"
FOLD, CONSUME = "decode + fold", "raw consume"
COMPACTING, STOCK = "Quix Streams, compacting sink", "Quix Streams, stock sink"
_MODES = {FOLD: "fold", CONSUME: "consume", COMPACTING: "compacting", STOCK: "stock"}
# Peers that would take minutes are given fewer events; their speed does not depend on how many there are.
_MOST = {COMPACTING: 240_000, STOCK: 120_000}
_MOST_QUICK = {COMPACTING: 40_000, STOCK: 20_000}
_WITHIN_S = 900
_QUIX = Path(__file__).parent / "quix_app.py"


@dataclass(frozen=True, slots=True)
class Span:
    """Between these moments so many events were dealt with."""

    began: float
    ended: float
    events: int


@dataclass(slots=True)
class Folding:
    """One feed, read by every peer from its beginning."""

    site: Site
    feeds: Feeds
    keystems: int
    peers: Sequence[str]

    @property
    def name(self) -> str:
        return f"aggregator-{self.keystems}"

    @property
    def title(self) -> str:
        return f"Kafka to totals: {self.feeds.events_of(self.keystems):,} events in the topic, {self.keystems:,} facilities"

    def run(self, peer: str) -> Figures:
        feed = self.feeds.of(self.keystems)
        if peer in {PRODUCT, TWO}:
            return product(self.site, feed, 2 if peer == TWO else 1)
        if peer in {FOLD, CONSUME}:
            command = [sys.executable, "-m", "bench.aggregator.stand_in", _MODES[peer], feed.topic.bootstrap_servers]
            return _peer([*command, feed.topic.name, str(feed.topic.partitions), str(feed.events)])
        return self._quix(peer, feed)

    def _quix(self, peer: str, feed: Feed) -> Figures:
        name, mongo = f"quix-{uuid.uuid4().hex[:8]}", urlsplit(self.site.mongo)
        events = min(feed.events, (_MOST_QUICK if self.site.quick else _MOST)[peer])
        options = {
            "broker": feed.topic.bootstrap_servers,
            "topic": feed.topic.name,
            "group": name,
            "mongo_host": mongo.hostname,
            "mongo_port": mongo.port,
            "database": name,
            "state_dir": str(self.site.folder / name),
            "events": events,
            "fetching": fetching.SETTINGS,
        }
        with Database(self.site.mongo, name) as database:
            before = counters(database.client)
            figures = _peer([self.site.peer_python("quixstreams"), str(_QUIX), _MODES[peer], json.dumps(options)])
            spent = counters(database.client) - before
            there = sum(int(each["requests"]) for each in database.documents["keydata"].find({}, {"requests": True}))
            if there != figures["events"]:
                raise BenchError(f"{peer}: {there} events in MongoDB, of {figures['events']:.0f}")
            database.client.drop_database(name)
        return {**figures, **_operations(spent, events)}


def product(site: Site, feed: Feed, processes: int) -> Figures:
    """The product folds the feed into a new database, with the settings it has when nobody sets any.

    From the moment each process holds its share of the partitions until everything is in the totals.
    """
    name = f"fold-{uuid.uuid4().hex[:8]}"
    env = {**feed.env, "KAFKA__GROUP": name, "MONGO__DATABASE": name}
    site.finish(site.python("admin", "init"), env)
    with ExitStack() as stack:
        database = stack.enter_context(Database(site.mongo, name))
        before = counters(database.client)
        running = [stack.enter_context(site.service("aggregator", env)) for _ in range(processes)]
        watches = stack.enter_context(watching(each.pid for each in running))
        share = feed.topic.partitions // processes
        began = await_(
            f"{processes} aggregators hold {share} partitions each",
            lambda: (
                len(owners := database.owners()) == processes
                and min(owners.values()) >= (share if processes > 1 else 1)
            ),
            _WITHIN_S,
        )
        already = database.folded()
        ended = await_("all events are folded", lambda: database.folded() >= feed.events, _WITHIN_S)
        spent = counters(database.client) - before
        if (counted := database.counted()) != feed.events:
            raise BenchError(f"{counted} events in the totals, of {feed.events}")
    with Database(site.mongo, name) as database:
        feed.sizes.update(sizes(database.documents))
        database.client.drop_database(name)
    return {**_figures(Span(began, ended, feed.events - already), watches), **_operations(spent, feed.events)}


def _peer(command: list[str]) -> dict[str, float]:
    """Run a peer that says itself when it began and ended."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPO)
    try:
        with watching([process.pid]) as watches:
            output, errors = process.communicate(timeout=_WITHIN_S)
    finally:
        process.kill()
    if process.returncode:
        raise BenchError(f"{command[1:4]} ended with {process.returncode}:\n{errors[-2000:]}")
    said = json.loads(output.splitlines()[-1])
    return _figures(Span(said["began"], said["ended"], int(said["events"])), watches)


def _figures(span: Span, watches: Sequence[Watch]) -> dict[str, float]:
    seconds = span.ended - span.began
    quarter = span.began + seconds / 4
    return {
        "events": span.events,
        "seconds": seconds,
        "per_s": span.events / seconds,
        "cpu_us": sum(watch.cpu_s(span.began, span.ended) for watch in watches) / span.events * 1e6,
        "rss_mib": sum(watch.peak_mib(span.began, span.ended) for watch in watches),
        # That memory is flat shows in these two: after a quarter of the time, and at its end.
        "rss_quarter_mib": sum(watch.rss_mib(quarter) for watch in watches),
        "rss_end_mib": sum(watch.rss_mib(span.ended) for watch in watches),
    }


def _operations(spent: Counters, events: int) -> dict[str, float]:
    return {
        "mongodb_updates": spent.updates,
        "mongodb_commands": spent.commands,
        "mongodb_cpu_us": spent.cpu_s / events * 1e6,
    }
