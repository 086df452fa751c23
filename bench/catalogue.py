"""All measurements there are, in the order in which they are made and shown, with what they are to reach."""

import bench.aggregator.charts
import bench.aggregator.goals
import bench.aggregator.measurements
import bench.proxy.charts
import bench.proxy.goals
import bench.proxy.measurements
from bench.measurement import Measurement
from bench.proxy.upstream import Upstreams
from bench.site import Site

GOALS = {
    "proxy": bench.proxy.goals.GOALS,
    "aggregator": bench.aggregator.goals.GOALS,
    "reads": bench.aggregator.goals.READING,
}
CHARTS = (*bench.proxy.charts.CHARTS, *bench.aggregator.charts.CHARTS)


def measurements(site: Site) -> list[Measurement]:
    upstreams = Upstreams(site)
    return [
        *bench.proxy.measurements.measurements(site, upstreams),
        *bench.aggregator.measurements.measurements(site, upstreams),
    ]
