"""Reads a decoded JSON object field by field and collects what is wrong with it, so that one 422 names every problem.

`null` counts as absent, fields nobody asks for are ignored, whole numbers may be written as `3.0`: callers of the API rely on all three.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sandbox.measures import Dims, micro

_MOST_PROBLEMS: Final = 8
_LARGEST: Final = 1e9
"""No length, weight or count beyond this is meant; it also keeps the arithmetic in bounds."""

Json = Mapping[str, Any]


class Problems:
    """What is wrong with a request, each with the place where it is wrong."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, where: str, what: str) -> None:
        self._found.append(f"{where}: {what}" if where else what)

    def text(self) -> str:
        shown = self._found[:_MOST_PROBLEMS]
        more = len(self._found) - len(shown)
        return "; ".join([*shown, f"and {more} more"] if more else shown)


class Reader:
    """One object of the request. A wrong field is noted and reads as its default.

    Where it stands is put into words only for a problem, as most requests have none.
    """

    __slots__ = ("_name", "_parent", "_source", "problems")

    def __init__(self, source: Json, name: str, problems: Problems, parent: "Reader | None" = None) -> None:
        self._source = source
        self._name = name
        self._parent = parent
        self.problems = problems

    @property
    def source(self) -> Json:
        return self._source

    def has(self, name: str) -> bool:
        return self._source.get(name) is not None

    def where(self, name: str) -> str:
        path = self._parent.where(self._name) if self._parent else self._name
        return ".".join(part for part in (path, name) if part)

    def complain(self, name: str, what: str) -> None:
        self.problems.add(self.where(name), what)

    def number(self, name: str, default: float = 0.0, *, least: float = -_LARGEST, most: float = _LARGEST) -> float:
        value = self._number(name, least, most)
        return default if value is None else value

    def integer(self, name: str, default: int = 0, *, least: int = -int(_LARGEST), most: int = int(_LARGEST)) -> int:
        value = self._number(name, least, most)
        if value is not None and not value.is_integer():
            self.complain(name, f"must be a whole number, not {value:g}")
            return default
        return default if value is None else int(value)

    def _number(self, name: str, least: float, most: float) -> float | None:
        """The number, or None where there is none or it is a problem."""
        value = self._source.get(name)
        if value is None:
            return None
        if value.__class__ is not int and value.__class__ is not float:  # not isinstance: a boolean is no number here
            self.complain(name, f"must be a number, not {_kind(value)}")
        elif value < least:
            self.complain(name, f"must be at least {least:g}")
        elif value > most:
            self.complain(name, f"must be at most {most:g}")
        else:
            return float(value)
        return None

    def limit(self, name: str, default: int = 0) -> int:
        """A maximum count: 0, negative and null all mean that there is none."""
        return max(self.integer(name, default), 0)

    def text(self, name: str, default: str = "") -> str:
        value = self._source.get(name)
        if value is None or isinstance(value, str):
            return default if value is None else value
        self.complain(name, f"must be a string, not {_kind(value)}")
        return default

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._source.get(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.complain(name, f"must be true or false, not {_kind(value)}")
        return default

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of a few words; an empty one counts as absent, as in the API's own examples."""
        value = self.text(name) or default
        if value not in choices:
            self.complain(name, f"must be one of {', '.join(choices)}, not {value!r}")
            return default
        return value

    def child(self, name: str) -> "Reader | None":
        """The object below this name, or None."""
        value = self._source.get(name)
        if value is None:
            return None
        if isinstance(value, dict):
            return Reader(value, name, self.problems, self)
        self.complain(name, f"must be an object, not {_kind(value)}")
        return None

    def children(self, name: str) -> Iterator["Reader"]:
        """The objects of the array below this name."""
        for element in self._elements(name):
            child = element.child("")
            if child is not None:
                yield child

    def numbers(self, name: str, *, least: float = -_LARGEST) -> tuple[float, ...]:
        """The numbers of the array below this name."""
        return tuple(element.number("", least=least) for element in self._elements(name))

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(element.text("") for element in self._elements(name))

    def point(self, name: str) -> Dims | None:
        """Three coordinates, each 0 where it is missing; None where there is no point at all."""
        point = self.child(name)
        if point is None:
            return None
        return micro(point.number("x")), micro(point.number("y")), micro(point.number("z"))

    def dimensions(self, name: str) -> Dims | None:
        """Three lengths above 0, or a problem."""
        child = self.child(name)
        if child is None:
            if not self.has(name):
                self.complain(name, "is needed")
            return None
        x, y, z = (child.length(axis) for axis in "xyz")
        return (x, y, z) if min(x, y, z) > 0 else None

    def length(self, name: str) -> int:
        """A length above 0; 0 where it is a problem."""
        value = self._number(name, -_LARGEST, _LARGEST)
        length = micro(value or 0)
        if length <= 0 and (value is not None or not self.has(name)):
            self.complain(name, "must be greater than 0")
        return max(length, 0)

    def _elements(self, name: str) -> Iterator["Reader"]:
        """Each element of the array below this name, readable under the empty name."""
        value = self._source.get(name)
        if isinstance(value, list):
            for index, element in enumerate(value):
                yield Reader({"": element}, f"{name}[{index}]", self.problems, self)
        elif value is not None:
            self.complain(name, f"must be an array, not {_kind(value)}")


def _kind(value: object) -> str:
    kinds = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return kinds.get(type(value), "null")
