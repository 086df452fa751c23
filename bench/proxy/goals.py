"""What the proxy is to reach."""

from bench.goals import Goal, added, flat, most, ratio
from bench.measurement import DIRECT, PRODUCT
from bench.proxy.closed import TWO
from bench.proxy.peers import FASTAPI, NGINX

_CLOSED = ("proxy-4k-64", "proxy-4k-256", "proxy-4k-1024")
_OPEN = ("proxy-open-200", "proxy-open-2000")

GOALS = (
    Goal("throughput, of nginx's", ratio(_CLOSED[0], "per_s", PRODUCT, NGINX), 0.30, at_least=True, unit="×"),
    Goal("throughput, of FastAPI + httpx's", ratio(_CLOSED[0], "per_s", PRODUCT, FASTAPI), 10, at_least=True, unit="×"),
    Goal("CPU time of a pack, of nginx's", ratio(_CLOSED[0], "cpu_us", PRODUCT, NGINX), 5, at_least=False, unit="×"),
    Goal(
        "64, 256 and 1,024 connections: lowest throughput, of the highest",
        flat(_CLOSED, "per_s", PRODUCT),
        0.8,
        at_least=True,
        unit="×",
    ),
    Goal("errors and time-outs there, in any round", most(_CLOSED, "errors", PRODUCT), 0, at_least=False),
    Goal("added at 200/s, p50", added(_OPEN[0], "p50_ms", PRODUCT, DIRECT), 1.5, at_least=False, unit="ms"),
    Goal("added at 200/s, p99", added(_OPEN[0], "p99_ms", PRODUCT, DIRECT), 5, at_least=False, unit="ms"),
    Goal("added at 2,000/s, p99", added(_OPEN[1], "p99_ms", PRODUCT, DIRECT), 15, at_least=False, unit="ms"),
    Goal("the same with 2 workers", added(_OPEN[1], "p99_ms", TWO, DIRECT), 15, at_least=False, unit="ms"),
    Goal("lost or refused there, in any round", most(_OPEN, "errors", PRODUCT), 0, at_least=False),
)
