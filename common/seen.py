"""Which sequence numbers of a session were folded: a contiguous prefix and ranges above it.

A high-water mark alone would lose records, because a batch that the broker refused can be overtaken by the next one.
"""

from bisect import bisect_left


class Seen:
    """A set of positive integers that stays small when they come nearly in order.

    `upto` says that 1…upto are all in the set; `ranges` are the inclusive, disjoint, ascending [first, last] above it.
    """

    __slots__ = ("ranges", "upto")

    def __init__(self, upto: int = 0, ranges: list[list[int]] | None = None) -> None:
        self.upto = upto
        self.ranges: list[list[int]] = ranges if ranges is not None else []

    def __contains__(self, seq: int) -> bool:
        if seq <= self.upto:
            return True
        at = bisect_left(self.ranges, seq, key=_last)
        return at < len(self.ranges) and self.ranges[at][0] <= seq

    def add(self, seq: int) -> bool:
        """Put `seq` in; False if it was there already."""
        if seq == self.upto + 1:
            self.upto = seq
            if self.ranges and self.ranges[0][0] == seq + 1:
                self.upto = self.ranges.pop(0)[1]
            return True
        if seq <= self.upto:
            return False
        return self._add_above(seq)

    def _add_above(self, seq: int) -> bool:
        ranges = self.ranges
        at = bisect_left(ranges, seq, key=_last)
        if at < len(ranges) and ranges[at][0] <= seq:
            return False
        joins_before = at > 0 and ranges[at - 1][1] == seq - 1
        joins_after = at < len(ranges) and ranges[at][0] == seq + 1
        if joins_before and joins_after:
            ranges[at - 1][1] = ranges.pop(at)[1]
        elif joins_before:
            ranges[at - 1][1] = seq
        elif joins_after:
            ranges[at][0] = seq
        else:
            ranges.insert(at, [seq, seq])
        return True

    def copy(self) -> "Seen":
        return Seen(self.upto, [list(pair) for pair in self.ranges])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and (self.upto, self.ranges) == (other.upto, other.ranges)

    __hash__ = None  # type: ignore[assignment]  # a set that changes has no hash

    def __repr__(self) -> str:
        return f"Seen({self.upto}, {self.ranges})"


def _last(pair: list[int]) -> int:
    return pair[1]
