"""Draws packed boxes: an isometric figure of each as SVG, or a plan of it as PNG, because images are the larger part of a real answer."""

import base64
import html
import math
import re
import struct
import zlib
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from sandbox.measures import SCALE, Dims, volume
from sandbox.model import Drawing, ItemKind, PackedBox, Packing, PackRequest, Placed

SCRIPTS: Final = "<script>/* the drawings stand by themselves */</script>"
STYLES: Final = "<style>.box-figure svg{max-width:100%}</style>"
_COLOR: Final = re.compile(r"[A-Za-z]{1,32}|#[0-9A-Fa-f]{6}")
_ANY_COLOR: Final = "lightgray"
_MOST_PIXELS: Final = 400

_Flat: TypeAlias = tuple[float, float]
_Vector: TypeAlias = tuple[float, float, float]


def render(request: PackRequest, packing: Packing) -> dict[str, Any]:
    """The member of the answer that holds the drawings, if they were asked for."""
    drawing = request.drawing
    if not drawing.wanted:
        return {}
    if drawing.format == "png":
        return {"images": [_image(index, box, request) for index, box in enumerate(packing.boxes)]}
    reach = _reach(request, packing)
    return {"svgs": [_figure(index, box, request, reach) for index, box in enumerate(packing.boxes)]}


def depth_order(box: PackedBox, eye: _Vector) -> list[int]:
    """The items of a box from the farthest to the nearest, as seen from the eye."""
    look = _unit(eye)
    return sorted(range(len(box.placed)), key=lambda index: (_dot(look, box.placed[index].origin), index))


def _reach(request: PackRequest, packing: Packing) -> Dims:
    """The least space that each drawing shows, so that boxes can be compared by eye."""
    style, scale = request.drawing.scale_style, request.drawing.scale
    sizes = [scale] if any(scale) else []
    if style == "largest-box" and not sizes:
        sizes = [box.carton.dims for box in packing.boxes]
    elif style == "largest-box-type" and not sizes:
        sizes = [carton.dims for carton in request.cartons]
    return max(sizes, key=volume, default=(0, 0, 0))


class _Projection:
    """Parallel projection as seen from the eye; x is up."""

    def __init__(self, eye: _Vector) -> None:
        self._look = _unit(eye)
        across = _cross((1.0, 0.0, 0.0), self._look)
        self._across = _unit(across) if math.hypot(*across) > 1e-9 else (0.0, 1.0, 0.0)
        self._up = _cross(self._look, self._across)

    def flat(self, corner: _Vector) -> _Flat:
        return round(_dot(self._across, corner), 3) + 0.0, round(-_dot(self._up, corner), 3) + 0.0  # + 0.0: no "-0"

    def faces(self, origin: Dims, dims: Dims) -> list[tuple[int, list[_Flat]]]:
        """The sides of a cuboid that the eye sees: axis and outline."""
        seen: list[tuple[int, list[_Flat]]] = []
        low = [value / SCALE for value in origin]
        high = [(value + side) / SCALE for value, side in zip(origin, dims, strict=True)]
        for axis in range(3):
            if abs(self._look[axis]) < 1e-9:
                continue
            b, c = (other for other in range(3) if other != axis)
            corners: list[_Flat] = []
            for second, third in ((low[b], low[c]), (high[b], low[c]), (high[b], high[c]), (low[b], high[c])):
                corner = [0.0, 0.0, 0.0]
                corner[axis] = high[axis] if self._look[axis] > 0 else low[axis]
                corner[b], corner[c] = second, third
                corners.append(self.flat((corner[0], corner[1], corner[2])))
            seen.append((axis, corners))
        return seen

    def edges(self, dims: Dims) -> list[tuple[_Flat, _Flat]]:
        """All twelve edges of a box at the origin."""
        x, y, z = (side / SCALE for side in dims)
        found: list[tuple[_Flat, _Flat]] = []
        for a in (0.0, 1.0):
            for b in (0.0, 1.0):
                found.append((self.flat((0, a * y, b * z)), self.flat((x, a * y, b * z))))
                found.append((self.flat((a * x, 0, b * z)), self.flat((a * x, y, b * z))))
                found.append((self.flat((a * x, b * y, 0)), self.flat((a * x, b * y, z))))
        return found


