"""Keeps the orders, and counts each of them in the documents of its hour, day and week, in the same transaction."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import rollup
from pymongo import IndexModel, MongoClient, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from study.kit import importing, orders
from study.kit.orders import Order
from study.kit.settings import Settings, StartError

STAGE = Path(__file__).parent.name

Document = dict[str, Any]

# Of all tenants in a period. It holds all that the league table needs, so that the documents are not visited, which are
# large. All other questions name their documents.
IN_PERIOD = IndexModel(["period", "tenant", "orders", "units"], name="in_period")


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
        self._database["periods"].create_indexes([IN_PERIOD])

    def add(self, orders: Sequence[Order]) -> None:
        """All of it or nothing. An order that is in already is refused, and what came with it: it would be counted twice."""
        documents = list(map(_document, orders))
        counted = rollup.Rollup(self._states)
        for order in orders:
            counted.add(order)
        changes = (("hour", counted.hours), ("period", counted.periods()))

        def write(session: ClientSession) -> None:
            self._database["orders"].insert_many(documents, ordered=False, session=session)
            for name, by_key in changes:
                self._database[f"{name}s"].bulk_write(_updates(name, by_key), ordered=False, session=session)

        with self._client.start_session() as session:
            session.with_transaction(write)

    def finish(self) -> None:
        """Nothing: everything is kept with each batch."""

    def size(self) -> int:
        self._client.admin.command("fsync")  # what is in memory alone has no size yet
        return int(self._database.command("dbStats")["totalSize"])

    def close(self) -> None:
        self._client.close()


def _document(order: Order) -> Document:
    fields: Document = msgspec.to_builtins(order)
    return {"_id": fields.pop("id"), **fields}


def _updates(name: str, by_key: Mapping[rollup.Key, rollup.Counts]) -> list[UpdateOne]:
    return [
        UpdateOne(
            {"_id": {"tenant": tenant, name: when}},
            {"$inc": counts, "$setOnInsert": {"tenant": tenant, name: when}},
            upsert=True,
        )
        for (tenant, when), counts in by_key.items()
    ]


def open_importer(settings: Settings) -> MongoImporter:
    return MongoImporter(settings.database_url())


if __name__ == "__main__":
    sys.exit(importing.main(STAGE, open_importer))
