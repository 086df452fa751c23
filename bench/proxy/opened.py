"""How much later an answer comes through a proxy: requests at fixed times, upstream answers after 50 ms."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.generator import in_a_process
from bench.measurement import DIRECT, PRODUCT
from bench.open_loop import Outcome
from bench.proxy.closed import TWO, TWO_WORKERS
from bench.proxy.peers import NGINX, Peers
from bench.proxy.upstream import USUAL
from bench.results import Figures

_UPSTREAM_MS = 50
_GRACE_S = 90
_OF_ONE = 1000  # packs a second


@dataclass(frozen=True, slots=True)
class OpenMeasurement:
    """One rate of arrivals."""

    rig: Peers
    rate: int

    @property
    def name(self) -> str:
        return f"proxy-open-{self.rate}"

    @property
    def title(self) -> str:
        return f"Latency at {self.rate:,} packs a second: upstream answers after {_UPSTREAM_MS} ms"

    @property
    def peers(self) -> Sequence[str]:
        # One process shares two cores with all others here: more than so many packs need a second.
        return (PRODUCT, TWO, NGINX, DIRECT) if self.rate > _OF_ONE else (PRODUCT, NGINX, DIRECT)

    def run(self, peer: str) -> Figures:
        site = self.rig.site
        env = TWO_WORKERS if peer == TWO else {}
        with self.rig.started(peer, USUAL, _UPSTREAM_MS, env) as target:
            self._send(target.url, site.seconds(3, 1.5))  # what starts cold is not what is asked about
            target.drain()
            before = target.cost()
            outcome = self._send(target.url, site.seconds(15, 4))
            target.drain()
            after = target.cost()
        figures = {
            "requests": float(outcome.due),
            "errors": float(outcome.refused + outcome.lost),
            "p50_ms": outcome.p50_ms,
            "p90_ms": outcome.p90_ms,
            "p99_ms": outcome.p99_ms,
            "max_ms": outcome.max_ms,
            "late_p99_ms": outcome.late_p99_ms,
        }
        if target.running is not None:
            figures["cpu_us"] = (after.cpu_s - before.cpu_s) / outcome.due * 1e6
            figures["rss_mib"] = after.rss_mib
        return figures

    def _send(self, url: str, seconds: float) -> Outcome:
        return in_a_process(url, self.rig.upstream.request(USUAL), self.rate, seconds, grace_s=_GRACE_S)
