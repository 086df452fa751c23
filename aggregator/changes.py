"""What a batch does to documents, as data: the store applies it without knowing what is counted."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

# A document's identity: a plain value, or the pairs of an embedded document in their order.
Id: TypeAlias = str | int | tuple[tuple[str, str | int | datetime], ...]
Key: TypeAlias = tuple[str, Id]


@dataclass(slots=True)
class Change:
    """Additions to one document; the database adds up, so two of them commute.

    `counts` become Int64, `sums` Decimal128 (integers of micro-units or nanoseconds), by dotted path.
    `constants` are set when the document is made; `minima` and `maxima` keep the extreme of what is there.
    """

    counts: dict[str, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    minima: dict[str, Any] = field(default_factory=dict)
    maxima: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)

    def count(self, path: str, by: int = 1) -> None:
        counts = self.counts
        counts[path] = counts.get(path, 0) + by

    def add(self, path: str, amount: int) -> None:
        sums = self.sums
        sums[path] = sums.get(path, 0) + amount

    def lower(self, path: str, value: Any) -> None:
        found = self.minima.get(path)
        if found is None or value < found:
            self.minima[path] = value

    def raise_to(self, path: str, value: Any) -> None:
        found = self.maxima.get(path)
        if found is None or value > found:
            self.maxima[path] = value

    def absorb(self, other: "Change", *, extremes: bool = True) -> None:
        """Add everything that `other` adds; its constants stay its own."""
        counts, sums = self.counts, self.sums
        for path, by in other.counts.items():
            counts[path] = counts.get(path, 0) + by
        for path, amount in other.sums.items():
            sums[path] = sums.get(path, 0) + amount
        if extremes:
            self.absorb_extremes(other)

    def absorb_extremes(self, other: "Change") -> None:
        for path, value in other.minima.items():
            self.lower(path, value)
        for path, value in other.maxima.items():
            self.raise_to(path, value)

    @property
    def entries(self) -> int:
        return len(self.counts) + len(self.sums) + len(self.minima) + len(self.maxima)


@dataclass(frozen=True, slots=True)
class Derived:
    """A field that the database computes anew for the documents touched, in the same transaction."""

    collection: str
    ids: list[Id]
    pipeline: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Changes:
    """All that one batch does to documents."""

    documents: dict[Key, Change]
    derived: list[Derived]
