"""What the runner runs: a measurement has a name and peers, and measures one of them at a time.

A part of the product brings a function `measurements(site, …) -> list[Measurement]`; bench/catalogue.py lists those.
"""

from collections.abc import Sequence
from typing import Protocol

from bench.results import Figures

PRODUCT = "packstats"
"""The product's peers are called this, or this and what sets one apart ("packstats, 2 workers")."""

DIRECT = "upstream, direct"
"""Where a measurement has this peer and no throughput, the others' latency is also shown above this one's."""


class Measurement(Protocol):
    """One question, asked of every peer in turn."""

    @property
    def name(self) -> str:
        """Unique, in lower case, "proxy-closed-4k-64": what --only and the results call it."""

    @property
    def title(self) -> str:
        """What a table of it is headed with."""

    @property
    def peers(self) -> Sequence[str]:
        """In the order of a table; the product first."""

    def run(self, peer: str) -> Figures:
        """Measure one peer once, with everything started for it stopped again.

        bench.errors.UnavailableError where it cannot be had at all; the runner then goes on without it and says why.
        """
