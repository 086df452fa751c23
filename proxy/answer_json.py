"""Pure: upstream's JSON as plain objects, whatever it holds: only the fields that are counted, none of them trusted.

A typed reader skips the drawings and items, which are most of an answer. It is strict about what is an array or an
object; where upstream is not, a second, tolerant reader makes the same objects.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from proxy.bounds import mapping, rows

# Of what is no box or leftover, more than so many are all alike: to make an object of each takes minutes.
MAX_BOXES: Final = 50_000
MAX_LEFTOVERS: Final = 10_000


class NotJsonError(Exception):
    """The bytes are no JSON object that can be read."""


class BoxType(msgspec.Struct, rename="camel", gc=False):
    """The kind of a box as it was offered."""

    name: object = None
    ref_id: object = None
    price: object = None
    rate_table: object = None
    outer: object = None


class Box(msgspec.Struct, rename="camel", gc=False):
    """One filled carton."""

    name: object = None
    ref_id: object = None
    price: object = None
    dimensions: object = None
    outer: object = None
    box_type: BoxType | None = None
    items: list[msgspec.Raw] | None = None  # only their number is of interest
    len_items: object = None
    volume_max: object = None
    volume_used: object = None
    volume_net: object = None
    weight_used: object = None
    weight_tare: object = None
    weight_max: object = None
    dimensional_weight: object = None
    dimensional_weight_used: object = None
    rate_table: object = None


class BoxEntry(msgspec.Struct, gc=False):
    box: Box


class Item(msgspec.Struct, rename="camel", gc=False):
    ref_id: object = None
    name: object = None
    dimensions: object = None
    weight: object = None
    quantity: object = None
    message: object = None


class ItemEntry(msgspec.Struct, gc=False):
    item: Item


class Answer(msgspec.Struct, rename="camel", gc=False):
    """The top level of an answer, of a pack or of an error."""

    boxes: list[BoxEntry] | UnsetType | None = UNSET
    len_boxes: object = UNSET
    leftovers: list[ItemEntry] | None = None
    len_items: object = None
    len_units: object = None
    len_leftovers: object = None
    total_volume: object = None
    total_volume_used: object = None
    total_volume_net: object = None
    total_volume_utilization: object = None
    total_weight: object = None
    used_key_stem: object = None
    version: object = None
    built: object = None
    host: object = None
    box_type_choice_goal_used: object = None
    pack_time: object = None
    render_time: object = None
    total_time: object = None
    pack_uuid: object = None
    code: object = None
    message: object = None
    details: object = None

    @property
    def is_pack(self) -> bool:
        """Whether this says what was packed; null is what upstream's language writes for an empty list."""
        return self.boxes is not UNSET or self.len_boxes is not UNSET


StructT = TypeVar("StructT", bound=msgspec.Struct)

_typed = msgspec.json.Decoder(Answer)
_plain = msgspec.json.Decoder()


def read(content: bytes) -> Answer:
    """Raises NotJsonError, with a text that fits after "the answer"."""
    try:
        str(content, "utf-8")  # the typed reader does not look at what it skips
        try:
            return _typed.decode(content)
        except msgspec.ValidationError:
            plain = _plain.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NotJsonError("is no JSON") from error
    if not isinstance(plain, dict):
        raise NotJsonError("is no JSON object")
    return _tolerant(plain)


def _tolerant(plain: dict[str, object]) -> Answer:
    """The same from an answer some of whose parts are not what they should be."""
    answer = _fields(Answer, plain, "boxes", "leftovers")
    if "boxes" in plain:
        boxes = rows(plain["boxes"])
        if boxes is not None:
            read = [BoxEntry(_box(mapping(entry))) for entry in boxes[:MAX_BOXES]]
            answer.boxes = [*read, *[BoxEntry(Box())] * (len(boxes) - len(read))]
        else:
            answer.boxes = None
    leftovers = rows(plain.get("leftovers"))
    if leftovers is not None:
        found = [ItemEntry(_fields(Item, _inner(mapping(entry), "item"))) for entry in leftovers[:MAX_LEFTOVERS]]
        answer.leftovers = [*found, *[ItemEntry(Item())] * (len(leftovers) - len(found))]
    return answer


def _box(entry: Mapping[str, object]) -> Box:
    plain = _inner(entry, "box")
    box = _fields(Box, plain, "boxType", "items")
    if isinstance(box_type := plain.get("boxType"), dict):
        box.box_type = _fields(BoxType, box_type)
    items = rows(plain.get("items"))
    box.items = None if items is None else [msgspec.Raw()] * len(items)
    return box


def _inner(entry: Mapping[str, object], name: str) -> Mapping[str, object]:
    """What is wrapped as `{"box": {…}}`; the specification says that it is not wrapped, so that is read too."""
    return mapping(entry[name]) if name in entry else entry


def _fields(kind: type[StructT], plain: Mapping[str, object], *apart: str) -> StructT:
    """The struct of the fields there are, but for those that are read apart."""
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    return kind(**{field: plain[name] for field, name in names if name in plain and name not in apart})
