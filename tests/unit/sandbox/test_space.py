"""Free space: nothing that is placed touches anything else, and no room is lost."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.measures import Dims, volume
from sandbox.rules import orientations
from sandbox.space import MOST_SPACES, FreeSpace

_SIDES = st.integers(1, 9)
_DIMS = st.tuples(_SIDES, _SIDES, _SIDES)
_BOX: Dims = (12, 10, 14)


def overlap(one: tuple[Dims, Dims], two: tuple[Dims, Dims]) -> bool:
    return all(one[0][a] < two[0][a] + two[1][a] and two[0][a] < one[0][a] + one[1][a] for a in range(3))


def inside(place: tuple[Dims, Dims], box: Dims) -> bool:
    return all(place[0][a] >= 0 and place[0][a] + place[1][a] <= box[a] for a in range(3))


@given(st.lists(_DIMS, max_size=30), st.permutations([0, 1, 2]))
@settings(max_examples=60, deadline=None)
def test_placed_items_stay_inside_and_apart(items: list[Dims], order: list[int]) -> None:
    space = FreeSpace(_BOX, (order[0], order[1], order[2]))
    places = [place for item in items if (place := space.place(orientations(item)))]
    assert all(inside(place, _BOX) for place in places)
    assert not any(overlap(one, two) for one, two in combinations(places, 2))


@given(st.lists(st.tuples(st.tuples(*[st.integers(0, 8)] * 3), _DIMS), max_size=4), st.lists(_DIMS, max_size=12))
@settings(max_examples=40, deadline=None)
def test_nothing_is_placed_where_something_stands(standing: list[tuple[Dims, Dims]], items: list[Dims]) -> None:
    space = FreeSpace(_BOX)
    for origin, dims in standing:
        space.block(origin, dims)
    places = [place for item in items if (place := space.place(orientations(item)))]
    assert not any(overlap(place, block) for place in places for block in standing)


@given(_DIMS, st.tuples(*[st.integers(0, 5)] * 3))
@settings(max_examples=12, deadline=None)
def test_room_around_an_obstacle_is_used_to_the_last_unit(dims: Dims, origin: Dims) -> None:
    space = FreeSpace(_BOX)
    space.block(origin, dims)
    free = sum(1 for _ in iter(lambda: space.place([(1, 1, 1)]), None))
    seen = [min(origin[a] + dims[a], _BOX[a]) - origin[a] for a in range(3)]
    assert free == volume(_BOX) - seen[0] * seen[1] * seen[2]


def test_search_begins_at_the_first_axis_given() -> None:
    flat = [(1, 1, 1)]
    up_last, up_first = FreeSpace((2, 2, 2)), FreeSpace((2, 2, 2), (2, 1, 0))
    for space in (up_last, up_first):
        space.place(flat)
    assert up_last.place(flat) == ((0, 0, 1), (1, 1, 1))
    assert up_first.place(flat) == ((1, 0, 0), (1, 1, 1))


def test_slivers_are_dropped() -> None:
    space = FreeSpace((10, 10, 10), least=3)
    space.place([(8, 8, 8)])
    assert space.place([(2, 2, 2)]) is None


def test_the_number_of_spaces_is_bounded() -> None:
    space = FreeSpace((100, 100, 100))
    for _ in range(2 * MOST_SPACES):
        assert space.place([(2, 3, 5)])
    assert len(space._spaces) <= MOST_SPACES + 2
