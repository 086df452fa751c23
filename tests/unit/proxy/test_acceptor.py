"""Callers are let in together, whatever becomes of one of them."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest

from proxy.acceptor import Acceptor
from tests.support.eventually import eventually_async

CALLERS = 40
TURNS = 5  # enough to see that they wait, take them, and open them


class Inside(asyncio.Protocol):
    """Counts those that are let in."""

    def __init__(self, inside: list["Inside"]) -> None:
        self._inside = inside

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._inside.append(self)


class ShortOfFiles(socket.socket):
    """A listening socket whose process has as many files open as it may, for so many callers."""

    refusals = 0
    refused = 0

    def accept(self) -> tuple[socket.socket, object]:
        if self.refused < self.refusals:
            self.refused += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@pytest.fixture
def listener() -> Iterator[ShortOfFiles]:
    with ShortOfFiles() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(CALLERS)
        yield bound


@pytest.fixture
def short_of_files(listener: ShortOfFiles, monkeypatch: pytest.MonkeyPatch) -> ShortOfFiles:
    """The same, without a file for the first caller; the pause after that is short."""
    monkeypatch.setattr("proxy.acceptor._PAUSE_S", 0.01)
    listener.refusals = 1
    return listener


@pytest.fixture
def callers(listener: ShortOfFiles) -> Iterator[Callable[[int], None]]:
    """Connects so many; they stay until the end of the test."""
    connected: list[socket.socket] = []

    def connect(number: int) -> None:
        connected.extend(socket.create_connection(listener.getsockname()) for _ in range(number))

    yield connect
    for each in connected:
        each.close()


async def test_all_that_wait_are_let_in_within_a_few_turns(
    listener: ShortOfFiles, callers: Callable[[int], None]
) -> None:
    callers(CALLERS)
    inside: list[Inside] = []

    acceptor = Acceptor(listener, lambda: Inside(inside))
    for _ in range(TURNS):
        await asyncio.sleep(0)

    assert len(inside) == CALLERS
    await end(acceptor, inside)


async def test_nobody_is_let_in_once_it_is_closed(listener: ShortOfFiles, callers: Callable[[int], None]) -> None:
    inside: list[Inside] = []
    acceptor = Acceptor(listener, lambda: Inside(inside))
    acceptor.close()
    acceptor.close()

    callers(1)
    for _ in range(TURNS):
        await asyncio.sleep(0)

    assert inside == []
    await end(acceptor, inside)


async def test_without_files_callers_wait_and_are_let_in_later(
    short_of_files: ShortOfFiles, callers: Callable[[int], None]
) -> None:
    inside: list[Inside] = []
    acceptor = Acceptor(short_of_files, lambda: Inside(inside))

    callers(2)
    await until(lambda: len(inside) == 2)

    assert short_of_files.refused == 1
    await end(acceptor, inside)


async def test_closed_while_it_waits_for_files_it_stays_closed(
    short_of_files: ShortOfFiles, callers: Callable[[int], None]
) -> None:
    inside: list[Inside] = []
    acceptor = Acceptor(short_of_files, lambda: Inside(inside))
    callers(1)
    await until(lambda: short_of_files.refused == 1)

    acceptor.close()
    await asyncio.sleep(0.05)

    assert inside == []
    await end(acceptor, inside)


async def test_one_that_never_says_hello_does_not_hold_up_the_end(
    listener: ShortOfFiles, callers: Callable[[int], None]
) -> None:
    inside: list[Inside] = []
    acceptor = Acceptor(listener, lambda: Inside(inside), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    callers(1)
    for _ in range(TURNS):
        await asyncio.sleep(0)

    acceptor.close()
    async with asyncio.timeout(20):  # the loop itself waits a minute for it
        await acceptor.wait_closed()

    assert inside == []


async def until(is_so: Callable[[], bool]) -> None:
    async def check() -> bool:
        return is_so()

    await eventually_async(check, every_s=0.001)


async def end(acceptor: Acceptor, inside: list[Inside]) -> None:
    acceptor.close()
    await acceptor.wait_closed()
    for each in inside:
        each.transport.close()
    await asyncio.sleep(0)
