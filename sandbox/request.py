"""From the decoded body to a request the packer understands; whatever is contradictory or of the wrong kind becomes one 422.

As lenient as the live service is known to be: no weight is 0, no weightMax is no limit, unknown fields are ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sandbox import generators
from sandbox.cartons import carton_set, known_sets, merged, read_carton
from sandbox.errors import ApiError
from sandbox.items import read_item, read_items, with_ref_ids
from sandbox.measures import Dims
from sandbox.model import Carton, Drawing, ItemKind, OpenBox, Options, PackRequest, Placed
from sandbox.packing import ITEM_SORTS
from sandbox.reader import Problems, Reader
from sandbox.rules import RuleBook

GOALS: Final = ("lowest-cost", "most-items")
PLACEMENTS: Final = ("default", "corner", "wedge", "mound", "orb")
TEMPLATES: Final = ("", "demo.tmpl", "shipapp.tmpl", "boat.tmpl", "classic")
SCALE_STYLES: Final = ("fill", "largest-box", "largest-box-type")
DEEPEST_ORIENTATION_SEARCH: Final = 4
MOST_CARTONS: Final = 1000
ID_HINT: Final = "Include orderId and/or requestId in your request for enhanced diagnostics."


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a deployment of the API decides, not the request."""

    version: tuple[int, ...] = (1, 9, 2)
    images: bool = True
    items_max: int = 5000


def read_request(body: object, dialect: Dialect) -> PackRequest:
    """Understand a decoded body. Raises ApiError 422 that names every problem."""
    problems = Problems()
    if not isinstance(body, Mapping):
        raise ApiError(422, details="the request must be a JSON object")
    request = Reader(body, "", problems)
    pack = _read(request, dialect)
    if problems:
        raise ApiError(422, details=problems.text())
    return pack


def _read(request: Reader, dialect: Dialect) -> PackRequest:
    groups = read_items(request)
    boxes, waiting = _read_boxes(request, sum(len(group) for group in groups))
    kinds = with_ref_ids(groups + [[kind] for kind in waiting])
    cartons = _read_cartons(request, kinds, dialect)
    rules = RuleBook(kinds, cartons)
    for rule in request.children("rules"):
        rules.read(rule)
    _check_whole(request, kinds, [*cartons, *(box.carton for box in boxes)], dialect)
    properties = request.child("properties")
    return PackRequest(
        kinds=tuple(kinds),
        cartons=tuple(cartons),
        open_boxes=tuple(boxes),
        restrictions=rules.restrictions(),
        options=_read_options(request),
        drawing=_read_drawing(request, dialect),
        request_id=request.text("requestId") if request.has("requestId") else None,
        order_id=request.text("orderId") if request.has("orderId") else None,
        properties=properties.source if properties else None,
        warnings=tuple(_warnings(request, rules.ignored, dialect)),
    )


def _check_whole(request: Reader, kinds: list[ItemKind], boxes: list[Carton], dialect: Dialect) -> None:
    """What no single field shows."""
    asked = sum(kind.quantity for kind in kinds)
    if len(boxes) > MOST_CARTONS:
        request.complain("boxTypes", f"at most {MOST_CARTONS} are tried here, not {len(boxes)}")
    if not kinds and not request.has("boxes") and not request.problems:
        request.complain("itemSets", "there is nothing to pack: give itemSets, boxes or random")
    elif asked > dialect.items_max:
        request.complain("itemSets", f"at most {dialect.items_max} items are packed here, not {asked}")
    if not boxes and not request.problems:
        request.complain(
            "boxTypes", "there is no box to pack into: give boxTypes, boxTypeSets, boxTypeGenerators or boxes"
        )


def _read_cartons(request: Reader, kinds: list[ItemKind], dialect: Dialect) -> list[Carton]:
    """BoxTypes win over boxTypeSets; generators add to either."""
    defaults = request.child("boxTypeDefaults")
    read = [read_carton(merged(defaults, box_type)) for box_type in request.children("boxTypes")]
    cartons = [carton for carton in read if carton]
    for name in _set_names(request, dialect) if not read else ():
        cartons += carton_set(name)
    most = request.limit("generatedBoxTypesMax")
    for generator in request.children("boxTypeGenerators"):
        cartons += generators.generate(generator, kinds, most)
    return cartons


def _set_names(request: Reader, dialect: Dialect) -> list[str]:
    known = known_sets(dialect.version)
    names = list(dict.fromkeys(request.texts("boxTypeSets")))
    for name in names:
        if name not in known:
            request.complain("boxTypeSets", f"must be of {', '.join(known)}, not {name!r}")
    return [name for name in names if name in known]


