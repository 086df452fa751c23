"""What can go wrong in a measurement.

PackstatsError
└── BenchError              a process did not start, a tool gave no figures
    └── UnavailableError    this peer cannot be had here: go on without it
"""

from common.errors import PackstatsError


class BenchError(PackstatsError):
    """A measurement could not be made."""


class UnavailableError(BenchError):
    """A peer cannot be measured here: a program or package is not installed, or the product has no such setting."""
