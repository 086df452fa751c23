"""An answer is unpacked as its coding says, whole or not at all, and never to more than is allowed."""

import gzip
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]  # the package has no types
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.content_coding import UndecodableError, decoded

LIMIT = 100_000


def bare_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("coding", PACKERS)
@given(content=st.binary(max_size=2000))
@settings(max_examples=25, deadline=None)
def test_content_is_unpacked(coding: str, content: bytes) -> None:
    assert decoded(PACKERS[coding](content), coding, LIMIT) == content


@pytest.mark.parametrize("content", [b"", b"x", b"{}", b'{"boxes":[]}' * 100])
def test_deflate_without_its_wrapper_is_unpacked_too(content: bytes) -> None:
    assert decoded(bare_deflate(content), "deflate", LIMIT) == content


def test_codings_are_undone_from_the_last_to_the_first() -> None:
    assert decoded(brotli.compress(gzip.compress(b"pack")), " GZip , identity,br ", LIMIT) == b"pack"


@pytest.mark.parametrize("codings", ["", "identity", " , "])
def test_without_coding_nothing_happens(codings: str) -> None:
    assert decoded(b"pack", codings, 1) == b"pack"


def test_several_members_and_frames_are_one_content() -> None:
    assert decoded(gzip.compress(b"a") + gzip.compress(b"b") + b"\0\0", "gzip", LIMIT) == b"ab"
    assert decoded(zstd.compress(b"a") + zstd.compress(b"b"), "zstd", LIMIT) == b"ab"


@pytest.mark.parametrize("coding", PACKERS)
def test_content_of_just_the_limit_is_taken_and_one_byte_more_is_not(coding: str) -> None:
    assert len(decoded(PACKERS[coding](b"a" * LIMIT), coding, LIMIT)) == LIMIT
    with pytest.raises(UndecodableError, match="too large"):
        decoded(PACKERS[coding](b"a" * (LIMIT + 1)), coding, LIMIT)


@pytest.mark.parametrize("coding", PACKERS)
def test_a_bomb_is_not_unpacked(coding: str) -> None:
    with pytest.raises(UndecodableError, match="too large"):
        decoded(PACKERS[coding](bytes(2_000_000)), coding, LIMIT)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_many_small_members_are_bounded_as_one(coding: str) -> None:
    members = PACKERS[coding](b"a" * 1000) * (1 if coding in {"deflate", "br"} else 50)
    limit = 999 if coding in {"deflate", "br"} else 49_999
    with pytest.raises(UndecodableError, match="too large"):
        decoded(members, coding, limit)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_an_avalanche_of_empty_members_is_not_dug_through(coding: str) -> None:
    assert decoded(PACKERS[coding](b"") * 64, coding, LIMIT) == b""
    with pytest.raises(UndecodableError, match="too many parts"):
        decoded(PACKERS[coding](b"") * 65, coding, LIMIT)


@pytest.mark.parametrize("coding", PACKERS)
def test_content_that_is_cut_off_is_undecodable(coding: str) -> None:
    whole = PACKERS[coding](bytes(range(256)) * 20)
    for kept in (1, len(whole) // 2, len(whole) - 1):
        with pytest.raises(UndecodableError):
            decoded(whole[:kept], coding, LIMIT)


@pytest.mark.parametrize("coding", PACKERS)
def test_garbage_is_undecodable(coding: str) -> None:
    with pytest.raises(UndecodableError):
        decoded(b"\xff" * 100, coding, LIMIT)


@pytest.mark.parametrize("codings", ["compress", "gzip2", "gzip;q=1"])
def test_an_unknown_coding_is_undecodable(codings: str) -> None:
    with pytest.raises(UndecodableError, match="not known"):
        decoded(b"pack", codings, LIMIT)


def test_a_heap_of_codings_is_undecodable() -> None:
    with pytest.raises(UndecodableError, match="4 content codings"):
        decoded(b"pack", "gzip,gzip,gzip,gzip", LIMIT)


@pytest.mark.parametrize("coding", PACKERS)
@given(junk=st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_no_bytes_make_it_raise_anything_else(coding: str, junk: bytes) -> None:
    try:
        decoded(junk, coding, LIMIT)
    except UndecodableError:
        return
