"""The collections: made and kept as mongo-init/schema.json declares them, any number of times."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure

from common.mongo import Document

DECLARATION = Path(__file__).parent.parent / "mongo-init" / "schema.json"

_NAMESPACE_EXISTS = 48
_COMPARED = ("expireAfterSeconds", "unique", "sparse", "partialFilterExpression")


@dataclass(frozen=True, slots=True)
class Index:
    name: str
    key: tuple[tuple[str, int], ...]
    options: Document

    def shown(self) -> str:
        return json.dumps({"key": dict(self.key), **self.options})

    def model(self) -> IndexModel:
        return IndexModel(list(self.key), name=self.name, **self.options)


@dataclass(frozen=True, slots=True)
class Declared:
    collection: str
    validator: Document
    indexes: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done to a collection, and what is left for a person to do."""

    collection: str
    done: tuple[str, ...]
    differences: tuple[str, ...]


def declared(path: Path = DECLARATION) -> list[Declared]:
    found = json.loads(path.read_text(encoding="utf-8"))["collections"]
    return [
        Declared(name, entry["validator"], tuple(_declared_index(index) for index in entry["indexes"]))
        for name, entry in found.items()
    ]


def _declared_index(entry: Document) -> Index:
    options = {name: value for name, value in entry.items() if name not in {"name", "key"}}
    return Index(entry["name"], tuple((field, int(direction)) for field, direction in entry["key"]), options)


def apply(database: Database[Document], wanted: Declared) -> Outcome:
    """Make the collection what it is declared to be. An index that is there in another form is left as it is."""
    done = [*_apply_validator(database, wanted)]
    present = {index.name: index for index in _present(database[wanted.collection])}
    missing = [index for index in wanted.indexes if index.name not in present]
    if missing:
        database[wanted.collection].create_indexes([index.model() for index in missing])
        done += [f"index {index.name} made" for index in missing]
    other = [index for index in wanted.indexes if index.name in present and present[index.name] != index]
    return Outcome(
        wanted.collection,
        tuple(done),
        tuple(_difference(wanted.collection, present[index.name], index) for index in other),
    )


def _apply_validator(database: Database[Document], wanted: Declared) -> Iterator[str]:
    found = next(iter(database.list_collections(filter={"name": wanted.collection})), None)
    if found is None:
        try:
            database.create_collection(wanted.collection, validator=wanted.validator)
        except (CollectionInvalid, OperationFailure) as error:
            if isinstance(error, OperationFailure) and error.code != _NAMESPACE_EXISTS:
                raise
            found = next(iter(database.list_collections(filter={"name": wanted.collection})))  # another was faster
        else:
            yield "made"
            return
    if found["options"].get("validator") != wanted.validator:
        database.command("collMod", wanted.collection, validator=wanted.validator)
        yield "validator changed"


def _present(collection: Collection[Document]) -> Iterator[Index]:
    for entry in collection.list_indexes():
        key = tuple((field, int(direction)) for field, direction in entry["key"].items())
        yield Index(entry["name"], key, {name: entry[name] for name in _COMPARED if name in entry})


def _difference(collection: str, present: Index, wanted: Index) -> str:
    return (
        f"index {wanted.name} of {collection} is {present.shown()}, declared is {wanted.shown()}: "
        f'drop it with db.{collection}.dropIndex("{wanted.name}") and run init again'
    )
