"""Every metric, declared once: the names are an interface to dashboards and alarms."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# --- proxy -----------------------------------------------------------------------------------------------------------
REQUESTS = Counter("packstats_requests", "Pack requests by what became of them", ["outcome"])
UPSTREAM_SECONDS = Histogram("packstats_upstream_seconds", "Round trip to Paccurate", buckets=_SECONDS)
PROXY_SECONDS = Histogram("packstats_proxy_seconds", "Time of a pack request that was not upstream's", buckets=_SECONDS)
SPOOL_BYTES = Gauge("packstats_spool_bytes", "Size of this process's spool")
SPOOL_LIMIT_BYTES = Gauge("packstats_spool_limit_bytes", "Size at which packs are refused")
SPOOL_OLDEST_SECONDS = Gauge(
    "packstats_spool_oldest_seconds", "Age of the oldest event that Kafka has not acknowledged"
)
SPOOL_ORPHANS = Gauge("packstats_spool_orphans", "Spool slots of processes that are gone and that still hold events")
UNCOUNTED = Counter("packstats_uncounted", "Packs answered without being counted, because the spool was full")
SUSPECT_NUMBERS = Counter("packstats_suspect_numbers", "Absurd numbers of upstream that were recorded as unknown")
SENT = Counter("packstats_sent", "Events acknowledged by Kafka")
SENDER_REBUILDS = Counter("packstats_sender_rebuilds", "Producers given up and made anew", ["reason"])
SET_ASIDE = Counter("packstats_set_aside", "Events too old to be sent, moved aside in the spool")

# --- aggregator ------------------------------------------------------------------------------------------------------
EVENTS = Counter("packstats_events", "Events folded into committed totals", ["kind"])
DUPLICATES = Counter("packstats_duplicates", "Records that were folded before and dropped")
LAG_RECORDS = Gauge("packstats_lag_records", "Records in the log that are not in the totals yet", ["partition"])
FRESHNESS_SECONDS = Gauge(
    "packstats_freshness_seconds", "Age of the newest moment that the totals are complete for", ["partition"]
)
END_TO_END_SECONDS = Gauge(
    "packstats_end_to_end_seconds",
    "From the moment a pack was forwarded until the totals had it, of the last one in the last flush",
    ["partition"],
)
FLUSH_SECONDS = Histogram("packstats_flush_seconds", "Time of a flush transaction", buckets=_SECONDS)
FENCED = Counter("packstats_fenced", "Flushes refused because another aggregator had made progress")
PARTITION_STOPPED = Gauge(
    "packstats_partition_stopped", "1 where a partition waits for an operator", ["partition", "reason"]
)
QUARANTINED = Counter("packstats_quarantined", "Records put into quarantine", ["reason"])
REASSIGNED = Counter("packstats_reassigned", "Times a silent partition was fetched anew by the watchdog")
UNCLAIMED = Gauge("packstats_unclaimed_partitions", "Partitions assigned to this member that it has not claimed yet")
DATABASE_AWAY_SECONDS = Gauge("packstats_database_away_seconds", "For how long MongoDB has not answered; 0 if it does")
LOOP_SECONDS = Gauge("packstats_loop_seconds", "Time since the loop turned last")


def total(counter: Counter) -> int:
    """What a counter of this process stands at, over all its labels."""
    samples = (sample for family in counter.collect() for sample in family.samples)
    return int(sum(sample.value for sample in samples if sample.name.endswith("_total")))
