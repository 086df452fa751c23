"""Says why an item stayed behind: callers show this text to the person who has to do something about it."""

from collections.abc import Callable, Iterator

from sandbox.filling import numeric, reserved
from sandbox.measures import volume
from sandbox.model import Carton, PackRequest


def reason(request: PackRequest, index: int, *, spread_out: bool) -> str:
    """The first of the possible reasons that holds, from the item's own to the pack's.

    An item that suits an empty carton gets one, unless no more may be opened; so there is no other reason.
    """
    if not request.restrictions[index].as_is:
        suitable = list(request.cartons)
        for serves, complaint in _sieves(request, index):
            suitable = [carton for carton in suitable if serves(carton)]
            if not suitable:
                return complaint
    if spread_out:
        return "item set or sequence is in as many boxes as it may be"
    return f"no further box may be opened: boxesMax is {request.options.boxes_max}"


def _sieves(request: PackRequest, index: int) -> Iterator[tuple[Callable[[Carton], bool], str]]:
    """What a carton must be for this kind of item, and what to say when none is left."""
    kind, restrictions = request.kinds[index], request.restrictions[index]
    banned = [request.cartons[place] for place in restrictions.not_into]
    yield (
        lambda carton: carton not in banned and carton.only_kind in {None, index},
        "no box type is available for this item",
    )
    yield (
        lambda carton: any(
            all(side <= room for side, room in zip(turn, carton.dims, strict=True)) for turn in restrictions.turns
        ),
        "item is too large for every available box type",
    )
    yield (
        lambda carton: not carton.weight_max or carton.weight_tare + kind.weight <= carton.weight_max,
        "item is too heavy for every box type that it fits",
    )
    yield (
        lambda carton: volume(kind.dims) <= volume(carton.dims) - reserved(carton, request.options.reserved_space),
        "item leaves no room for the reserved space of every box type that it fits",
    )
    yield (
        lambda carton: all(
            not numeric(kind, constraint.key) or constraint.value + numeric(kind, constraint.key) <= constraint.most
            for constraint in carton.constraints
        ),
        "item exceeds a property constraint of every box type that it fits",
    )