def _read_boxes(request: Reader, first: int) -> tuple[list[OpenBox], list[ItemKind]]:
    """Boxes that are there already, and what is in or for them as kinds whose index starts at `first`."""
    boxes: list[OpenBox] = []
    kinds: list[ItemKind] = []
    defaults = request.child("boxTypeDefaults")
    for element in request.children("boxes"):
        box = element.child("box") or element
        box_type = box.child("boxType")  # wins, because a packed box says as its price what it came to
        carton = read_carton(merged(defaults, merged(box, box_type) if box_type else box))
        placed: list[Placed] = []
        waiting: list[int] = []
        for wrapped in box.children("items"):
            item = wrapped.child("item") or wrapped
            kind, origin = read_item(item), item.point("origin")
            if kind is None:
                continue
            if origin is None:
                waiting.append(first + len(kinds))
                kinds.append(replace(kind, quantity=1))
                continue
            if carton:
                _check_standing(item, origin, kind.dims, carton, placed)
            placed.append(Placed(first + len(kinds), origin, kind.dims))
            kinds.append(kind)
        if carton:
            boxes.append(OpenBox(carton, tuple(placed), tuple(waiting)))
    return boxes, kinds


def _check_standing(item: Reader, origin: Dims, dims: Dims, carton: Carton, others: list[Placed]) -> None:
    if any(origin[a] < 0 or origin[a] + dims[a] > carton.dims[a] for a in range(3)):
        item.complain("origin", "the item is not inside its box")
    if any(
        all(origin[a] < o.origin[a] + o.dims[a] and o.origin[a] < origin[a] + dims[a] for a in range(3)) for o in others
    ):
        item.complain("origin", "the item overlaps another one")


def _read_options(request: Reader) -> Options:
    request.choice("placementStyle", PLACEMENTS, "default")
    request.choice("boxTypeChoiceStyle", ("actual", "estimated"), "actual")
    request.number("usableSpace", 0.85, least=0, most=1)
    request.number("timeout", least=0)
    return Options(
        goal=request.choice("boxTypeChoiceGoal", GOALS, "lowest-cost"),
        item_sort=request.choice("itemSort", ITEM_SORTS, "combined"),
        item_sort_reverse=request.flag("itemSortReverse"),
        coord_order=_read_coord_order(request),
        reserved_space=request.number("reservedSpace", least=0, most=1),
        boxes_max=request.limit("boxesMax"),
        boxes_per_item_set_max=request.limit("boxesPerItemSetMax"),
        boxes_per_sequence_max=request.limit("boxesPerSequenceMax"),
        items_per_box_max=request.limit("itemsPerBoxMax"),
        item_sets_per_box_max=request.limit("itemSetsPerBoxMax"),
        max_sequence_distance=request.integer("maxSequenceDistance", least=0)
        if request.has("maxSequenceDistance")
        else None,
        tiebreaker=request.choice("valueTiebreaker", ("volume", "weight"), "volume"),
    )


def _read_coord_order(request: Reader) -> tuple[int, int, int]:
    axes = request.numbers("coordOrder")
    if not axes:
        return (0, 1, 2)
    if sorted(axes) != [0, 1, 2]:
        request.complain("coordOrder", "must be the axes 0, 1 and 2 in some order")
        return (0, 1, 2)
    return (int(axes[0]), int(axes[1]), int(axes[2]))


def _read_drawing(request: Reader, dialect: Dialect) -> Drawing:
    request.choice("template", TEMPLATES, "")
    eye = request.child("eye")
    return Drawing(
        wanted=request.flag("includeImages", default=dialect.images),
        scripts=request.flag("includeScripts"),
        format=(request.text("imageFormat") or "svg").lower() if _image_format_known(request) else "svg",
        size_px=request.integer("imgSize", 400, least=1, most=4000),
        eye=(eye.number("x"), eye.number("y"), eye.number("z")) if eye else (1, 1, 1),
        scale=request.point("imageScale") or (0, 0, 0),
        scale_style=request.choice("imageScaleStyle", SCALE_STYLES, "fill"),
    )


def _image_format_known(request: Reader) -> bool:
    known = request.text("imageFormat").lower() in {"", "svg", "png"}
    if not known:
        request.complain("imageFormat", f"must be svg or png, not {request.text('imageFormat')!r}")
    return known


def _warnings(request: Reader, ignored: list[str], dialect: Dialect) -> list[str]:
    found: list[str] = []
    if dialect.version >= (1, 9, 0) and not request.text("orderId") and not request.text("requestId"):
        found.append(ID_HINT)
    depth = request.integer("itemOrientationSearchDepth", 1, least=0)
    if depth > DEEPEST_ORIENTATION_SEARCH:
        found.append(f"itemOrientationSearchDepth {depth} was reduced to its maximum of {DEEPEST_ORIENTATION_SEARCH}.")
    found += [f"The sandbox does not follow the rule operation {operation!r}." for operation in dict.fromkeys(ignored)]
    if request.has("itemsInlineMax"):
        found.append("The sandbox does not follow itemsInlineMax.")
    return found


def body_key(body: Any) -> str:
    """The key that old clients put into the body; empty where there is none."""
    key = body.get("key") if isinstance(body, Mapping) else None
    return key if isinstance(key, str) else ""
