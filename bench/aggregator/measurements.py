"""What is measured of the aggregator, and of reading what it wrote."""

import bench.reads.measurements
from bench.aggregator.feed import Feeds
from bench.aggregator.folding import COMPACTING, CONSUME, FOLD, STOCK, TWO, Folding
from bench.aggregator.freshness import Freshness
from bench.aggregator.sizing import Sizing
from bench.aggregator.spool_drain import SpoolDrain
from bench.aggregator.takeover import Takeover
from bench.measurement import PRODUCT, Measurement
from bench.proxy.upstream import Upstreams
from bench.site import Site


def measurements(site: Site, upstreams: Upstreams) -> list[Measurement]:
    feeds = Feeds(site)
    drain = SpoolDrain(site, feeds, upstreams)
    return [
        Folding(site, feeds, 300, (PRODUCT, TWO, FOLD, CONSUME, COMPACTING, STOCK)),
        Folding(site, feeds, 30_000, (PRODUCT, FOLD, COMPACTING, STOCK)),
        Sizing(site, feeds, drain, 300),
        Sizing(site, feeds, drain, 30_000),
        drain,
        Freshness(site, upstreams, 200),
        Freshness(site, upstreams, 2000),
        Takeover(site, feeds),
        *bench.reads.measurements.measurements(site, feeds),
    ]
