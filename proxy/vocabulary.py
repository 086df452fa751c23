"""Pure: which names each keystem has used, so that one that invents names cannot grow documents without bound.

Cartons, reference ids and offered lists of a keystem: the first 512 of each that this process sees keep their name,
further ones are `(other)`. The memory for all keystems together is bounded too: the one unused for longest is forgotten.
"""

from collections import OrderedDict
from typing import Final

from common.events import MAX_CARTON_NAMES, OTHER_CARTON

MAX_NAMES_IN_ALL: Final = 400_000  # about 50 MB at the very most


class Names:
    """The names of one keystem."""

    __slots__ = ("_limit", "cartons", "offered", "ref_ids", "sent")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.cartons: set[str] = set()
        self.ref_ids: set[str] = set()
        self.offered: set[str] = set()
        self.sent: set[str] = set()  # offered lists whose cartons are in an event of this session

    def carton(self, name: str) -> str:
        return self._admit(self.cartons, name)

    def ref_id(self, name: str) -> str:
        return self._admit(self.ref_ids, name)

    def offered_list(self, digest: str) -> str:
        return self._admit(self.offered, digest)

    def __len__(self) -> int:
        return len(self.cartons) + len(self.ref_ids) + len(self.offered)

    def _admit(self, known: set[str], name: str) -> str:
        if name in known:
            return name
        if len(known) >= self._limit:
            return OTHER_CARTON
        known.add(name)
        return name


class Vocabulary:
    """The names of all keystems."""

    def __init__(self, limit: int = MAX_CARTON_NAMES, in_all: int = MAX_NAMES_IN_ALL) -> None:
        self._limit = limit
        self._in_all = in_all
        self._total = 0
        self._names: OrderedDict[str, Names] = OrderedDict()
        self._last: tuple[Names, int] | None = None  # the one lent out, and how large it was then
        self._session: str | None = None

    def of(self, keystem: str, session: str) -> Names:
        """The names of a keystem, to be used before the next call."""
        self._settle()
        if session != self._session:
            self._begin(session)
        names = self._names.get(keystem)
        if names is None:
            names = self._names[keystem] = Names(self._limit)
            self._total += 1  # an empty one costs something too
        else:
            self._names.move_to_end(keystem)
        self._last = (names, len(names))
        return names

    def __len__(self) -> int:
        return len(self._names)

    def _settle(self) -> None:
        """Account for what the last user added, and forget who was unused for longest while there is too much."""
        if self._last is not None:
            names, before = self._last
            self._total += len(names) - before
            self._last = None
        while self._total > self._in_all:
            _, forgotten = self._names.popitem(last=False)
            self._total -= len(forgotten) + 1

    def _begin(self, session: str) -> None:
        """Another session: its readers have not seen the offered lists yet."""
        self._session = session
        for names in self._names.values():
            names.sent.clear()
