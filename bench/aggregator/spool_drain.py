"""How fast a proxy sends what an hour without Kafka has left in its spool, while packs go on coming."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Self

from bench.aggregator.feed import Feeds
from bench.aggregator.traffic import Shape
from bench.errors import BenchError
from bench.generator import in_a_process
from bench.http import get
from bench.measurement import PRODUCT
from bench.open_loop import Outcome
from bench.process_cost import cost
from bench.proxy.upstream import USUAL, Upstreams
from bench.results import Figures
from bench.site import Running, Site
from proxy.slots import SPOOL_FILE
from proxy.spool_file import SpoolFile
from proxy.spool_record import SpoolRecord

RATE = 200
_SLOT = "slot-000"
_LOAD_S = 5.0
_LOOK_EVERY_S = 0.1
_WITHIN_S = 600.0
_GRACE_S = 60.0


class UnsyncedSpoolFile(SpoolFile):
    """Filled at the disk's leisure: this is to make a spool, not to measure that."""

    def _prepare(self) -> None:
        super()._prepare()
        self._db.execute("PRAGMA synchronous=OFF")


@dataclass(slots=True)
class SpoolDrain:
    site: Site
    feeds: Feeds
    upstreams: Upstreams
    _master: Path | None = None

    @property
    def name(self) -> str:
        return "spool-drain"

    @property
    def title(self) -> str:
        return (
            f"Spool to Kafka: {self.feeds.events:,} events of an outage, each committed alone, "
            f"from the start of the process, while {RATE} packs/s go on"
        )

    @property
    def peers(self) -> Sequence[str]:
        return (PRODUCT,)

    def run(self, peer: str) -> Figures:
        del peer
        with self.site.workspace() as workspace:
            env = self.upstreams.upstream.proxy_env(workspace)
            spool = Path(env["PROXY__SPOOL_DIR"])
            shutil.copytree(self.master(), spool / _SLOT)
            began = time.time()
            with self.site.service("proxy", env) as proxy:
                drained = _Drained(proxy, self.feeds.events)
                outcomes = list(self._load_until(drained, proxy))
                spent = cost(proxy.pid)
        seconds = drained.at - began
        return {
            "events": self.feeds.events,
            "seconds": seconds,
            "per_s": self.feeds.events / seconds,
            "requests": sum(each.due for each in outcomes),
            "errors": sum(each.refused + each.lost for each in outcomes),
            "p99_ms": max(each.p99_ms for each in outcomes),
            "rss_mib": spent.rss_mib,
        }

    def _load_until(self, drained: "_Drained", proxy: Running) -> Iterator[Outcome]:
        """Packs in pieces of a few seconds, the last of which ends after the spool is empty."""
        with drained:
            while not drained.at:
                yield self._load(f"{proxy.url}/?view=stats")
                drained.require_in_time()

    def _load(self, url: str) -> Outcome:
        body = self.upstreams.upstream.request(USUAL)
        return in_a_process(url, body, RATE, _LOAD_S, grace_s=_GRACE_S)

    def master(self) -> Path:
        """The folder of a full spool, made once."""
        if self._master is None:
            folder = self.site.folder / "full-spool"
            folder.mkdir()
            fill(folder / SPOOL_FILE, self.records(self.feeds.events), group=1)
            self._master = folder
        return self._master

    def records(self, count: int) -> Iterator[SpoolRecord]:
        start = datetime.now(UTC) - timedelta(seconds=count / RATE)
        shape = Shape(300, rate_per_s=RATE, proxies=1)
        for number, record in enumerate(self.feeds.traffic(shape, start).records(count)):
            occurred_ms = int(start.timestamp() * 1000) + number * 1000 // RATE
            yield SpoolRecord(record.partition, record.key, record.value, occurred_ms)


class _Drained:
    """Looks in a thread how much a proxy has sent; `at` is the moment when it was enough."""

    def __init__(self, proxy: Running, events: int) -> None:
        self.at = 0.0
        self._url = f"{proxy.url}/metrics"
        self._events = events
        self._over = Event()
        self._deadline = time.monotonic() + _WITHIN_S
        self._thread = Thread(target=self._look, name="drained", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def require_in_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise BenchError(f"the spool was not empty within {_WITHIN_S:.0f} s")

    def _look(self) -> None:
        while not self.at and not self._over.wait(_LOOK_EVERY_S):
            with suppress(OSError):
                # In the order of the spool: what came before this process began goes first.
                if sent(get(self._url).decode()) >= self._events:
                    self.at = time.time()


def sent(metrics: str) -> float:
    """How many events Kafka has acknowledged, by the proxy's own metrics."""
    line = next((line for line in metrics.splitlines() if line.startswith("packstats_sent_total")), None)
    if line is None:
        raise BenchError("the proxy's metrics have no packstats_sent_total")
    return float(line.split()[-1])


def fill(path: Path, records: Iterator[SpoolRecord], group: int) -> int:
    """Write a spool whose groups have so many records; what it takes on disk."""
    spool = UnsyncedSpoolFile(path)
    pending: list[SpoolRecord] = []
    for record in records:
        pending.append(record)
        if len(pending) == group:
            spool.commit(pending, ())
            pending = []
    if pending:
        spool.commit(pending, ())
    spool.close()
    return path.stat().st_size
