"""What of the proxy's figures is drawn."""

from bench.plots import Chart

_CONNECTIONS = ("proxy-4k-64", "proxy-4k-256", "proxy-4k-1024")

CHARTS = (
    Chart("proxy-throughput.svg", "Packs a second, answers of 4 KB (more is better)", "per_s", _CONNECTIONS),
    Chart("proxy-cpu.svg", "CPU time of one pack in µs, answers of 4 KB (less is better)", "cpu_us", _CONNECTIONS),
    # Not in one picture: at the higher rate one process is beyond its limit, and the others' bars would vanish.
    *(
        Chart(
            f"proxy-latency-{rate}.svg",
            f"Latency in ms, p99, at {rate:,} packs a second, with an upstream of 50 ms (less is better)",
            "p99_ms",
            (f"proxy-open-{rate}",),
        )
        for rate in (200, 2000)
    ),
)
