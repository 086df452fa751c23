"""A body is taken whole and within its size, or not at all."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from starlette.types import Message, Receive

from proxy.request_body import BodyRoom, BodyTooLargeError, CallerGoneError, Held, NoRoomError, read_body


def receiving(*messages: Message) -> Receive:
    left: Iterator[Message] = iter(messages)

    async def receive() -> Message:
        return next(left)

    return receive


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def held(room: int = 1000) -> Held:
    return Held(BodyRoom(room))


GONE: Message = {"type": "http.disconnect"}


@pytest.mark.parametrize(
    ("messages", "body"),
    [
        ([part(b"pack")], b"pack"),
        ([part(b"pa", more=True), part(b"", more=True), part(b"ck")], b"pack"),
        ([{"type": "http.request"}], b""),
    ],
)
async def test_a_body_is_read_whole(messages: list[Message], body: bytes) -> None:
    assert await read_body(receiving(*messages), [], 4, held()) == body


@pytest.mark.parametrize("messages", [[GONE], [part(b"pa", more=True), GONE]])
async def test_a_caller_that_leaves_has_sent_nothing(messages: list[Message]) -> None:
    with pytest.raises(CallerGoneError):
        await read_body(receiving(*messages), [], 4, held())


async def test_a_declared_length_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(BodyTooLargeError):
        await read_body(receiving(), [(b"content-length", b"5")], 4, held())


@pytest.mark.parametrize("length", [b"4", b"odd", b"-1"])
async def test_any_other_length_is_not_believed(length: bytes) -> None:
    assert await read_body(receiving(part(b"pack")), [(b"content-length", length)], 4, held()) == b"pack"


async def test_a_body_that_grows_beyond_the_limit_is_refused() -> None:
    with pytest.raises(BodyTooLargeError):
        await read_body(receiving(part(b"pac", more=True), part(b"ks", more=True)), [], 4, held())


async def test_all_bodies_together_are_bounded() -> None:
    room = BodyRoom(9)
    with room.holding() as first, room.holding() as second:
        await read_body(receiving(part(b"pack")), [], 5, first)
        with pytest.raises(NoRoomError):
            await read_body(receiving(part(b"pac", more=True), part(b"ked")), [], 6, second)
        assert room.used == 7


async def test_room_is_given_back_whatever_happens() -> None:
    room = BodyRoom(9)
    for messages in ([part(b"pack")], [part(b"pa", more=True), GONE]):
        with suppress(CallerGoneError), room.holding() as mine:
            await read_body(receiving(*messages), [], 5, mine)
        assert room.used == 0
