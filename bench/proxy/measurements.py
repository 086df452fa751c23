"""What is measured of the proxy."""

from bench.measurement import Measurement
from bench.proxy.closed import ClosedMeasurement, Workers
from bench.proxy.opened import OpenMeasurement
from bench.proxy.peers import Peers
from bench.proxy.upstream import Upstreams
from bench.site import Site


def measurements(site: Site, upstreams: Upstreams) -> list[Measurement]:
    peers = Peers(site, upstreams)
    # A quick run shows that each kind of measurement works; what lies between two others is left out.
    closed = [ClosedMeasurement(peers, "4k", each) for each in ((64, 1024) if site.quick else (64, 256, 1024))]
    large = [ClosedMeasurement(peers, size, 64) for size in (("1m",) if site.quick else ("60k", "1m"))]
    opened = [OpenMeasurement(peers, rate) for rate in ((200,) if site.quick else (200, 2000))]
    return [*closed, *large, Workers(peers), *opened]
