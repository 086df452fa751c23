"""The figures that a deployment is sized from: bytes of an event at each place it passes, and of each kind of document.

bench/sizing.py makes docs/sizing.md of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.aggregator.feed import Feeds
from bench.aggregator.folding import product
from bench.aggregator.spool_drain import SpoolDrain, fill
from bench.aggregator.topic_size import log_bytes
from bench.measurement import PRODUCT
from bench.results import Figures
from bench.site import Site
from common import documents
from proxy.slots import SPOOL_FILE

_SPOOLED = 5_000
_GROUP = 16


@dataclass(frozen=True, slots=True)
class Sizing:
    """Of the documents that are made of a feed: few facilities with many packs an hour, or many with few."""

    site: Site
    feeds: Feeds
    drain: SpoolDrain
    keystems: int

    @property
    def name(self) -> str:
        return f"sizing-{self.keystems}"

    @property
    def title(self) -> str:
        return f"Bytes: {self.feeds.events_of(self.keystems):,} events of an hour at most, {self.keystems:,} facilities"

    @property
    def peers(self) -> Sequence[str]:
        return (PRODUCT,)

    def run(self, peer: str) -> Figures:
        del peer
        feed = self.feeds.of(self.keystems)
        if not feed.sizes:
            product(self.site, feed, 1)
        return {
            "event_bytes": feed.value_bytes,
            "topic_event_bytes": log_bytes(self.site, feed.topic.name) / feed.events,
            "spool_pack_bytes": self._spooled(1),
            "spool_grouped_pack_bytes": self._spooled(_GROUP),
            "hour_packs": feed.events / feed.sizes[f"{documents.KEYDATA_HOURS}_documents"],
            **{name: size for name, size in feed.sizes.items() if name.endswith("_bytes")},
        }

    def _spooled(self, group: int) -> float:
        with TemporaryDirectory(dir=self.site.folder) as folder:
            return fill(Path(folder) / SPOOL_FILE, self.drain.records(_SPOOLED), group) / _SPOOLED
