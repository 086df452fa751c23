"""Puts orders into one collection of MongoDB with what the reports ask for, and makes the indexes once all are in."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from pymongo import IndexModel, MongoClient
from pymongo.errors import PyMongoError

from study.kit import importing, orders
from study.kit.orders import Order
from study.kit.settings import Settings, StartError

STAGE = Path(__file__).parent.name

Document = dict[str, Any]

# One for each way orders are looked up. Both hold the fields the pipelines need, so that only the report on items has to
# visit the orders. The second is for all tenants in a period: MongoDB cannot skip from tenant to tenant in the first.
INDEXES = {
    "of_tenant": ["tenant", "placed_at", "facility", "state", "units"],
    "in_period": ["placed_at", "tenant", "units"],
}


class MongoImporter:
    """Writes are acknowledged when they are in the journal of most members: the default of a replica set."""

    def __init__(self, url: str) -> None:
        self._client = MongoClient[Document](url, serverSelectionTimeoutMS=5000)
        self._database = self._client.get_default_database(STAGE)
        self._states = orders.states()
        try:
            self._client.admin.command("ping")
        except PyMongoError as error:
            self._client.close()
            raise StartError(f"MongoDB does not answer: {error}") from error

    def prepare(self) -> None:
        self._client.drop_database(self._database)

    def add(self, orders: Sequence[Order]) -> None:
        self._database["orders"].insert_many(map(self._document, orders), ordered=False)

    def finish(self) -> None:
        self._database["orders"].create_indexes([IndexModel(fields, name=name) for name, fields in INDEXES.items()])

    def size(self) -> int:
        self._client.admin.command("fsync")  # what is in memory alone has no size yet
        return int(self._database.command("dbStats")["totalSize"])

    def close(self) -> None:
        self._client.close()

    def _document(self, order: Order) -> Document:
        """The state is put in here, once: a `$lookup` would be made for each order of each answer."""
        fields: Document = msgspec.to_builtins(order)
        return {"_id": fields.pop("id"), **fields, "state": self._states[order.postal_code], "units": order.units}


def open_importer(settings: Settings) -> MongoImporter:
    return MongoImporter(settings.database_url())


if __name__ == "__main__":
    sys.exit(importing.main(STAGE, open_importer))
