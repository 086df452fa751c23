"""The seen numbers of a session, compared with a plain set."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.seen import Seen

SEQS = st.lists(st.integers(1, 40), max_size=80)


def numbers(seen: Seen) -> set[int]:
    return set(range(1, seen.upto + 1)).union(*(range(first, last + 1) for first, last in seen.ranges))


@given(SEQS)
@example([1, 1])
@example([3, 3, 1, 2, 2, 3])
@example([5, 3, 4, 4, 9, 7, 8, 1, 2, 6, 9])
def test_it_holds_what_a_set_holds(seqs: list[int]) -> None:
    seen, plain = Seen(), set[int]()
    for seq in seqs:
        assert (seq in seen) == (seq in plain)
        assert seen.add(seq) == (seq not in plain)
        plain.add(seq)
        assert seq in seen
    assert numbers(seen) == plain
    assert [seq in seen for seq in range(1, 45)] == [seq in plain for seq in range(1, 45)]


@given(SEQS)
def test_its_form_is_the_smallest_and_depends_on_its_members_alone(seqs: list[int]) -> None:
    seen = Seen()
    for seq in seqs:
        seen.add(seq)
    again = Seen()
    for seq in sorted(set(seqs)):
        again.add(seq)
    assert seen == again
    edges = [[0, seen.upto], *seen.ranges]
    assert all(before[1] + 1 < after[0] for before, after in pairwise(edges)), "ranges are apart and ascend"
    assert all(first <= last for first, last in seen.ranges)


@given(SEQS, SEQS)
def test_a_copy_goes_its_own_way(before: list[int], after: list[int]) -> None:
    seen = Seen()
    for seq in before:
        seen.add(seq)
    kept = numbers(seen)
    copy = seen.copy()
    assert copy == seen
    for seq in after:
        copy.add(seq)
    assert numbers(seen) == kept


def test_a_stored_state_goes_on_where_it_was() -> None:
    seen = Seen(3, [[5, 6], [9, 9]])
    assert seen.add(4)
    assert seen == Seen(6, [[9, 9]])
    assert [seq for seq in range(1, 12) if seq in seen] == [1, 2, 3, 4, 5, 6, 9]


def test_it_is_no_key_and_equals_nothing_else() -> None:
    with pytest.raises(TypeError):
        hash(Seen())
    assert Seen(3) != 3
    assert repr(Seen(3, [[5, 6]])) == "Seen(3, [[5, 6]])"
