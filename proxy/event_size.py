"""Pure: an event within its size, whatever upstream sent: what can be missed most is given up first.

First the offered list, then the sample of leftovers and the labels; then box rows and box types are halved, the rest
added up under `(other)`, so that sums stay what they are.
"""

import msgspec

from common.events import MAX_EVENT_BYTES, OTHER_CARTON, BoxRow, PackEvent, encode
from proxy import boxes
from proxy.vocabulary import Names

_SPARE = ("offered", "leftover_sample", "labels")


def sealed(event: PackEvent, names: Names) -> bytes:
    """The event's bytes, at most MAX_EVENT_BYTES; notes in `names` that an offered list went out with it."""
    fitted, value = _fitted(event)
    if fitted.offered is not None and fitted.offered_hash is not None:
        names.sent.add(fitted.offered_hash)
    return value


def _fitted(event: PackEvent) -> tuple[PackEvent, bytes]:
    value = encode(event)
    spare = list(_SPARE)
    while len(value) > MAX_EVENT_BYTES:
        if spare:
            event = msgspec.structs.replace(event, **{spare.pop(0): None})
        elif len(event.box_rows) > 1:
            event = msgspec.structs.replace(event, box_rows=_halved_rows(event.box_rows))
        else:
            event = msgspec.structs.replace(event, box_types=_halved_types(event.box_types or {}))
        value = encode(event)
    return event, value


def _halved_rows(rows: list[BoxRow]) -> list[BoxRow]:
    kept = (len(rows) - 1) // 2
    return [*rows[:kept], boxes.added_up(rows[kept:])]


def _halved_types(types: dict[str, int]) -> dict[str, int]:
    commonest = sorted(types.items(), key=lambda entry: entry[1], reverse=True)
    kept = (len(commonest) - 1) // 2
    halved = dict(commonest[:kept])
    halved[OTHER_CARTON] = halved.get(OTHER_CARTON, 0) + sum(count for _, count in commonest[kept:])
    return halved
