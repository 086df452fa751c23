"""What facilities send: each has one of a few carton lists, and orders of their own that fit into one carton or several.

Drawn from a seed, so that two runs send the same.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CARTON_LISTS = 24
CARTONS = 12  # of a list
KEY_LENGTH = 40

_SIDES = (4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24)
_RATES = {"dimFactor": 139, "basePrice": 450, "priceIncreaseRate": 35}


@dataclass(frozen=True, slots=True)
class Order:
    """One request; `steer` tells the sandbox how to answer, if not as usual."""

    carton_list: int
    body: bytes
    steer: str | None = None


def key_of(carton_list: int) -> str:
    """The credential of a facility that has this list; its first ten characters are the keystem."""
    return f"list{carton_list:06}".ljust(KEY_LENGTH, "k")


def orders(of_each: int, seed: int) -> Iterator[Order]:
    """So many of each carton list, the last of each refused by upstream."""
    chance = random.Random(seed)  # noqa: S311  # load, no secret
    for number in range(CARTON_LISTS):
        cartons = _cartons(number, chance)
        for nth in range(of_each):
            body = json.dumps(_body(cartons, nth, chance)).encode()
            yield Order(number, body, "status=429" if nth == of_each - 1 else None)


def _cartons(number: int, chance: random.Random) -> list[dict[str, Any]]:
    """Priced ones in every other list: half of the facilities know their rates."""
    return [_carton(number, nth, chance) for nth in range(CARTONS)]


def _carton(number: int, nth: int, chance: random.Random) -> dict[str, Any]:
    x, y, z = sorted(chance.choices(_SIDES[nth // 3 :], k=3), reverse=True)
    carton: dict[str, Any] = {
        "refId": nth + 1,
        "name": f"{x}x{y}x{z} type {nth + 1}",
        "weightMax": 20 + 5 * nth,
        "weightTare": 0.25,
        "dimensions": {"x": x, "y": y, "z": z},
    }
    if number % 2:
        carton |= {"price": 40 + 10 * nth, "rateTable": _RATES}
    return carton


def _body(cartons: list[dict[str, Any]], nth: int, chance: random.Random) -> dict[str, Any]:
    return {
        "requestId": f"wave-{chance.randrange(10**9):09}",
        "orderId": f"order-{chance.randrange(10**9):09}",
        "itemSets": [_items(reference, chance) for reference in range(1, chance.randrange(2, 8))],
        "boxTypes": cartons,
        "boxTypeChoiceGoal": "lowest-cost",
        "includeImages": nth == 0,
    }


def _items(reference: int, chance: random.Random) -> dict[str, Any]:
    x, y, z = (round(chance.uniform(1.0, 5.0), 1) for _ in range(3))
    return {
        "refId": reference,
        "name": f"item {reference}",
        "quantity": chance.randrange(1, 7),
        "weight": round(chance.uniform(0.2, 3.0), 2),
        "dimensions": {"x": x, "y": y, "z": z},
    }
