"""What is measured of the aggregator, and of reading what it wrote."""

import bench.reads.measurements
from bench.aggregator.arrivals import IntoKafka, ThroughProxy
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
    few: list[Measurement] = [
        Folding(site, feeds, 300, (PRODUCT, TWO, FOLD, CONSUME, COMPACTING, STOCK)),
        Sizing(site, feeds, drain, 300),
        drain,
        Freshness(site, ThroughProxy(site, upstreams, 200), 200, "reply"),
        Takeover(site, feeds),
        *bench.reads.measurements.measurements(site, feeds),
    ]
    # A quick run shows that each kind of measurement works; these are of the same kinds.
    many: list[Measurement] = [
        Folding(site, feeds, 30_000, (PRODUCT, FOLD, COMPACTING, STOCK)),
        Sizing(site, feeds, drain, 30_000),
        # At this rate load, upstream and proxy would take two cores by themselves.
        Freshness(site, IntoKafka(feeds, 2000), 2000, "Kafka"),
    ]
    return few if site.quick else [*few, *many]
