"""The packs that are sent, and the answers to them: made by the sandbox's answer code, so that they look like real ones."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import BenchError
from sandbox.directives import Directive
from sandbox.engine import Clock, Engine
from sandbox.replies import packed
from sandbox.settings import SandboxSettings

KEYSTEM = "@KEYSTEM@@"  # where the upstream puts the caller's
_KEY = "aqRAiz-8RA_key_of_the_measurements"
_CARTONS = 6


@dataclass(frozen=True, slots=True)
class Size:
    """How large a pack: so many different items, so many of each, with drawings or without."""

    name: str
    item_sets: int
    quantity: int
    images: bool


SIZES = (
    Size("4k", 6, 1, images=False),
    Size("60k", 9, 5, images=True),
    Size("1m", 12, 66, images=True),
)


def request(size: Size) -> bytes:
    """A pack of about 1 to 2 KB."""
    content: dict[str, Any] = {
        "requestId": "pack-0000001",
        "orderId": "order-0000001",
        "includeImages": size.images,
        "itemSets": [_item_set(number, size.quantity) for number in range(size.item_sets)],
        "boxTypes": [_box_type(number) for number in range(_CARTONS)],
    }
    return msgspec.json.encode(content)


def answer(size: Size, asked: bytes) -> bytes:
    """What Paccurate would say to it, with a place for the caller's keystem."""
    engine = Engine(SandboxSettings(), Clock(time.time_ns, time.perf_counter_ns))
    members = engine.finish(engine.prepare(asked, f"apikey {_KEY}"))
    body = packed(members, asked, os.urandom(16), Directive()).body
    stem = _KEY[: len(KEYSTEM)].encode()
    if body.count(stem) != 1:
        raise BenchError(f"the answer of {size.name} names the keystem {body.count(stem)} times instead of once")
    return body.replace(stem, KEYSTEM.encode())


def write(folder: Path) -> None:
    """NAME.request and NAME.answer for every size."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        asked = request(size)
        (folder / f"{size.name}.request").write_bytes(asked)
        (folder / f"{size.name}.answer").write_bytes(answer(size, asked))


def _item_set(number: int, quantity: int) -> dict[str, Any]:
    dimensions = {"x": 4 + number % 5, "y": 3 + number % 3, "z": 2 + number % 2}
    return {
        "refId": number + 1,
        "name": f"item {number + 1}",
        "quantity": quantity,
        "weight": 0.5 + 0.25 * (number % 5),
        "dimensions": dimensions,
    }


def _box_type(number: int) -> dict[str, Any]:
    dimensions = {"x": 12 + 4 * number, "y": 10 + 2 * number, "z": 6 + 2 * number}
    return {
        "refId": number,
        "name": f"carton {number}",
        "weightMax": 40,
        "price": 90 + 30 * number,
        "dimensions": dimensions,
    }
