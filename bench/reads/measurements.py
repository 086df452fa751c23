"""How long reading takes, and whether the total of all takes longer the more facilities there are."""

import http.client
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from pymongo import MongoClient

from bench.aggregator.feed import Feeds, produce
from bench.aggregator.fetching import Topic
from bench.aggregator.progress_watch import Database, await_
from bench.aggregator.traffic import Shape, keystem
from bench.errors import BenchError
from bench.measurement import PRODUCT, Measurement
from bench.percentiles import nearest_rank
from bench.process_cost import cost
from bench.reads.documents import Document, multiply
from bench.results import Figures
from bench.site import Site
from common.mongo import sync_client
from common.settings import MongoSettings

KEYSTEMS, KEYSTEMS_QUICK = (300, 30_000, 300_000), (300, 30_000)
_PATTERNS = 300
_EVENTS, _EVENTS_QUICK = 60_000, 6_000
_FOLDED_WITHIN_S = 600.0
_WARM_UP = 50


def peer_of(keystems: int) -> str:
    return f"{PRODUCT}, {keystems:,} facilities"


def measurements(site: Site, feeds: Feeds) -> list[Measurement]:
    shelves = Shelves(site, feeds)
    return [Reads(site, shelves, "all"), Reads(site, shelves, "keystem")]


@dataclass(frozen=True, slots=True)
class Reads:
    """GETs one after the other over one connection."""

    site: Site
    shelves: "Shelves"
    what: str  # all, or a keystem of chance

    @property
    def name(self) -> str:
        return f"reads-{self.what}"

    @property
    def title(self) -> str:
        target = "all" if self.what == "all" else "{keystem}"
        return f"GET /api/keydata/{target}, one after the other"

    @property
    def peers(self) -> Sequence[str]:
        return [peer_of(each) for each in (KEYSTEMS_QUICK if self.site.quick else KEYSTEMS)]

    def run(self, peer: str) -> Figures:
        keystems = next(each for each in KEYSTEMS if peer_of(each) == peer)
        env = {**self.shelves.filled(keystems), "PROXY__UPSTREAM_URL": "http://127.0.0.1:9/"}
        env["PROXY__SPOOL_DIR"] = str(self.site.folder / "reads-spool")
        count = int(self.site.seconds(2000, 300))
        with self.site.service("proxy", env) as proxy:
            connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=30)
            with closing(connection):
                list(self._times(connection, keystems, _WARM_UP))
                before = cost(proxy.pid)
                times = sorted(self._times(connection, keystems, count))
                after = cost(proxy.pid)
        return {
            "requests": count,
            "p50_ms": nearest_rank(times, 0.5) * 1e3,
            "p99_ms": nearest_rank(times, 0.99) * 1e3,
            "max_ms": times[-1] * 1e3,
            "cpu_us": (after.cpu_s - before.cpu_s) / count * 1e6,
        }

    def _times(self, connection: http.client.HTTPConnection, keystems: int, count: int) -> Iterator[float]:
        chance = random.Random(self.site.seed)  # noqa: S311  # load, no secret
        for _ in range(count):
            name = "all" if self.what == "all" else keystem(chance.randrange(keystems))
            began = time.perf_counter()
            connection.request("GET", f"/api/keydata/{name}")
            reply = connection.getresponse()
            body = reply.read()
            if reply.status != 200:
                raise BenchError(f"GET /api/keydata/{name} answered {reply.status}: {body[:200]!r}")
            yield time.perf_counter() - began


@dataclass(slots=True)
class Shelves:
    """Databases with so many facilities, kept from round to round."""

    site: Site
    feeds: Feeds
    _patterns: dict[str, str] | None = None
    _filled: dict[int, dict[str, str]] = field(default_factory=dict)

    def filled(self, keystems: int) -> dict[str, str]:
        """The settings that lead to one."""
        if keystems not in self._filled:
            patterns = self.patterns()
            env = {**patterns, "MONGO__DATABASE": f"{patterns['MONGO__DATABASE']}-{keystems}"}
            self.site.finish(self.site.python("admin", "init"), env)
            with _client(self.site) as client:
                source, target = client[patterns["MONGO__DATABASE"]], client[env["MONGO__DATABASE"]]
                multiply(source, target, keystems, int(env["KAFKA__PARTITIONS"]))
            self._filled[keystems] = env
        return self._filled[keystems]

    def patterns(self) -> dict[str, str]:
        """A database with facilities that the aggregator has written."""
        if self._patterns is None:
            with self.site.workspace() as workspace:
                env = dict(workspace.env)
            self._fold(env, int(self.site.seconds(_EVENTS, _EVENTS_QUICK)))
            self._patterns = env
        return self._patterns

    def _fold(self, env: dict[str, str], events: int) -> None:
        topic = Topic(env["KAFKA__BOOTSTRAP_SERVERS"], env["KAFKA__TOPIC"], int(env["KAFKA__PARTITIONS"]))
        traffic = self.feeds.traffic(Shape(_PATTERNS, topic.partitions), datetime.now(UTC) - timedelta(hours=1))
        produce(topic, traffic.records(events))
        with Database(self.site.mongo, env["MONGO__DATABASE"]) as database, self.site.service("aggregator", env):
            await_("the patterns are folded", lambda: database.counted() >= events, _FOLDED_WITHIN_S)


def _client(site: Site) -> MongoClient[Document]:
    return sync_client(MongoSettings(uri=site.mongo), "bench")
