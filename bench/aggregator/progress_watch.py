"""What MongoDB says of a database that aggregators write: who holds which partition, how far it is, what is counted."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from pymongo import MongoClient

from bench.errors import BenchError
from common.documents import TOTALS
from common.progress import POSITIONS

_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """A partition as its position says."""

    owner: str | None
    next_offset: int


class Database:
    """The documents of one workspace. A context manager."""

    def __init__(self, uri: str, name: str) -> None:
        self.client: MongoClient[dict[str, Any]] = MongoClient(uri, tz_aware=True)
        self.documents = self.client[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def places(self) -> dict[int, Place]:
        found = self.documents[POSITIONS].find({}, {"partition": True, "owner": True, "next_offset": True})
        return {each["partition"]: Place(each.get("owner"), int(each["next_offset"])) for each in found}

    def owners(self) -> Counter[str]:
        return Counter(place.owner for place in self.places().values() if place.owner is not None)

    def folded(self) -> int:
        """Records that positions are behind."""
        return sum(place.next_offset for place in self.places().values())

    def counted(self) -> int:
        """Events in the totals."""
        return sum(int(each["requests"]) for each in self.documents[TOTALS].find({}, {"requests": True}))


def await_(what: str, check: Callable[[], bool], within_s: float) -> float:
    """The moment (time.time()) at which something was seen to be so. BenchError where it never is."""
    deadline = time.monotonic() + within_s
    while not check():
        if time.monotonic() > deadline:
            raise BenchError(f"waited {within_s:.0f} s in vain: {what}")
        time.sleep(_LOOK_EVERY_S)
    return time.time()
