"""Packs a request: fills open boxes, then opens one carton after another, each time the one that serves the rest best. Same request, same result.

All that matters happens here without clock, chance or I/O; a box is filled by `filling`, priced by `pricing`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from sandbox.filling import Filling, Shop
from sandbox.leftovers import reason
from sandbox.measures import volume
from sandbox.model import Carton, ItemKind, Leftover, PackedBox, Packing, PackRequest
from sandbox.pricing import price

SORTS: Final[Mapping[str, Callable[[ItemKind], float]]] = {
    "default": lambda kind: -volume(kind.dims),
    "largest-girth": lambda kind: -sum(sorted(kind.dims)[:2]),
    "largest-length-plus-girth": lambda kind: -(max(kind.dims) + 2 * sum(sorted(kind.dims)[:2])),
    "longest-dimension": lambda kind: -max(kind.dims),
    "shortest-dimension": lambda kind: min(kind.dims),
    "largest-cross-section": lambda kind: -(volume(kind.dims) // min(kind.dims)),
    "set-volume": lambda kind: -volume(kind.dims) * kind.quantity,
    "density": lambda kind: -kind.weight / volume(kind.dims),
    "weight": lambda kind: -kind.weight,
}
ITEM_SORTS: Final = (*SORTS, "largest-box-needed", "combined", "all")
_COMBINED: Final = ("default", "largest-cross-section")
_MOST_ITEMS_TO_TRY_SORTS: Final = 250
_TINY: Final = (1, 1, 1)
"""Below what any generated carton can shrink to."""


def pack(request: PackRequest) -> Packing:
    """The best packing over the item sorts asked for: fewest left over, then the goal, then the fewest boxes."""
    shop = Shop.of(request)
    asked = sum(kind.quantity for kind in request.kinds)
    best: tuple[tuple[float, ...], Packing] | None = None
    for sort in _sorts(request, asked):
        run = _Run(shop, _order(request, sort))
        packing = run.packing("none" if _one_kind(request) else sort)
        value = run.value()
        if best is None or value < best[0]:
            best = (value, packing)
        if value[0] == 0 and len(packing.boxes) == 1:
            break
    assert best is not None, "there is always one sort"
    return best[1]


def _one_kind(request: PackRequest) -> bool:
    return sum(1 for kind in request.kinds if kind.quantity) <= 1


def _sorts(request: PackRequest, asked: int) -> Sequence[str]:
    """Which sorts to try; large packs make do with one."""
    wanted = request.options.item_sort
    if wanted not in {"combined", "all"}:
        return (wanted,)
    if _one_kind(request) or asked > _MOST_ITEMS_TO_TRY_SORTS:
        return ("default",)
    return _COMBINED if wanted == "combined" else (*SORTS, "largest-box-needed")


def _order(request: PackRequest, sort: str) -> tuple[int, ...]:
    key = SORTS.get(sort) or _box_needed(request.cartons)
    order = sorted(range(len(request.kinds)), key=lambda index: key(request.kinds[index]))
    return tuple(reversed(order)) if request.options.item_sort_reverse else tuple(order)


def _box_needed(cartons: Sequence[Carton]) -> Callable[[ItemKind], float]:
    """By the volume of the smallest carton that takes the item, largest first."""
    offered = sorted((volume(carton.dims), carton.dims) for carton in cartons)
    return lambda kind: -next((size for size, dims in offered if _fits(kind, dims)), 0)


def _fits(kind: ItemKind, dims: Sequence[int]) -> bool:
    return all(side <= room for side, room in zip(sorted(kind.dims), sorted(dims), strict=True))


@dataclass(frozen=True, slots=True)
class _Trial:
    """A carton filled for the sake of comparison."""

    filling: Filling
    box: PackedBox
    cost: int

    @property
    def size(self) -> int:
        return volume(self.box.carton.dims)

    @property
    def carried(self) -> int:
        return self.filling.volume or 1


class _Run:
    """One pass with one order of items."""

    def __init__(self, shop: Shop, order: tuple[int, ...]) -> None:
        self._shop = shop
        self._request = shop.request
        self._order = order
        self._remaining = [kind.quantity for kind in shop.request.kinds]
        self._boxes: list[PackedBox] = []
        self._cost = 0
        self._shared = tuple(index for index in order if not shop.request.restrictions[index].as_is)
        self._spread: dict[tuple[str, object], set[int]] = {}
        self._fill_open_boxes()
        self._ship_as_is()
        self._open_new_boxes()

    def packing(self, sort_used: str) -> Packing:
        leftovers = tuple(
            Leftover(
                index,
                self._remaining[index],
                reason(self._request, index, spread_out=self._spread_out(index)),
            )
            for index in self._order
            if self._remaining[index]
        )
        return Packing(tuple(self._boxes), leftovers, sort_used, self._order)

    def value(self) -> tuple[float, ...]:
        """Lower is better."""
        left = sum(self._remaining)
        by_count = self._request.options.goal == "most-items"
        return (left, len(self._boxes), self._cost) if by_count else (left, self._cost, len(self._boxes))

    def _fill_open_boxes(self) -> None:
        for open_box in self._request.open_boxes:
            filling = Filling(self._shop, open_box.carton)
            for item in open_box.placed:
                filling.block(item)
            filling.fill([index for index in open_box.waiting if index in self._shared], self._remaining)
            filling.fill(self._allowed(), self._remaining)
            self._commit(filling, filling.close())

    def _ship_as_is(self) -> None:
        """Items that are ready to ship become boxes of their own."""
        for index in self._order:
            kind = self._request.kinds[index]
            if not self._request.restrictions[index].as_is:
                continue
            carton = Carton(
                dims=kind.dims,
                name=kind.name,
                ref_id=kind.ref_id,
                weight_max=kind.weight,
                only_kind=index,
                reserved_space=0,
            )
            while self._remaining[index] and self._room_for_boxes() and not self._spread_out(index):
                filling = Filling(self._shop, carton)
                filling.fill((index,), self._remaining)
                self._commit(filling, filling.close())

    def _open_new_boxes(self) -> None:
        largest = max((volume(carton.dims) for carton in self._request.cartons), default=0)
        while self._room_for_boxes():
            order = [index for index in self._allowed() if self._remaining[index]]
            chosen = self._choose(order) if order else None
            if chosen is None:
                return
            self._commit(chosen.filling, chosen.box)
            while self._repeats(chosen.filling.counts, largest):
                self._commit(chosen.filling, chosen.box)

    def _choose(self, order: Sequence[int]) -> _Trial | None:
        """The best carton for what remains: each is tried unless it cannot be cheaper than one that takes everything."""
        rest = sum(self._shop.volumes[index] * self._remaining[index] for index in order)
        trials: list[_Trial] = []
        ceiling = inf
        for least, index in self._candidates(rest):
            if least >= ceiling:
                continue
            trial = self._try(index, order)
            if trial is not None:
                trials.append(trial)
                if trial.carried == rest:
                    ceiling = min(ceiling, trial.cost)
        return min(trials, key=self._rank(trials, rest)) if trials else None

    def _candidates(self, rest: int) -> list[tuple[float, int]]:
        """Cartons with the least they can cost: first those large enough for everything, the cheapest first."""
        cartons = self._request.cartons
        least = [price(carton, carton.weight_tare, _TINY if carton.trim else None).cost for carton in cartons]
        return [
            (least[i], i) for i in sorted(range(len(cartons)), key=lambda i: (volume(cartons[i].dims) < rest, least[i]))
        ]

    def _rank(self, trials: Sequence[_Trial], rest: int) -> Callable[[_Trial], tuple[float, ...]]:
        """Lower is better. The cost of a choice is its own and, for what it leaves, that of the best carton here per volume, at least one box."""
        if self._request.options.goal == "most-items":
            return lambda trial: (-len(trial.box.placed), trial.cost, trial.size)
        rate = min(trial.cost / trial.carried for trial in trials)
        cheapest = min(trial.cost for trial in trials)
        by_weight = self._request.options.tiebreaker == "weight"

        def rank(trial: _Trial) -> tuple[float, ...]:
            left = rest - trial.carried
            ahead = max(left * rate, cheapest) if left else 0
            return (trial.cost + ahead, -trial.carried, trial.box.carton.weight_max if by_weight else trial.size)

        return rank

    def _try(self, index: int, order: Sequence[int]) -> _Trial | None:
        filling = Filling(self._shop, self._request.cartons[index], index)
        filling.fill(order, self._remaining)
        if not filling.placed:
            return None
        box = filling.close()
        return _Trial(filling, box, price(box.carton, filling.weight).cost)

    def _repeats(self, counts: Mapping[int, int], largest: int) -> bool:
        """Whether the next box would surely be the same: it ran full, there is enough for another, and no carton takes all the rest."""
        if self._spreads_limited() or not self._room_for_boxes():
            return False
        rest = sum(size * count for size, count in zip(self._shop.volumes, self._remaining, strict=True))
        return rest > largest and all(self._remaining[index] >= count for index, count in counts.items())

    def _commit(self, filling: Filling, box: PackedBox) -> None:
        already = len(self._boxes)
        self._boxes.append(box)
        for index, count in filling.counts.items():
            kind = self._request.kinds[index]
            self._remaining[index] -= min(count, self._remaining[index])
            self._spread.setdefault(("item set", kind.ref_id), set()).add(already)
            self._spread.setdefault(("sequence", kind.sequence), set()).add(already)
        self._cost += price(box.carton, filling.weight).cost

    def _allowed(self) -> Sequence[int]:
        """The kinds that may go into one more box together with others."""
        if not self._spreads_limited():
            return self._shared
        return [index for index in self._shared if not self._spread_out(index)]

    def _spreads_limited(self) -> bool:
        return bool(self._request.options.boxes_per_item_set_max or self._request.options.boxes_per_sequence_max)

    def _spread_out(self, index: int) -> bool:
        """Whether the kind's item set or sequence is in as many boxes as it may be."""
        kind, options = self._request.kinds[index], self._request.options
        sets, sequences = options.boxes_per_item_set_max, options.boxes_per_sequence_max
        if sets and len(self._spread.get(("item set", kind.ref_id), ())) >= sets:
            return True
        return bool(sequences and kind.sequence and len(self._spread.get(("sequence", kind.sequence), ())) >= sequences)

    def _room_for_boxes(self) -> bool:
        most = self._request.options.boxes_max
        return not most or len(self._boxes) < most
