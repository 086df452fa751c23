"""What is written in one turn of the loop goes out at its end, whole and in order."""

import asyncio

from proxy.gathering import GatheringTransport, Turn


class Wire(asyncio.Transport):
    """Notes what reaches the network, of all connections that share its list."""

    def __init__(self, name: str, sent: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self._name = name
        self._sent = sent
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._sent.append((self._name, bytes(data)))

    def close(self) -> None:
        self._sent.append((self._name, b"closed"))
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 7


async def test_all_connections_are_written_one_after_the_other_once_the_turn_is_over() -> None:
    turn, sent = Turn(), list[tuple[str, bytes]]()
    a, b = (GatheringTransport(Wire(name, sent), turn) for name in "ab")

    a.write(b"head of a, ")
    b.write(b"b")
    a.write(b"body of a")
    assert sent == []
    assert a.get_write_buffer_size() == 7 + len(b"head of a, body of a")

    await asyncio.sleep(0)
    assert sent == [("a", b"head of a, body of a"), ("b", b"b")]
    assert a.get_write_buffer_size() == 7

    a.write(b"again")
    await asyncio.sleep(0)
    assert sent[-1] == ("a", b"again")


async def test_a_connection_that_is_closed_sends_first_what_it_holds() -> None:
    sent = list[tuple[str, bytes]]()
    connection = GatheringTransport(Wire("a", sent), Turn())

    connection.write(b"the last words")
    connection.close()
    await asyncio.sleep(0)
    assert sent == [("a", b"the last words"), ("a", b"closed")]


async def test_a_connection_that_is_given_up_sends_nothing_more() -> None:
    sent = list[tuple[str, bytes]]()
    connection, lost = (GatheringTransport(wire := Wire(name, sent), Turn()) for name in "ab")

    connection.write(b"too late")
    connection.abort()
    lost.write(b"nobody is there any more")
    wire.closing = True
    await asyncio.sleep(0)
    assert sent == []


async def test_what_is_large_is_not_held_back() -> None:
    sent = list[tuple[str, bytes]]()
    connection = GatheringTransport(Wire("a", sent), Turn())

    connection.write(b"head")
    connection.write(bytes(64 * 1024))
    assert [len(data) for _, data in sent] == [4 + 64 * 1024]
