"""How many packs a second go through, and what each costs: so many connections, each asking again when it is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench import wrk
from bench.errors import UnavailableError
from bench.measurement import DIRECT, PRODUCT
from bench.proxy.peers import FASTAPI, NGINX, UVICORN, Peers, Target
from bench.results import Figures
from bench.wrk import ClosedLoop

_WORKERS = "PROXY__WORKERS"
TWO = f"{PRODUCT}, 2 workers"
TWO_WORKERS = {_WORKERS: "2"}
_SPOKEN = {"4k": "4 KB", "60k": "60 KB", "1m": "1 MB"}


@dataclass(frozen=True, slots=True)
class ClosedMeasurement:
    """One size of answers, one number of connections."""

    rig: Peers
    size: str
    connections: int

    @property
    def name(self) -> str:
        return f"proxy-{self.size}-{self.connections}"

    @property
    def title(self) -> str:
        return f"Packs through a proxy: {self.connections:,} connections, answers of {_SPOKEN[self.size]}"

    @property
    def peers(self) -> Sequence[str]:
        # What a user would write is the same, only slower, with more connections; the upstream shows the limit once.
        usual = (PRODUCT, NGINX)
        return (*usual, FASTAPI, UVICORN, DIRECT) if (self.size, self.connections) == ("4k", 64) else usual

    def run(self, peer: str) -> Figures:
        wrk.require()
        with self.rig.started(peer, self.size) as target:
            return measure(self.rig, target, self.size, self.connections)


@dataclass(frozen=True, slots=True)
class Workers:
    """One process against two."""

    rig: Peers
    name: str = "proxy-workers"
    title: str = "One worker and two: 64 connections, answers of 4 KB"

    @property
    def peers(self) -> Sequence[str]:
        return tuple(self._env())

    def run(self, peer: str) -> Figures:
        wrk.require()
        if not self.rig.site.has_setting(_WORKERS):
            raise UnavailableError(f"this version of packstats has no {_WORKERS}")
        with self.rig.started(peer, "4k", env=self._env()[peer]) as target:
            return measure(self.rig, target, "4k", 64)

    def _env(self) -> Mapping[str, Mapping[str, str]]:
        return {f"{PRODUCT}, 1 worker": {_WORKERS: "1"}, TWO: TWO_WORKERS}


def measure(rig: Peers, target: Target, size: str, connections: int) -> Figures:
    """After a warm-up; the CPU time is that of everything the load caused, also of what was done after it."""
    site = rig.site
    body = rig.upstream.request(size)
    wrk.run(ClosedLoop(target.url, body, connections, site.seconds(3, 1)))
    target.drain()
    before = target.cost()
    report = wrk.run(ClosedLoop(target.url, body, connections, site.seconds(10, 3)))
    waiting = target.waiting()
    target.drain()
    after = target.cost()
    figures = dict(report.figures())
    if target.running is not None and report.requests:
        figures["cpu_us"] = (after.cpu_s - before.cpu_s) / report.requests * 1e6
        figures["rss_mib"] = after.rss_mib
    if waiting:
        figures["waiting_events"] = waiting
    return figures