def _figure(index: int, box: PackedBox, request: PackRequest, reach: Dims) -> str:
    drawing = request.drawing
    projection = _Projection(drawing.eye)
    lines = [
        f"<line x1='{a[0]:g}' y1='{a[1]:g}' x2='{b[0]:g}' y2='{b[1]:g}' class='box-line' vector-effect='non-scaling-stroke' stroke='black'/>"
        for a, b in projection.edges(box.carton.dims)
    ]
    polygons = [
        polygon
        for place in depth_order(box, drawing.eye)
        for polygon in _polygons(place + 1, box.placed[place], request.kinds, projection)
    ]
    view = _view(projection, box.carton.dims, reach)
    svg = f"<svg viewBox='{view}' width='{drawing.size_px}'>{''.join(lines)}{''.join(polygons)}</svg>"
    return f"<figure class='box-figure' data-box-index={index}>{svg}<figcaption></figcaption></figure>"


def _polygons(number: int, item: Placed, kinds: Sequence[ItemKind], projection: _Projection) -> list[str]:
    kind = kinds[item.kind]
    title = f"<title>{html.escape(kind.name, quote=True)}</title>" if kind.name else ""
    return [
        f"<polygon points='{' '.join(f'{x:g},{y:g}' for x, y in corners)}' class='volume-line volume-side-{axis}'"
        f" data-volume-index='{number}' fill='{_color(kind)}' fill-opacity='{0.6 + 0.2 * (axis == 0):g}'"
        f" vector-effect='non-scaling-stroke' stroke='black'>{title}</polygon>"
        for axis, corners in projection.faces(item.origin, item.dims)
    ]


def _view(projection: _Projection, dims: Dims, reach: Dims) -> str:
    """A view that shows the box and at least the given space, with a little margin."""
    corners = [corner for edge in projection.edges(dims) + projection.edges(reach) for corner in edge]
    left, top = min(x for x, _ in corners), min(y for _, y in corners)
    width, height = max(x for x, _ in corners) - left, max(y for _, y in corners) - top
    margin = 0.02 * max(width, height)
    return f"{left - margin:g} {top - margin:g} {width + 2 * margin:g} {height + 2 * margin:g}"


def _image(index: int, box: PackedBox, request: PackRequest) -> dict[str, Any]:
    data = base64.b64encode(_plan(box, request.kinds, request.drawing)).decode()
    return {"boxIndex": index, "format": "png", "data": data}


def _plan(box: PackedBox, kinds: Sequence[ItemKind], drawing: Drawing) -> bytes:
    """The box seen from above as a PNG file: length to the right, width downwards."""
    _, deep, wide = box.carton.dims
    columns = min(drawing.size_px, _MOST_PIXELS)
    rows = max(1, min(columns * deep // wide, _MOST_PIXELS))
    picture = [bytearray(b"\xff" * 3 * columns) for _ in range(rows)]
    for item in sorted(box.placed, key=lambda item: item.origin):
        _, y, z = item.origin
        _, breadth, length = item.dims
        left, right = z * columns // wide, (z + length) * columns // wide
        for row in picture[y * rows // deep : (y + breadth) * rows // deep]:
            row[3 * left : 3 * right] = _rgb(kinds[item.kind]) * (right - left)
    packed = zlib.compress(b"".join(b"\0" + bytes(row) for row in picture))
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _rgb(kind: ItemKind) -> bytes:
    """The colour of an item; names have none in a PNG and count as grey, as at the real service only `#rrggbb` is one."""
    return (
        bytes.fromhex(kind.color[1:])
        if _COLOR.fullmatch(kind.color) and kind.color.startswith("#")
        else b"\xd3\xd3\xd3"
    )


def _color(kind: ItemKind) -> str:
    return kind.color if _COLOR.fullmatch(kind.color) else _ANY_COLOR


def _unit(vector: _Vector) -> _Vector:
    length = math.hypot(*vector)
    return (vector[0] / length, vector[1] / length, vector[2] / length) if length > 1e-9 else _unit((1.0, 1.0, 1.0))


def _dot(a: _Vector, b: _Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: _Vector, b: _Vector) -> _Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
