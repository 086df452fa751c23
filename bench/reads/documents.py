"""Any number of facilities in a database, each as the product itself has written one of a few."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from bson import Decimal128
from pymongo.collection import Collection
from pymongo.database import Database

from bench.aggregator.traffic import keystem
from common import documents, progress
from common.topic import partition_of

Document = dict[str, Any]
Documents = Database[Document]
_AT_ONCE = 500


def multiply(source: Documents, target: Documents, keystems: int, partitions: int) -> None:
    """Fill an initialised database with so many facilities like those of `source`.

    The totals and positions are those of `source`: how many facilities there are does not show in their size.
    """
    patterns = list(source[documents.KEYDATA].find())
    _insert(target[documents.KEYDATA], facilities(patterns, keystems, partitions))
    for name in (documents.TOTALS, progress.POSITIONS):
        target[name].delete_many({})
        target[name].insert_many(list(source[name].find()))


def facilities(patterns: Sequence[Document], keystems: int, partitions: int) -> Iterator[Document]:
    """Each has another average latency, so that the order by it is one."""
    for number in range(keystems):
        stem = keystem(number)
        yield {
            **slower(patterns[number % len(patterns)], number),
            "_id": stem,
            "partition": partition_of(stem, partitions),
        }


def slower(pattern: Document, by_ns: int) -> Document:
    """The same with every answer so much later; the distribution stays as it is."""
    latency = pattern["latency"]
    total = int(latency["sum"].to_decimal()) + by_ns * latency["n"]
    return {
        **pattern,
        "latency": {**latency, "sum": Decimal128(str(total))},
        documents.LATENCY_MEAN: Decimal128(f"{total / latency['n']:.3f}"),
    }


def _insert(collection: Collection[Document], found: Iterable[Document]) -> None:
    rest = iter(found)
    while some := list(islice(rest, _AT_ONCE)):
        collection.insert_many(some, ordered=False)
