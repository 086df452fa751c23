"""Drawings: well-formed, of every item, and without a way to smuggle markup in."""

import base64
import struct
import zlib
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from sandbox.drawing import depth_order, render
from sandbox.model import Packing, PackRequest
from sandbox.packing import pack
from tests.support.pack_requests import understood


def drawn(**more: Any) -> tuple[PackRequest, Packing, dict[str, Any]]:
    item = {"dimensions": {"x": 1, "y": 2, "z": 3}, "quantity": 3, "name": "a<b>&'c", "color": "tomato"}
    body = {"itemSets": [item | more.pop("item", {})], "boxTypes": [{"dimensions": {"x": 2, "y": 2, "z": 6}}]}
    request = understood(body | more)
    packing = pack(request)
    return request, packing, render(request, packing)


def figure(text: str) -> ET.Element:
    """The drawing as an element; the one attribute without quotes is given them."""
    return ET.fromstring(text.replace("data-box-index=0", "data-box-index='0'"))  # our own text


def test_every_item_shows_three_faces_and_the_box_its_edges() -> None:
    _, _, members = drawn()
    (text,) = members["svgs"]
    assert text.startswith("<figure class='box-figure' data-box-index=0><svg viewBox='")
    picture = figure(text)
    assert len(picture.findall("svg/line")) == 12
    indexes = [polygon.get("data-volume-index") for polygon in picture.findall("svg/polygon")]
    assert sorted(set(indexes), key=str) == ["1", "2", "3"]
    assert len(indexes) == 9


def test_the_faces_towards_the_eye_are_drawn() -> None:
    def height(side: str) -> float:
        (polygon,) = figure(drawn(item={"quantity": 1})[2]["svgs"][0]).findall(
            f"svg/polygon[@class='volume-line {side}']"
        )
        points = polygon.get("points", "").split()
        return sum(float(point.split(",")[1]) for point in points) / len(points)

    assert height("volume-side-0") < height("volume-side-1"), "the top is above the front"
    assert height("volume-side-0") < height("volume-side-2"), "the top is above the side"


def test_names_and_colours_cannot_carry_markup() -> None:
    _, _, members = drawn(item={"color": "'/><script>", "name": "</title><script>"})
    assert "<script>" not in members["svgs"][0]
    assert figure(members["svgs"][0]).find("svg/polygon[@fill='lightgray']") is not None


@pytest.mark.parametrize("eye", [{"x": 1, "y": 0, "z": 0}, {"x": -1, "y": -2, "z": 0.5}, {"x": 0, "y": 0, "z": 0}])
def test_any_eye_sees_something(eye: dict[str, float]) -> None:
    _, _, members = drawn(eye=eye)
    assert figure(members["svgs"][0]).find("svg/polygon") is not None


def test_what_is_nearer_is_drawn_later() -> None:
    _, packing, _ = drawn()
    box = packing.boxes[0]
    origins = [sum(box.placed[index].origin) for index in depth_order(box, (1, 1, 1))]
    assert origins == sorted(origins)
    assert depth_order(box, (-1, -1, -1)) == depth_order(box, (1, 1, 1))[::-1]


@pytest.mark.parametrize(
    "scale",
    [
        {"imageScale": {"x": 50, "y": 50, "z": 50}},
        {"imageScaleStyle": "largest-box-type", "boxes": [{"dimensions": {"x": 1, "y": 1, "z": 1}}]},
    ],
)
def test_a_larger_scale_shows_more_space(scale: dict[str, Any]) -> None:
    def width(members: dict[str, Any]) -> float:
        svg = figure(members["svgs"][0]).find("svg")
        assert svg is not None
        return float(svg.get("viewBox", "").split()[2])

    assert width(drawn(**scale)[2]) > width(drawn(**(scale | {"imageScale": None, "imageScaleStyle": None}))[2])


def test_boxes_can_be_drawn_to_the_scale_of_the_largest_one() -> None:
    _, _, members = drawn(imageScaleStyle="largest-box", item={"quantity": 9})
    views = {text.split("viewBox='")[1].split("'")[0] for text in members["svgs"]}
    assert len(views) == 1


def test_a_png_is_a_png_in_the_items_colour() -> None:
    _, _, members = drawn(imageFormat="PNG", imgSize=60, item={"color": "#102030"})
    (image,) = members["images"]
    data = base64.b64decode(image["data"])
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (60, 20)
    pixels = zlib.decompress(data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8])
    assert len(pixels) == 20 * (1 + 3 * 60)
    assert b"\x10\x20\x30" in pixels


def test_a_colour_by_name_is_grey_in_a_png() -> None:
    _, _, members = drawn(imageFormat="png", imgSize=6)
    assert members["images"][0] == drawn(imageFormat="png", imgSize=6, item={"color": ""})[2]["images"][0]


def test_nothing_is_drawn_unasked() -> None:
    assert drawn(includeImages=False)[2] == {}
