"""What of the aggregator's figures is drawn."""

from bench.plots import Chart

CHARTS = (
    Chart(
        "aggregator-throughput.svg",
        "Events a second from Kafka to totals (more is better)",
        "per_s",
        ("aggregator-300", "aggregator-30000"),
    ),
    Chart("takeover.svg", "Seconds until a killed aggregator's packs are visible", "visible_s", ("takeover",)),
    Chart("reads.svg", "GET in ms, p99 (less is better)", "p99_ms", ("reads-all", "reads-keystem")),
)
