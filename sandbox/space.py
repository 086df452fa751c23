"""The free space of a box as cuboids that do not overlap: an item placed in one of them can touch nothing else.

Each placement cuts its cuboid in three: above the item (as wide as it, so that whatever is put there is carried), beside it, in front of it.
"""

from bisect import insort
from collections.abc import Iterable
from typing import Final, TypeAlias

from sandbox.measures import Dims, volume

MOST_SPACES: Final = 400
"""Beyond this the smallest ones are given up: a bound on the work for a box of crumbs."""

_Order: TypeAlias = tuple[int, int, int]
_Space: TypeAlias = tuple[Dims, Dims, Dims]
"""Sort key, origin, size."""


class FreeSpace:
    """What is left of a box. Spaces are searched in the order of their origin along the given axes, lowest first."""

    __slots__ = ("_least", "_order", "_spaces")

    def __init__(self, dims: Dims, order: _Order = (0, 1, 2), least: int = 1) -> None:
        """`least` is the shortest side of any item to come; slivers below it are dropped."""
        self._order = order
        self._least = least
        self._spaces: list[_Space] = []
        self._add((0, 0, 0), dims)

    def place(self, turns: Iterable[Dims]) -> tuple[Dims, Dims] | None:
        """Put an item into the first space that takes it in the first orientation that fits anywhere: origin and sides."""
        for dims in turns:
            x, y, z = dims
            for index, (_, origin, size) in enumerate(self._spaces):
                if x <= size[0] and y <= size[1] and z <= size[2]:
                    del self._spaces[index]
                    self._cut(origin, size, dims)
                    self._forget_crumbs()
                    return origin, dims
        return None

    def block(self, origin: Dims, dims: Dims) -> None:
        """Take out a cuboid that stands there already, wherever it is."""
        before, self._spaces = self._spaces, []
        for space in before:
            if _apart(space, origin, dims):
                insort(self._spaces, space)
            else:
                self._carve(space, origin, dims)

    def _cut(self, origin: Dims, size: Dims, dims: Dims) -> None:
        x, y, z = origin
        free_x, free_y, free_z = size[0] - dims[0], size[1] - dims[1], size[2] - dims[2]
        self._add((x + dims[0], y, z), (free_x, dims[1], dims[2]))
        if free_y * size[2] >= free_z * size[1]:  # the larger of the two gets the corner between them
            self._add((x, y + dims[1], z), (size[0], free_y, size[2]))
            self._add((x, y, z + dims[2]), (size[0], dims[1], free_z))
        else:
            self._add((x, y + dims[1], z), (size[0], free_y, dims[2]))
            self._add((x, y, z + dims[2]), (size[0], size[1], free_z))

    def _carve(self, space: _Space, origin: Dims, dims: Dims) -> None:
        """What is left of a space around a cuboid, as at most six others: axis by axis, before it and behind it."""
        low, size = list(space[1]), list(space[2])
        for axis in (2, 1, 0):
            before = origin[axis] - low[axis]
            if before > 0:
                self._add(_triple(low), _triple(size, axis, before))
                low[axis], size[axis] = origin[axis], size[axis] - before
            behind = low[axis] + size[axis] - (origin[axis] + dims[axis])
            if behind > 0:
                self._add(_triple(low, axis, origin[axis] + dims[axis]), _triple(size, axis, behind))
                size[axis] -= behind

    def _add(self, origin: Dims, size: Dims) -> None:
        if min(size) >= self._least:
            a, b, c = self._order
            insort(self._spaces, ((origin[a], origin[b], origin[c]), origin, size))

    def _forget_crumbs(self) -> None:
        if len(self._spaces) > MOST_SPACES:
            self._spaces.remove(min(self._spaces, key=lambda space: volume(space[2])))


def _triple(values: list[int], axis: int | None = None, value: int = 0) -> Dims:
    x, y, z = (value if index == axis else kept for index, kept in enumerate(values))
    return (x, y, z)


def _apart(space: _Space, origin: Dims, dims: Dims) -> bool:
    _, low, size = space
    return any(origin[a] >= low[a] + size[a] or origin[a] + dims[a] <= low[a] for a in range(3))
