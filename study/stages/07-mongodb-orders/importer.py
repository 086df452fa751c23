"""Puts orders into one collection of MongoDB, each as the document that it is."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from study.kit import importing
from study.kit.orders import Order
from study.kit.settings import Settings, StartError

STAGE = Path(__file__).parent.name

Document = dict[str, Any]


class MongoImporter:
    """Writes are acknowledged when they are in the journal of most members: the default of a replica set."""

    def __init__(self, url: str) -> None:
        self._client = MongoClient[Document](url, serverSelectionTimeoutMS=5000)
        self._database = self._client.get_default_database(STAGE)
        try:
            self._client.admin.command("ping")
        except PyMongoError as error:
            self._client.close()
            raise StartError(f"MongoDB does not answer: {error}") from error

    def prepare(self) -> None:
        self._client.drop_database(self._database)

    def add(self, orders: Sequence[Order]) -> None:
        self._database["orders"].insert_many(map(_document, orders), ordered=False)

    def finish(self) -> None:
        """Nothing: no index but that of the identities."""

    def size(self) -> int:
        self._client.admin.command("fsync")  # what is in memory alone has no size yet
        return int(self._database.command("dbStats")["totalSize"])

    def close(self) -> None:
        self._client.close()


def _document(order: Order) -> Document:
    fields: Document = msgspec.to_builtins(order)
    return {"_id": fields.pop("id"), **fields}


def open_importer(settings: Settings) -> MongoImporter:
    return MongoImporter(settings.database_url())


if __name__ == "__main__":
    sys.exit(importing.main(STAGE, open_importer))
