"""What a deployment is sized from: medians of one run, by the measurement they come from."""

import statistics
from dataclasses import dataclass
from typing import Self

from bench.errors import BenchError
from bench.measurement import PRODUCT
from bench.results import Results

_SLOW, _FAST = "freshness-200", "freshness-2000"
_FEW, _MANY = "sizing-300", "sizing-30000"
_OPEN = "proxy-open-2000"


@dataclass(frozen=True, slots=True)
class Input:
    """One figure of one measurement."""

    name: str  # of the field of Inputs
    meaning: str
    measurement: str
    figure: str
    unit: str

    @property
    def source(self) -> str:
        return f"`{self.measurement}`"

    def text(self, value: float) -> str:
        return f"{value:,.{0 if value >= 100 else 1}f} {self.unit}"


INPUTS = (
    Input("event_bytes", "event, JSON", _FEW, "event_bytes", "B"),
    Input("topic_bytes_at_200", "event in the topic (lz4) at 200/s, small batches", _SLOW, "topic_event_bytes", "B"),
    Input("topic_bytes_at_2000", "event in the topic at 2,000/s", _FAST, "topic_event_bytes", "B"),
    Input("topic_bytes_in_bulk", "event in the topic, sent in full batches", _FEW, "topic_event_bytes", "B"),
    Input("spool_bytes", "pack in the spool, committed alone", _FEW, "spool_pack_bytes", "B"),
    Input("busy_hour_packs", "packs of a facility in an hour, few facilities", _FEW, "hour_packs", ""),
    Input("quiet_hour_packs", "packs of a facility in an hour, many facilities", _MANY, "hour_packs", ""),
    Input("busy_hour_bytes", "`keydata_hours`, one of so many packs, on disk", _FEW, "keydata_hours_disk_bytes", "B"),
    Input("quiet_hour_bytes", "`keydata_hours`, one of so few", _MANY, "keydata_hours_disk_bytes", "B"),
    Input("day_bytes", "`carton_days`, one, on disk", _FEW, "carton_days_disk_bytes", "B"),
    Input("keydata_bytes", "`keydata`, one, on disk", _FEW, "keydata_disk_bytes", "B"),
    Input("keydata_in_memory", "`keydata`, one, as it is in memory", _FEW, "keydata_bytes", "B"),
    Input("hour_in_memory", "`keydata_hours`, one, in memory", _FEW, "keydata_hours_bytes", "B"),
    Input("day_in_memory", "`carton_days`, one, in memory", _FEW, "carton_days_bytes", "B"),
    Input("updates_at_200", "updates a second in MongoDB at 200/s", _SLOW, "mongodb_updates_per_s", ""),
    Input("updates_at_2000", "updates a second in MongoDB at 2,000/s", _FAST, "mongodb_updates_per_s", ""),
    Input("mongodb_us_at_200", "MongoDB's CPU time of an event at 200/s", _SLOW, "mongodb_cpu_us", "µs"),
    Input("mongodb_us_at_2000", "MongoDB's CPU time of an event at 2,000/s", _FAST, "mongodb_cpu_us", "µs"),
    Input("folding_us_at_200", "an aggregator's CPU time of an event at 200/s", _SLOW, "cpu_us", "µs"),
    Input("folding_us_at_2000", "an aggregator's CPU time of an event at 2,000/s", _FAST, "cpu_us", "µs"),
    Input("folding_us", "an aggregator's CPU time of an event, catching up", "aggregator-300", "cpu_us", "µs"),
    Input("folding_mib", "an aggregator's memory at most", "aggregator-300", "rss_mib", "MiB"),
    # Not that of a proxy that is kept busy: packs that come one by one cost twice as much.
    Input("proxy_us", "a proxy's CPU time of a pack, at 2,000/s that come at fixed times", _OPEN, "cpu_us", "µs"),
    Input("proxy_mib", "a proxy's memory at most", "proxy-4k-64", "rss_mib", "MiB"),
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The same as a value; the meaning of each field is in INPUTS."""

    event_bytes: float
    topic_bytes_at_200: float
    topic_bytes_at_2000: float
    topic_bytes_in_bulk: float
    spool_bytes: float
    busy_hour_packs: float
    quiet_hour_packs: float
    busy_hour_bytes: float
    quiet_hour_bytes: float
    day_bytes: float
    keydata_bytes: float
    keydata_in_memory: float
    hour_in_memory: float
    day_in_memory: float
    updates_at_200: float
    updates_at_2000: float
    mongodb_us_at_200: float
    mongodb_us_at_2000: float
    folding_us_at_200: float
    folding_us_at_2000: float
    folding_us: float
    folding_mib: float
    proxy_us: float
    proxy_mib: float
    facilities: float = 300  # of the runs at 200/s and 2,000/s
    partitions: float = 24

    @classmethod
    def of(cls, results: Results) -> Self:
        """BenchError where the run lacks one of them."""
        return cls(**{each.name: _median(results, each) for each in INPUTS})


def _median(results: Results, wanted: Input) -> float:
    found = [
        sample.figures[wanted.figure]
        for sample in results.samples
        if (sample.measurement, sample.peer) == (wanted.measurement, PRODUCT) and wanted.figure in sample.figures
    ]
    if not found:
        raise BenchError(f"the results have no {wanted.figure} of {wanted.measurement}, which sizing needs")
    return statistics.median(found)
