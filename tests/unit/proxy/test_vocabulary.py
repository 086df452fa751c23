"""A keystem that invents names cannot grow documents, nor the process, without bound."""

from hypothesis import given, settings
from hypothesis import strategies as st

from common.events import MAX_CARTON_NAMES, OTHER_CARTON
from proxy.vocabulary import Vocabulary

SESSION = "one"


def test_the_first_512_names_of_each_sort_are_kept() -> None:
    names = Vocabulary().of("stem", SESSION)
    for number in range(MAX_CARTON_NAMES):
        assert names.carton(f"c{number}") == f"c{number}"
        assert names.ref_id(f"r{number}") == f"r{number}"
        assert names.offered_list(f"o{number}") == f"o{number}"

    assert names.carton("one more") == names.ref_id("one more") == names.offered_list("one more") == OTHER_CARTON
    assert names.carton("c0") == "c0"


def test_keystems_do_not_share_names() -> None:
    vocabulary = Vocabulary(limit=1)
    vocabulary.of("a", SESSION).carton("x")

    assert vocabulary.of("b", SESSION).carton("y") == "y"
    assert vocabulary.of("a", SESSION).carton("y") == OTHER_CARTON


def test_the_keystem_unused_for_longest_is_forgotten_when_there_are_too_many_names() -> None:
    vocabulary = Vocabulary(limit=2, in_all=6)
    for keystem in ("a", "b", "a"):
        vocabulary.of(keystem, SESSION).carton(f"{keystem}1")
    for name in ("c1", "c2"):
        vocabulary.of("c", SESSION).carton(name)
    vocabulary.of("d", SESSION)

    assert len(vocabulary) == 3
    assert vocabulary.of("b", SESSION).cartons == set()


def test_sent_lists_are_forgotten_with_the_session_and_names_are_not() -> None:
    vocabulary = Vocabulary()
    names = vocabulary.of("stem", SESSION)
    names.offered_list("hash")
    names.sent.add("hash")
    assert vocabulary.of("stem", SESSION).sent == {"hash"}

    again = vocabulary.of("stem", "two")

    assert again.sent == set()
    assert again.offered == {"hash"}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 50)), max_size=200))
def test_memory_stays_within_its_bound(uses: list[tuple[int, int]]) -> None:
    vocabulary = Vocabulary(limit=4, in_all=30)
    for keystem, name in uses:
        vocabulary.of(str(keystem), SESSION).carton(str(name))
    vocabulary.of("last", SESSION)

    assert sum(len(names) + 1 for names in vocabulary._names.values()) == vocabulary._total
    assert vocabulary._total <= 30 + 1
