"""Fills one box: puts in whatever fits, in the order given, and knows every reason why something may not go in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sandbox.generators import trimmed
from sandbox.measures import Dims, volume
from sandbox.model import Carton, ItemKind, PackedBox, PackRequest, Placed
from sandbox.space import FreeSpace


@dataclass(frozen=True, slots=True)
class Shop:
    """What is the same for every box of a pack."""

    request: PackRequest
    volumes: tuple[int, ...]
    least_side: int

    @classmethod
    def of(cls, request: PackRequest) -> "Shop":
        sides = [min(kind.dims) for kind in request.kinds]
        return cls(request, tuple(volume(kind.dims) for kind in request.kinds), min(sides, default=1))


class Filling:
    """A box being filled. `counts` is how many of each kind it holds."""

    __slots__ = (
        "_carton",
        "_constraints",
        "_index",
        "_refs",
        "_sequences",
        "_shop",
        "_space",
        "_volume_left",
        "_weight_left",
        "counts",
        "placed",
    )

    def __init__(self, shop: Shop, carton: Carton, index: int | None = None) -> None:
        """`index` is the carton's place among the offered ones, None for a box that was there already."""
        options = shop.request.options
        self._shop = shop
        self._carton = carton
        self._index = index
        self._space = FreeSpace(carton.dims, options.coord_order, shop.least_side)
        self._volume_left = volume(carton.dims) - reserved(carton, options.reserved_space)
        self._weight_left = carton.weight_max - carton.weight_tare if carton.weight_max else None
        self._constraints = [constraint.value for constraint in carton.constraints]
        self._refs: set[int] = set()
        self._sequences: list[int] = []
        self.counts: dict[int, int] = {}
        self.placed: list[Placed] = []

    def block(self, item: Placed) -> None:
        """Take over an item that stands in the box already."""
        self._space.block(item.origin, item.dims)
        self._note(item)

    def fill(self, order: Sequence[int], remaining: Sequence[int]) -> None:
        """Put in as many of the remaining items as go, kind after kind; once one does not fit, no other of its kind does.

        What the box holds already counts against what remains.
        """
        for index in order:
            count = remaining[index] - self.counts.get(index, 0)
            if count > 0 and self._may_hold(index):
                while count > 0 and self._put(index):
                    count -= 1

    def close(self) -> PackedBox:
        """The box as it is sent: a generated carton shrinks to its contents, unless space is reserved in it."""
        carton = self._carton
        if carton.trim and self.placed and not reserved(carton, self._shop.request.options.reserved_space):
            carton = replace(carton, dims=trimmed(carton.dims, _extent(self.placed), carton.trim))
        return PackedBox(carton, tuple(self.placed))

    @property
    def weight(self) -> int:
        """Gross: carton and contents."""
        return self._carton.weight_tare + sum(
            self._shop.request.kinds[index].weight * count for index, count in self.counts.items()
        )

    @property
    def volume(self) -> int:
        return sum(self._shop.volumes[index] * count for index, count in self.counts.items())

    def _may_hold(self, index: int) -> bool:
        """Whether rules let this kind share the box with what is in it."""
        restrictions = self._shop.request.restrictions[index]
        if self._carton.only_kind is not None and self._carton.only_kind != index:
            return False
        return self._index not in restrictions.not_into and restrictions.apart_from.isdisjoint(self.counts)

    def _put(self, index: int) -> bool:
        kind = self._shop.request.kinds[index]
        if not self._has_room(index, kind):
            return False
        found = self._space.place(self._shop.request.restrictions[index].turns)
        if found is None:
            return False
        self._note(Placed(index, *found))
        return True

    def _has_room(self, index: int, kind: ItemKind) -> bool:
        """Whether the limits of the box allow one more of this kind; where in it is another question."""
        if self._shop.volumes[index] > self._volume_left or (
            self._weight_left is not None and kind.weight > self._weight_left
        ):
            return False
        return self._within_counts(kind) and self._within_sequences(kind) and self._within_constraints(kind)

    def _within_counts(self, kind: ItemKind) -> bool:
        options, carton = self._shop.request.options, self._carton
        items_max = options.items_per_box_max if carton.items_max is None else carton.items_max
        sets_max = options.item_sets_per_box_max if carton.item_sets_max is None else carton.item_sets_max
        if items_max and len(self.placed) >= items_max:
            return False
        return not sets_max or kind.ref_id in self._refs or len(self._refs) < sets_max

    def _within_sequences(self, kind: ItemKind) -> bool:
        most = self._shop.request.options.max_sequence_distance
        place = _place(kind)
        return most is None or place is None or all(abs(place - other) <= most for other in self._sequences)

    def _within_constraints(self, kind: ItemKind) -> bool:
        return all(
            value + numeric(kind, constraint.key) <= constraint.most or not numeric(kind, constraint.key)
            for constraint, value in zip(self._carton.constraints, self._constraints, strict=True)
        )

    def _note(self, item: Placed) -> None:
        kind = self._shop.request.kinds[item.kind]
        self.placed.append(item)
        self.counts[item.kind] = self.counts.get(item.kind, 0) + 1
        self._volume_left -= self._shop.volumes[item.kind]
        if self._weight_left is not None:
            self._weight_left -= kind.weight
        self._refs.add(kind.ref_id)
        place = _place(kind)
        if place is not None:
            self._sequences = [min([*self._sequences, place]), max([*self._sequences, place])]
        for place, constraint in enumerate(self._carton.constraints):
            self._constraints[place] += numeric(kind, constraint.key)


def _place(kind: ItemKind) -> int | None:
    """The sequence as a number, if it is one: "1120" for aisle 11, bin 20."""
    return int(kind.sequence) if kind.sequence.isdecimal() and len(kind.sequence) <= 18 else None


def numeric(kind: ItemKind, key: str) -> float:
    """A numerical property of an item; 0 where it has none by that name."""
    value = (kind.properties or {}).get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def reserved(carton: Carton, otherwise: float) -> int:
    """The volume that is kept for void fill."""
    share = otherwise if carton.reserved_space is None else carton.reserved_space
    return round(volume(carton.dims) * share) if share else 0


def _extent(placed: Sequence[Placed]) -> Dims:
    x, y, z = (max(item.origin[axis] + item.dims[axis] for item in placed) for axis in range(3))
    return (x, y, z)
