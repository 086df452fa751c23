"""Pure: orders as a stream that packstats' own consumer folds, in the place of packs: what a record is, and what it changes."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import cast

import msgspec
import rollup

from aggregator.changes import Change, Changes, Key
from aggregator.records import Foldable, Poison, Reading, Record, Source
from common.identity import started_ms
from common.topic import partition_of
from study.kit.orders import Order

BYTES_PER_COUNTER = 64
# Names become names of fields.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


class OrderEvent(msgspec.Struct, frozen=True, gc=False):
    """A record's value. Session, partition and sequence number together are unique for ever."""

    session: str
    seq: int
    produced_at: datetime
    order: Order


class OrderStream:
    def __init__(self, states: Mapping[str, str], partitions: int) -> None:
        self._states, self._partitions = states, partitions
        self._decoder = msgspec.json.Decoder(OrderEvent)

    def read(self, record: Record, partition: int) -> Reading:
        try:
            event = self._decoder.decode(record.value or b"")
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return Poison(f"not an order: {error!s:.200}", None, None)
        if started_ms(event.session) is None or event.seq < 1 or event.produced_at.tzinfo is None:
            return Poison("not an order: nobody made it", None, None)
        source, order = Source(event.session, event.seq), event.order
        if problem := self._problem(order, partition):
            return Poison(problem, source, order.tenant)
        return Foldable(source, order.tenant, "order", event.produced_at, order)

    def new_batch(self, partition: int) -> "OrderBatch":
        del partition  # a tenant's documents are written by one partition alone
        return OrderBatch(self._states)

    def _problem(self, order: Order, partition: int) -> str | None:
        if partition_of(order.tenant, self._partitions) != partition:
            return "tenant of another partition"
        if order.postal_code not in self._states:
            return "unknown postal code"
        names = [order.tenant, order.facility, *[line.item_id for line in order.lines]]
        if not all(map(_NAME.fullmatch, names)):
            return "not a name"
        if not all(0 < line.quantity <= 1_000_000 for line in order.lines):
            return "not a quantity"
        return None if _is_time(order.placed_at) else "not a time"


class OrderBatch:
    """Orders of one partition that are not in the database yet."""

    def __init__(self, states: Mapping[str, str]) -> None:
        self._counted = rollup.Rollup(states)

    def add(self, item: Foldable, log_ms: int) -> None:
        del log_ms  # an order belongs to the time it was placed at, whenever it comes
        self._counted.add(cast("Order", item.event))  # made by OrderStream.read, the only source of batches

    def size_bytes(self) -> int:
        return BYTES_PER_COUNTER * self._counted.counters

    def changes(self) -> Changes:
        made: dict[Key, Change] = {}
        for name, by_key in (("hour", self._counted.hours), ("period", self._counted.periods())):
            for (tenant, when), counts in by_key.items():
                constants = {"tenant": tenant, name: when}
                made[f"{name}s", tuple(constants.items())] = Change(counts=counts, constants=constants)
        return Changes(made, [])


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
