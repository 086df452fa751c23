"""Which keystem a pack belongs to: each source in its turn, and no key kept."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.keystem import Credential, Keystems, credential, is_keystem

KEY = "aqRAiz-8RAabcdefghijklmnopqrstuvwxyz0123456789_-ABCDEFGHIJKLMNOP"


def caller(key: str = KEY) -> Credential:
    return Credential(f"apikey {key}", key)


@pytest.fixture
def keystems() -> Keystems:
    return Keystems(b"secret")


@pytest.mark.parametrize(
    ("authorization", "body_key", "expected"),
    [
        (f"apikey {KEY}", None, Credential(f"apikey {KEY}", KEY)),
        (f"APIKEY   {KEY} ", None, Credential(f"APIKEY   {KEY} ", KEY)),
        (f"apikey {KEY}", "another", Credential(f"apikey {KEY}", KEY)),
        (KEY, None, Credential(KEY, KEY)),
        ("Bearer token", None, Credential("Bearer token", None)),
        (None, KEY, Credential(KEY, KEY)),
        ("", KEY, Credential(KEY, KEY)),
        (None, "", None),
        (None, 5, None),
        (None, None, None),
    ],
)
def test_a_credential_is_the_header_or_the_legacy_field(
    authorization: str | None, body_key: object, expected: Credential | None
) -> None:
    assert credential(authorization, body_key) == expected


def test_a_credential_shows_nothing_of_itself() -> None:
    assert KEY not in repr(caller())
    assert KEY not in f"{caller()}"


def test_the_answer_says_whose_the_pack_is(keystems: Keystems) -> None:
    assert keystems.resolve(caller(), "aqRAiz-8RA", 200) == ("aqRAiz-8RA", "answer")


def test_what_the_last_answer_said_holds_for_an_answer_that_says_nothing(keystems: Keystems) -> None:
    keystems.resolve(caller(), "first", 200)
    keystems.resolve(caller(), "second", 200)

    assert keystems.resolve(caller(), None, None) == ("second", "remembered")
    assert keystems.resolve(caller(), None, 401) == ("second", "remembered")
    assert keystems.resolve(caller(KEY[::-1]), None, None) == (KEY[::-1][:10], "key")


def test_the_beginning_of_a_long_key_stands_in_unless_upstream_refused_it(keystems: Keystems) -> None:
    assert keystems.resolve(caller(), None, 500) == (KEY[:10], "key")
    assert keystems.resolve(caller(), None, None) == (KEY[:10], "key")
    assert keystems.resolve(caller(), None, 401) == ("unknown", "none")


@pytest.mark.parametrize("key", [KEY[:31], KEY[:40] + "!", "undefined", KEY + "\n"])
def test_what_does_not_look_like_a_key_is_nobodys(keystems: Keystems, key: str) -> None:
    assert keystems.resolve(caller(key), None, 200) == ("unknown", "none")


def test_another_scheme_is_remembered_but_gives_no_stem_of_itself(keystems: Keystems) -> None:
    bearer = Credential(f"Bearer {KEY}", None)

    assert keystems.resolve(bearer, None, 200) == ("unknown", "none")
    keystems.resolve(bearer, "stem", 200)
    assert keystems.resolve(bearer, None, 200) == ("stem", "remembered")


@pytest.mark.parametrize("said", ["", "all", "a b", "ü", "x" * 65, "x\n", 5, None, True, ["stem"], {"a": 1}, "../etc"])
def test_what_is_no_keystem_is_passed_over(keystems: Keystems, said: object) -> None:
    assert not is_keystem(said)
    assert keystems.resolve(caller(), said, 200) == (KEY[:10], "key")
    assert keystems.resolve(None, said, 200) == ("unknown", "none")


def test_an_answer_that_gives_back_the_whole_key_gives_no_stem(keystems: Keystems) -> None:
    assert keystems.resolve(caller(), KEY, 200) == (KEY[:10], "key")
    assert keystems.resolve(caller("short-key"), "short-key", 200) == ("short-key", "answer")


def test_without_credential_nothing_is_remembered(keystems: Keystems) -> None:
    assert keystems.resolve(None, "stem", 200) == ("stem", "answer")
    assert keystems.resolve(None, None, 200) == ("unknown", "none")
    assert len(keystems) == 0


def test_the_credential_unused_for_longest_is_forgotten() -> None:
    keystems = Keystems(b"secret", capacity=2)
    short = [Credential(f"apikey k{number}", f"k{number}") for number in range(3)]
    keystems.resolve(short[0], "s0", 200)
    keystems.resolve(short[1], "s1", 200)
    keystems.resolve(short[0], None, 200)
    keystems.resolve(short[2], "s2", 200)

    assert len(keystems) == 2
    assert [keystems.resolve(each, None, 200).keystem for each in short] == ["s0", "unknown", "s2"]


def test_no_key_is_kept(keystems: Keystems) -> None:
    keystems.resolve(caller(), "stem", 200)

    assert KEY not in repr(vars(keystems))


@settings(deadline=None)
@given(st.text(), st.text() | st.none(), st.sampled_from([200, 401, 500, None]))
def test_a_keystem_is_always_one(key: str, said: str | None, status: int | None) -> None:
    resolved = Keystems(b"secret").resolve(credential(f"apikey {key}", None), said, status)

    assert is_keystem(resolved.keystem)
