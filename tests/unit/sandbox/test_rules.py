"""What rules mean for each kind of item."""

from typing import Any

from sandbox.model import Carton, ItemKind, Restrictions
from sandbox.reader import Problems, Reader
from sandbox.rules import RuleBook, orientations

KINDS = [
    ItemKind(0, (1, 2, 3), 1, name="glue bottle", sequence="A"),
    ItemKind(1, (4, 4, 4), 1, name="cake", sequence="B", properties={"class": "food"}),
    ItemKind(2, (5, 5, 6), 1, name="glue stick", sequence="A"),
]
CARTONS = [Carton((9, 9, 9), ref_id=7, name="plain"), Carton((9, 9, 9), ref_id=8, name="insulated")]


def restrictions(*rules: dict[str, Any]) -> tuple[Restrictions, ...]:
    problems = Problems()
    book = RuleBook(KINDS, CARTONS)
    for rule in rules:
        book.read(Reader(rule, "rules[0]", problems))
    assert not problems, problems.text()
    return book.restrictions()


def apart(*rules: dict[str, Any]) -> list[set[int]]:
    return [set(found.apart_from) for found in restrictions(*rules)]


def test_keeping_apart_goes_both_ways() -> None:
    assert apart({"operation": "exclude", "itemRefId": 0, "targetItemRefIds": [1]}) == [{1}, {0}, set()]


def test_items_are_found_by_ref_id_sequence_and_match() -> None:
    exclude = {"operation": "exclude", "targetItemRefIds": [1]}
    assert apart(exclude | {"itemSequence": "A"}) == [{1}, {0, 2}, {1}]
    assert apart(exclude | {"itemMatch": {"property": "name", "expression": "glue"}}) == [{1}, {0, 2}, {1}]
    assert apart(exclude | {"itemMatch": {"all": True}}) == [{1}, {0, 2}, {1}]
    food = {"property": "class", "expressions": ["foo", "bar"]}
    assert apart(exclude | {"itemMatch": food}) == [set(), set(), set()], "an item is not kept from itself"
    assert apart(exclude | {"itemMatch": food | {"negate": True}}) == [{1}, {0, 2}, {1}]


def test_targets_are_found_likewise() -> None:
    exclude = {"operation": "exclude", "itemRefId": 1}
    assert apart(exclude | {"targetItemSequences": ["A"]}) == [{1}, {0, 2}, {1}]
    assert apart(exclude | {"targetItemMatch": {"property": "name", "expression": "stick"}}) == [set(), {2}, {1}]


def test_cartons_can_be_forbidden() -> None:
    exclude = {"operation": "exclude", "itemRefId": 1}
    assert restrictions(exclude | {"targetBoxRefIds": [8]})[1].not_into == {1}
    assert restrictions(exclude | {"targetBoxMatch": {"property": "name", "expression": "plain"}})[1].not_into == {0}


def test_exclude_all_keeps_an_item_from_all_others() -> None:
    assert apart({"operation": "exclude-all", "itemRefId": 2}) == [{2}, {2}, {0, 1}]


def test_an_item_may_be_turned_unless_it_is_locked() -> None:
    free, _, locked = restrictions({"operation": "lock-orientation", "itemRefId": 2})
    assert len(free.turns) == 6
    assert locked.turns == ((5, 5, 6),)


def test_a_locked_item_turns_about_its_free_axes() -> None:
    def turns(*axes: int) -> set[tuple[int, int, int]]:
        return set(
            restrictions({"operation": "lock-orientation", "itemRefId": 0, "options": {"freeAxes": list(axes)}})[
                0
            ].turns
        )

    assert turns(0) == {(1, 2, 3), (1, 3, 2)}
    assert turns(2) == {(1, 2, 3), (2, 1, 3)}
    assert len(turns(0, 1)) == 6


def test_orientations_that_look_the_same_are_one() -> None:
    assert orientations((1, 2, 3))[0] == (1, 2, 3)
    assert [len(orientations(dims)) for dims in ((1, 2, 3), (2, 2, 3), (2, 2, 2))] == [6, 3, 1]


def test_what_is_not_followed_is_remembered() -> None:
    book = RuleBook(KINDS, CARTONS)
    book.read(Reader({"operation": "bounded-fill"}, "", Problems()))
    assert book.ignored == ["bounded-fill"]
