"""Pure: what an answer says, in the fields of an event and of a reply.

An answer is a pack, an error of upstream, or neither; a number that is missing, absurd or no number is None.
"""

from typing import Final

import msgspec

from common.events import MAX_LEFTOVER_SAMPLE, BoxRow, Leftover
from proxy import answer_json, boxes, content_coding
from proxy.answer_json import MAX_BOXES, MAX_LEFTOVERS, Answer, Item, ItemEntry, NotJsonError
from proxy.bounds import (
    MAX_UTILIZATION,
    MAX_VOLUME,
    MAX_WEIGHT,
    Numbers,
    micro,
    ref_id,
    text,
)
from proxy.content_coding import UndecodableError

_MAX_CENTS: Final = 10**12


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The engine group of the event."""

    engine_version: str | None = None
    engine_built: str | None = None
    upstream_host: str | None = None
    goal: str | None = None
    pack_s: float | None = None
    render_s: float | None = None
    total_s: float | None = None
    pack_uuid: str | None = None


class TotalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The totals of a pack. Measures are as upstream gave them; an event rounds them."""

    items: int | None = None
    units: int | None = None
    boxes: int | None = None
    leftovers: int | None = None
    volume: float | None = None
    volume_used: float | None = None
    volume_net: float | None = None
    utilization: float | None = None
    weight: float | None = None
    cost_cents: int | None = None

    def rounded(self) -> "TotalFacts":
        return msgspec.structs.replace(
            self,
            volume=_rounded(self.volume),
            volume_used=_rounded(self.volume_used),
            volume_net=_rounded(self.volume_net),
            utilization=_rounded(self.utilization),
            weight=_rounded(self.weight),
        )


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as read. `json` is None where its bytes are no JSON."""

    json: bytes | None = None
    problem: str | None = None  # why it cannot be read as what it should be
    keystem: object = None
    error_code: int | None = None
    error_message: str | None = None
    pack: "Pack | None" = None


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """A successful pack."""

    engine: EngineFacts
    totals: TotalFacts
    rows: list[BoxRow]
    leftover_sample: list[Leftover]
    suspect: int  # absurd numbers in it
    box_types: dict[str, int]  # how many boxes there are of each reference id, "0" where there is none
    cartons: dict[str, int]  # and of each name


def read_pack(body: bytes, codings: str, limit: int) -> Content:
    """Read an answer of status 2xx. Never raises; `problem` says why there is no pack."""
    content, answer, problem = _read(body, codings, limit)
    if answer is None:
        return Content(problem=problem)
    if not answer.is_pack:
        return Content(json=content, problem="has neither boxes nor lenBoxes", keystem=answer.used_key_stem)
    if isinstance(answer.boxes, list) and len(answer.boxes) > MAX_BOXES:
        return Content(json=content, problem=f"has {len(answer.boxes)} boxes", keystem=answer.used_key_stem)
    return Content(json=content, keystem=answer.used_key_stem, pack=_pack(answer))


def read_error(body: bytes, codings: str, limit: int, status: int) -> Content:
    """Read an answer of status 4xx or 5xx. Never raises; without a message of upstream's own there is a plain one."""
    content, answer, _ = _read(body, codings, limit)
    if answer is None:
        return Content(error_code=status, error_message=f"upstream answered {status} without a message")
    said = [part for part in (answer.message, answer.details) if isinstance(part, str) and part]
    return Content(
        json=content,
        keystem=answer.used_key_stem,
        error_code=Numbers().count(answer.code) or status,
        error_message=": ".join(said) or f"upstream answered {status} without a message",
    )


def _read(body: bytes, codings: str, limit: int) -> tuple[bytes | None, Answer | None, str | None]:
    try:
        content = content_coding.decoded(body, codings, limit) if codings else body
        return content, answer_json.read(content), None
    except (UndecodableError, NotJsonError) as error:
        return None, None, str(error)


def _pack(answer: Answer) -> Pack:
    numbers = Numbers()
    entries = answer.boxes if isinstance(answer.boxes, list) else []
    rows = [boxes.row(entry.box, numbers) for entry in entries]
    leftovers = answer.leftovers or []
    return Pack(
        engine=_engine(answer, numbers),
        totals=_totals(answer, rows, numbers),
        rows=rows,
        leftover_sample=_sample(leftovers[:MAX_LEFTOVERS], numbers),
        suspect=numbers.suspect,
        box_types=_counted([row.ref_id or boxes.NO_REF_ID for row in rows]),
        cartons=_counted([row.carton for row in rows]),
    )


def _counted(names: list[str]) -> dict[str, int]:
    """As Counter does it, without its price for two or three."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _engine(answer: Answer, numbers: Numbers) -> EngineFacts:
    return EngineFacts(
        engine_version=text(answer.version),
        engine_built=text(answer.built),
        upstream_host=text(answer.host),
        goal=text(answer.box_type_choice_goal_used),
        pack_s=numbers.seconds(answer.pack_time),
        render_s=numbers.seconds(answer.render_time),
        total_s=numbers.seconds(answer.total_time),
        pack_uuid=text(answer.pack_uuid),
    )


def _totals(answer: Answer, rows: list[BoxRow], numbers: Numbers) -> TotalFacts:
    listed = len(rows) if isinstance(answer.boxes, list) else None
    left = len(answer.leftovers) if answer.leftovers is not None else None
    return TotalFacts(
        items=numbers.count(answer.len_items),
        units=numbers.count(answer.len_units),
        boxes=_stated(answer.len_boxes, listed, numbers),
        leftovers=_stated(answer.len_leftovers, left, numbers),
        volume=numbers.measure(answer.total_volume, MAX_VOLUME),
        volume_used=numbers.measure(answer.total_volume_used, MAX_VOLUME),
        volume_net=numbers.measure(answer.total_volume_net, MAX_VOLUME),
        utilization=numbers.measure(answer.total_volume_utilization, MAX_UTILIZATION),
        weight=numbers.measure(answer.total_weight, MAX_WEIGHT),
        cost_cents=_cost(rows),
    )


def _stated(stated: object, listed: int | None, numbers: Numbers) -> int | None:
    """What the answer says, else what it lists; a list can be absurd too."""
    said = numbers.count(stated)
    return numbers.count(listed) if said is None else said


def _cost(rows: list[BoxRow]) -> int | None:
    """The cost of the boxes that have a price; the others report their volume instead, which is no money."""
    prices = [row.price_cents for row in rows if row.price_cents is not None]
    return min(sum(prices), _MAX_CENTS) if prices else None


def _sample(leftovers: list[ItemEntry], numbers: Numbers) -> list[Leftover]:
    """The first few kinds of item that found no place, with how many of each."""
    kinds: dict[tuple[str | None, str | None], list[Item]] = {}
    for entry in leftovers:
        kind = (ref_id(entry.item.ref_id), text(entry.item.name))
        if kind in kinds or len(kinds) < MAX_LEFTOVER_SAMPLE:
            kinds.setdefault(kind, []).append(entry.item)
    return [
        Leftover(
            ref_id=reference,
            name=name,
            dims=numbers.dims(items[0].dimensions),
            weight=numbers.rounded(items[0].weight, MAX_WEIGHT),
            count=len(items),
            message=text(items[0].message),
        )
        for (reference, name), items in kinds.items()
    ]


def _rounded(measure: float | None) -> float | None:
    return None if measure is None else micro(measure)
