"""The collections of `FakeMongo`: the operations that are used, each on a snapshot where it belongs to a transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from bson import encode
from pymongo import DeleteOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, NetworkTimeout, WriteError

from common.mongo import Document
from tests.support.mongo_language import Key, copied, frozen, get, matches, order_of, updated

if TYPE_CHECKING:
    from tests.support.fake_mongo import FakeMongo, FakeSession

Documents = dict[str, dict[Key, Document]]


def put(documents: Documents, collection: str, key: Key, document: Document | None) -> None:
    if document is None:
        documents.setdefault(collection, {}).pop(key, None)
    else:
        documents.setdefault(collection, {})[key] = document


class FakeDatabase:
    def __init__(self, mongo: "FakeMongo") -> None:
        self._mongo = mongo

    def __getitem__(self, name: str) -> "FakeCollection":
        return FakeCollection(self._mongo, name)


class FakeCursor:
    def __init__(self, found: Iterable[Document]) -> None:
        self._found = list(found)

    def __iter__(self) -> Iterator[Document]:
        return iter(self._found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class FakeCollection:
    """The operations of a collection that are used; results are copies."""

    def __init__(self, mongo: "FakeMongo", name: str) -> None:
        self._mongo = mongo
        self._name = name

    # --- reading -----------------------------------------------------------------------------------------------------

    def find(self, query: Mapping[str, Any], limit: int = 0, session: "FakeSession | None" = None) -> FakeCursor:
        self._mongo.arrive(f"find {self._name}")
        found = [copied(document) for _, document in self._matching(query, session)]
        return FakeCursor(found[:limit] if limit else found)

    def find_one(
        self,
        query: Mapping[str, Any],
        projection: Document | None = None,
        sort: list[tuple[str, int]] | None = None,
        session: "FakeSession | None" = None,
    ) -> Document | None:
        self._mongo.arrive(f"find {self._name}")
        found = [document for _, document in self._matching(query, session)]
        for path, direction in reversed(sort or []):
            found.sort(key=lambda document: order_of(get(document, path)), reverse=direction < 0)
        return copied(found[0]) if found else None

    def aggregate(self, pipeline: list[Document], session: "FakeSession | None" = None) -> FakeCursor:
        """`$match` and then `$group` over everything, with `$min` and `$max`."""
        self._mongo.arrive(f"aggregate {self._name}")
        [match, group] = pipeline
        found = [document for _, document in self._matching(match["$match"], session)]
        if not found:
            return FakeCursor([])
        result: Document = {"_id": None}
        for name, accumulator in group["$group"].items():
            if name != "_id":
                [(operator, path)] = accumulator.items()
                values = [value for document in found if (value := get(document, path[1:])) is not None]
                best = {"$min": min, "$max": max}[operator]
                result[name] = best(values, key=order_of) if values else None
        return FakeCursor([result])

    def _matching(self, query: Mapping[str, Any], session: "FakeSession | None") -> list[tuple[Key, Document]]:
        documents = self._mongo.documents if session is None else session.view()
        found = [(key, one) for key, one in documents.get(self._name, {}).items() if matches(one, query)]
        return sorted(found, key=lambda pair: order_of(pair[1]["_id"]))

    # --- writing -----------------------------------------------------------------------------------------------------

    def update_one(
        self, query: Mapping[str, Any], update: Document, session: "FakeSession | None" = None
    ) -> SimpleNamespace:
        self._mongo.arrive(f"update {self._name}")
        return SimpleNamespace(matched_count=self._update(query, update, session))

    def update_many(self, query: Mapping[str, Any], update: Document, session: "FakeSession | None" = None) -> None:
        self._mongo.arrive(f"update {self._name}")
        self._update(query, update, session, many=True)

    def bulk_write(
        self,
        requests: Sequence[UpdateOne | UpdateMany | DeleteOne],
        *,
        ordered: bool = True,
        session: "FakeSession | None" = None,
    ) -> SimpleNamespace:
        assert requests, "the driver refuses an empty bulk write"
        self._mongo.arrive(f"bulk {self._name}")
        matched = 0
        for request in requests:
            if isinstance(request, DeleteOne):
                for _, document in self._matching(request._filter, session)[:1]:
                    self._write(document["_id"], None, session)
                continue
            many = isinstance(request, UpdateMany)
            try:
                matched += self._update(request._filter, request._doc, session, upsert=bool(request._upsert), many=many)
            except WriteError as error:
                raise BulkWriteError(
                    {"writeErrors": [{"index": 0, "code": error.code, "errmsg": str(error)}]}
                ) from error
        return SimpleNamespace(matched_count=matched)

    def insert_one(self, document: Document, session: "FakeSession | None" = None) -> None:
        self.insert_many([document], session=session)

    def insert_many(
        self, documents: list[Document], *, ordered: bool = True, session: "FakeSession | None" = None
    ) -> None:
        self._mongo.arrive(f"insert {self._name}")
        for document in documents:
            if self._matching({"_id": document["_id"]}, session):
                raise BulkWriteError({"writeErrors": [{"index": 0, "code": 11000, "errmsg": "duplicate key"}]})
            self._write(document["_id"], document, session)

    def delete_many(self, query: Mapping[str, Any], session: "FakeSession | None" = None) -> None:
        self._mongo.arrive(f"delete {self._name}")
        for _, document in self._matching(query, session):
            self._write(document["_id"], None, session)

    def find_one_and_delete(self, query: Mapping[str, Any], session: "FakeSession | None" = None) -> Document | None:
        self._mongo.arrive(f"delete {self._name}")
        found = self._matching(query, session)
        if not found:
            return None
        removed: Document = copied(found[0][1])
        self._write(removed["_id"], None, session)
        return removed

    def _update(
        self,
        query: Mapping[str, Any],
        update: Any,
        session: "FakeSession | None",
        *,
        upsert: bool = False,
        many: bool = False,
    ) -> int:
        found = [document for _, document in self._matching(query, session)]
        if not found and upsert:
            self._write(query["_id"], updated({"_id": query["_id"]}, update, is_new=True), session)
        for document in found if many else found[:1]:
            self._write(document["_id"], updated(copied(document), update, is_new=False), session)
        return len(found)

    def _write(self, identity: Any, document: Document | None, session: "FakeSession | None") -> None:
        if document is not None:
            encode(document)
        key = frozen(identity)
        if session is not None:
            session.write(self._name, key, document)
        elif (self._name, key) in self._mongo.locks:
            raise NetworkTimeout("somebody's transaction holds the document")
        else:
            put(self._mongo.documents, self._name, key, document)
