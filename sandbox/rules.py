"""What the rules of a request mean for each kind of item: which others and which cartons it keeps away from, and how it may be turned."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, Final

from sandbox.measures import Dims
from sandbox.model import Carton, ItemKind, Restrictions
from sandbox.reader import Reader

OPERATIONS: Final = (
    "exclude",
    "exclude-all",
    "pack-as-is",
    "irregular",
    "lock-orientation",
    "internal-space",
    "alternate-dimensions",
    "fragile",
    "set-properties",
    "group-pack",
    "pack-sequence",
    "bounded-fill",
)
UNDOCUMENTED: Final = ("compact-pattern",)
"""Operations that clients send although no document names them."""


@dataclass(slots=True)
class _Gathered:
    """What has been found out about one kind so far."""

    apart_from: set[int] = field(default_factory=set)
    not_into: set[int] = field(default_factory=set)
    as_is: bool = False
    turns: tuple[Dims, ...] | None = None


class RuleBook:
    """Applies rules one after the other; `ignored` names the operations that the sandbox does not know how to follow."""

    def __init__(self, kinds: Sequence[ItemKind], cartons: Sequence[Carton]) -> None:
        self._kinds = kinds
        self._cartons = cartons
        self._gathered = [_Gathered() for _ in kinds]
        self.ignored: list[str] = []

    def read(self, rule: Reader) -> None:
        operation = rule.text("operation")
        if operation not in OPERATIONS + UNDOCUMENTED:
            rule.complain("operation", f"must be one of {', '.join(OPERATIONS)}, not {operation!r}")
            return
        apply = self._operations().get(operation)
        if apply is None:
            self.ignored.append(operation)
            return
        apply(rule, self._subjects(rule))

    def restrictions(self) -> tuple[Restrictions, ...]:
        """The outcome, in the order of the kinds; keeping apart goes both ways."""
        for index, found in enumerate(self._gathered):
            for other in found.apart_from:
                self._gathered[other].apart_from.add(index)
        return tuple(
            Restrictions(
                frozenset(found.apart_from),
                frozenset(found.not_into),
                found.as_is,
                found.turns or orientations(kind.dims),
            )
            for kind, found in zip(self._kinds, self._gathered, strict=True)
        )

    def _operations(self) -> Mapping[str, Callable[[Reader, list[int]], None]]:
        return {
            "exclude": self._exclude,
            "exclude-all": self._exclude_all,
            "pack-as-is": self._pack_as_is,
            "lock-orientation": self._lock_orientation,
        }

    def _exclude(self, rule: Reader, subjects: list[int]) -> None:
        targets = self._targets(rule)
        boxes = self._target_boxes(rule)
        for index in subjects:
            self._gathered[index].apart_from |= targets - {index}
            self._gathered[index].not_into |= boxes

    def _exclude_all(self, rule: Reader, subjects: list[int]) -> None:
        del rule
        for index in subjects:
            ref_id = self._kinds[index].ref_id
            self._gathered[index].apart_from |= {
                other for other, kind in enumerate(self._kinds) if kind.ref_id != ref_id
            }

    def _pack_as_is(self, rule: Reader, subjects: list[int]) -> None:
        del rule
        for index in subjects:
            self._gathered[index].as_is = True

    def _lock_orientation(self, rule: Reader, subjects: list[int]) -> None:
        options = rule.child("options")
        free = [int(axis) for axis in options.numbers("freeAxes")] if options else []
        for index in subjects:
            self._gathered[index].turns = _turned_about(self._kinds[index].dims, free)

    def _subjects(self, rule: Reader) -> list[int]:
        """The kinds a rule is about: by refId, by sequence or by a match."""
        match = _ItemMatch.read(rule.child("itemMatch"))
        by_ref_id, by_sequence = rule.has("itemRefId"), rule.has("itemSequence")
        ref_id, sequence = rule.integer("itemRefId"), rule.text("itemSequence")
        return [
            index
            for index, kind in enumerate(self._kinds)
            if (by_ref_id and kind.ref_id == ref_id)
            or (by_sequence and kind.sequence == sequence)
            or (match and match.covers(kind))
        ]

    def _targets(self, rule: Reader) -> set[int]:
        match = _ItemMatch.read(rule.child("targetItemMatch"))
        ref_ids, sequences = set(rule.numbers("targetItemRefIds")), set(rule.texts("targetItemSequences"))
        return {
            index
            for index, kind in enumerate(self._kinds)
            if kind.ref_id in ref_ids or kind.sequence in sequences or (match and match.covers(kind))
        }

    def _target_boxes(self, rule: Reader) -> set[int]:
        match = _ItemMatch.read(rule.child("targetBoxMatch"))
        ref_ids = set(rule.numbers("targetBoxRefIds"))
        return {
            index
            for index, carton in enumerate(self._cartons)
            if carton.ref_id in ref_ids or (match and match.found_in({"name": carton.name}))
        }


@dataclass(frozen=True, slots=True)
class _ItemMatch:
    """Looks for substrings in one property."""

    everything: bool
    name: str
    expressions: tuple[str, ...]
    negate: bool

    @classmethod
    def read(cls, match: Reader | None) -> "_ItemMatch | None":
        if match is None:
            return None
        expressions = match.texts("expressions") + ((match.text("expression"),) if match.has("expression") else ())
        return cls(match.flag("all"), match.text("property"), expressions, match.flag("negate"))

    def covers(self, kind: ItemKind) -> bool:
        return self.everything or self.found_in(
            {**(kind.properties or {}), "name": kind.name, "sequence": kind.sequence}
        )

    def found_in(self, properties: Mapping[str, Any]) -> bool:
        value = properties.get(self.name)
        found = isinstance(value, str) and any(expression in value for expression in self.expressions)
        return found != self.negate


def orientations(dims: Dims) -> tuple[Dims, ...]:
    """The different ways a cuboid can stand, as given first."""
    return tuple(dict.fromkeys((x, y, z) for x, y, z in permutations(dims)))


def _turned_about(dims: Dims, free_axes: Sequence[int]) -> tuple[Dims, ...]:
    """The given orientation, and those reached by a quarter turn about one of the free axes after another."""
    found = [dims]
    for start in found:  # grows while it is walked, until no turn leads anywhere new
        for axis in free_axes:
            a, b = (other for other in range(3) if other != axis % 3)
            sides = list(start)
            sides[a], sides[b] = sides[b], sides[a]
            turned = (sides[0], sides[1], sides[2])
            if turned not in found:
                found.append(turned)
    return tuple(found)
