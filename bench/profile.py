"""Where the processor time of a service under load goes, as a flame graph: what a goal that is not reached is judged by.

py-spy takes samples of the threads that hold the interpreter's lock, which is what bounds a Python process. The file is
an SVG that can be searched and zoomed in a browser.
"""

import re
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html import escape
from pathlib import Path

from bench import wrk
from bench.aggregator.feed import Feeds
from bench.errors import BenchError, UnavailableError
from bench.measurement import PRODUCT
from bench.proxy.peers import Peers
from bench.proxy.upstream import USUAL, Upstreams
from bench.site import PEERS, Site
from bench.wrk import ClosedLoop

SERVICES = ("proxy", "aggregator")
_CONNECTIONS = 64
_SAMPLES_PER_S = 250
_GRACE_S = 60


def draw(site: Site, service: str, out: Path) -> None:
    """Write the flame graph of that service. UnavailableError without py-spy or what makes the load."""
    program = PEERS / "bin" / "py-spy"
    if not program.exists():
        raise UnavailableError(f"py-spy is not installed: `make bench` installs it into {PEERS.name}")
    seconds = site.seconds(10, 3)
    out.parent.mkdir(parents=True, exist_ok=True)
    with _proxy(site, seconds) if service == "proxy" else _aggregator(site) as pid:
        asked = ("--pid", str(pid), "--duration", str(round(seconds)), "--rate", str(_SAMPLES_PER_S))
        command = (str(program), "record", *asked, "--gil", "--format", "flamegraph", "--output", str(out))
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds + _GRACE_S)
    if done.returncode:
        raise BenchError(f"py-spy ended with {done.returncode}: {done.stderr[-500:]}")
    out.write_text(titled(out.read_text(), f"Where the {service}'s processor time goes, by function"))


def titled(picture: str, title: str) -> str:
    """With a title that says what it shows; py-spy's is its command line, with this machine's paths and numbers."""
    return re.sub(r'(<text id="title"[^>]*>)[^<]*', lambda found: found[1] + escape(title), picture)


@contextmanager
def _proxy(site: Site, seconds: float) -> Iterator[int]:
    """Packs from as many connections as the goals speak of, for longer than samples are taken."""
    peers = Peers(site, Upstreams(site))
    with peers.started(PRODUCT, USUAL) as target, ThreadPoolExecutor(1) as loading:
        if target.running is None:
            raise BenchError("nothing runs")
        body = peers.upstream.request(USUAL)
        wrk.run(ClosedLoop(target.url, body, _CONNECTIONS, site.seconds(3, 1)))
        load = loading.submit(wrk.run, ClosedLoop(target.url, body, _CONNECTIONS, seconds + 3))
        yield target.running.pid
        load.result()


@contextmanager
def _aggregator(site: Site) -> Iterator[int]:
    """A topic that is behind by more than can be folded meanwhile."""
    feed, name = Feeds(site).of(300), f"profile-{uuid.uuid4().hex[:8]}"
    env = {**feed.env, "KAFKA__GROUP": name, "MONGO__DATABASE": name}
    site.finish(site.python("admin", "init"), env)
    with site.service("aggregator", env) as running:
        yield running.pid
