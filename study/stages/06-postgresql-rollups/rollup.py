"""What a batch of orders adds to each roll-up table: all of this stage's counting, and nothing but counting."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from study.kit.orders import Order

Key = tuple[str | int, ...]
# Orders and units.
Counts = dict[Key, list[int]]


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of its key, with their types."""

    name: str
    key: Mapping[str, str]

    @property
    def add(self) -> str:
        """The statement that adds counts to what is there; it takes one array for each column."""
        names = ", ".join(self.key)
        arrays = "".join(f"%s::{kind}[], " for kind in self.key.values())
        return f"""INSERT INTO {self.name} ({names}, orders, units)
            SELECT * FROM unnest({arrays}%s::integer[], %s::integer[])
            ON CONFLICT ({names}) DO UPDATE
            SET orders = {self.name}.orders + EXCLUDED.orders, units = {self.name}.units + EXCLUDED.units"""


_DAY = {"tenant": "uuid", "day": "date"}
TABLES = (
    Table("days", _DAY),
    Table("hours", {"tenant": "uuid", "hour": "timestamptz"}),
    Table("minutes", {"tenant": "uuid", "facility": "text", "minute": "timestamptz"}),
    Table("states", _DAY | {"state": "text"}),
    Table("items", _DAY | {"item_id": "text"}),
    Table("sizes", _DAY | {"size": "integer"}),
)


def counted(orders: Iterable[Order], state_of: Mapping[str, str]) -> dict[str, Counts]:
    """By table. An item is at most once in an order, so each of its lines is one order of the item."""
    found: dict[str, Counts] = {table.name: {} for table in TABLES}
    for order in orders:
        tenant, at, units = order.tenant, order.placed_at, order.units
        day = at[:10]
        for name, key in (
            ("days", (tenant, day)),
            ("hours", (tenant, f"{at[:13]}:00Z")),
            ("minutes", (tenant, order.facility, f"{at[:16]}Z")),
            ("states", (tenant, day, state_of[order.postal_code])),
            ("sizes", (tenant, day, units)),
        ):
            _add(found[name], key, units)
        for line in order.lines:
            _add(found["items"], (tenant, day, line.item_id), line.quantity)
    return found


def columns(counts: Counts) -> Sequence[list[str | int]]:
    """In order of the keys: whoever adds to the same rows at the same time takes them in the same order."""
    return [list(column) for column in zip(*((*key, *counts[key]) for key in sorted(counts)), strict=True)]


def _add(counts: Counts, key: Key, units: int) -> None:
    row = counts.setdefault(key, [0, 0])
    row[0] += 1
    row[1] += units
