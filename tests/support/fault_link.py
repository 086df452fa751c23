"""A TCP link between a client and a server that can be made slow, cut, deaf in one direction, or eat one answer.

It runs in a thread of its own, so that a test or a campaign steers it with plain calls. Kafka and MongoDB both frame
their messages, and both answers name the request they belong to; that is all it knows of either protocol.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, Literal, Self, TypeVar

Direction = Literal["up", "down"]  # up: from the client to the server
CHUNK_BYTES = 64 * 1024
BACKLOG = 100  # connections that wait to be accepted
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST
KAFKA_PRODUCE = 0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Framing:
    """How messages are cut out of a stream, and which request an answer belongs to."""

    length_of: Callable[[bytes], int]  # of a whole message, from its first `header` bytes
    header: int
    request_id: Callable[[bytes], int]
    answers: Callable[[bytes], int]


def _int32(message: bytes, at: int, order: Literal["<", ">"]) -> int:
    return int(struct.unpack_from(f"{order}i", message, at)[0])


KAFKA = Framing(
    length_of=lambda head: 4 + _int32(head, 0, ">"),
    header=4,
    request_id=lambda message: _int32(message, 8, ">"),
    answers=lambda message: _int32(message, 4, ">"),
)
MONGO = Framing(
    length_of=lambda head: _int32(head, 0, "<"),
    header=4,
    request_id=lambda message: _int32(message, 4, "<"),
    answers=lambda message: _int32(message, 8, "<"),
)


def is_kafka_produce(message: bytes) -> bool:
    """Whether a request to a broker is a produce request."""
    return len(message) >= 8 and int(struct.unpack_from(">h", message, 4)[0]) == KAFKA_PRODUCE


def is_mongo_commit(message: bytes) -> bool:
    """Whether a request to MongoDB commits a transaction."""
    return b"commitTransaction" in message[:256]


@dataclass(slots=True)
class Swallow:
    """Eat the answer to the n-th request that matches, and cut that connection behind it."""

    matches: Callable[[bytes], bool]
    countdown: int
    eaten: Event = field(default_factory=Event)


@dataclass(eq=False, slots=True)
class _Pair:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    doomed: set[int] = field(default_factory=set)  # requests whose answers are eaten

    def close(self, *, reset: bool) -> None:
        for writer in (self.client, self.server):
            if reset:
                with suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort() if reset else writer.close()


class FaultLink:
    """Listens on `port` and forwards to `target`; use it as a context manager."""

    def __init__(self, target: tuple[str, int], framing: Framing | None = None, port: int = 0) -> None:
        self.target = target
        self.port = port
        self.connections = 0  # ever made
        self._framing = framing
        self._delay_s = 0.0
        self._refusing = False
        self._deaf: set[Direction] = set()
        self._swallow: Swallow | None = None
        self._pairs: set[_Pair] = set()
        self._accepted: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="fault-link", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listener = self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- faults --------------------------------------------------------------------------------------------------

    def delay(self, seconds: float) -> None:
        """Hold every chunk back for so long, in both directions."""
        self._delay_s = seconds

    def deafen(self, direction: Direction) -> None:
        """Let nothing through in one direction; the connections stay."""
        self._deaf.add(direction)

    def cut(self, *, reset: bool = False) -> int:
        """Close what is open, politely or with RST; new connections are welcome. How many there were."""
        return self._call(self._cut(reset))

    def refuse(self) -> None:
        """Cut, and close every new connection at once."""
        self._refusing = True
        self.cut(reset=True)

    def swallow(self, matches: Callable[[bytes], bool], nth: int = 1) -> Swallow:
        """Forward the n-th matching request from now on, eat its answer, and cut the connection."""
        assert self._framing is not None, "a link that eats answers must know the framing"
        self._swallow = Swallow(matches, nth)
        return self._swallow

    def heal(self) -> None:
        """No fault any more; connections that were deafened are cut, because their streams have lost bytes."""
        deafened = bool(self._deaf)
        self._delay_s, self._refusing, self._swallow = 0.0, False, None
        self._deaf.clear()
        if deafened:
            self.cut(reset=True)

    # --- forwarding ----------------------------------------------------------------------------------------------

    async def _listen(self) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=BACKLOG)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._loop.add_reader(listener, self._accept)
        return listener

    # Not asyncio.start_server: when it is closed while it still makes a stream of a connection it has just accepted,
    # nobody closes that connection, and whoever has the other end waits.
    def _accept(self) -> None:
        with suppress(OSError):
            connection, _ = self._listener.accept()
            task = self._loop.create_task(self._connect(connection))
            self._accepted.add(task)
            task.add_done_callback(self._accepted.discard)

    async def _connect(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        if self._refusing:
            writer.transport.abort()
            return
        try:
            there, onward = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self.connections += 1
        pair = _Pair(writer, onward)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward(pair, reader, onward, "up"))
                both.create_task(self._forward(pair, there, writer, "down"))
        finally:
            self._pairs.discard(pair)
            pair.close(reset=False)

    async def _forward(
        self, pair: _Pair, source: asyncio.StreamReader, sink: asyncio.StreamWriter, direction: Direction
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            async for message in self._messages(source):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                if direction in self._deaf:
                    continue
                if self._framing is not None and self._is_eaten(self._framing, pair, message, direction):
                    break
                sink.write(message)
                await sink.drain()
        pair.close(reset=False)

    async def _messages(self, source: asyncio.StreamReader) -> AsyncIterator[bytes]:
        framing = self._framing
        if framing is None:
            while chunk := await source.read(CHUNK_BYTES):
                yield chunk
            return
        while True:
            head = await source.readexactly(framing.header)
            yield head + await source.readexactly(framing.length_of(head) - framing.header)

    def _is_eaten(self, framing: Framing, pair: _Pair, message: bytes, direction: Direction) -> bool:
        if direction == "down":
            eaten = framing.answers(message) in pair.doomed
            if eaten and self._swallow is not None:
                self._swallow.eaten.set()
                self._swallow = None
            return eaten
        swallow = self._swallow
        if swallow is not None and swallow.countdown and swallow.matches(message):
            swallow.countdown -= 1
            if not swallow.countdown:
                pair.doomed.add(framing.request_id(message))
        return False

    # --- the thread ----------------------------------------------------------------------------------------------

    async def _cut(self, reset: bool) -> int:
        pairs = list(self._pairs)
        for pair in pairs:
            pair.close(reset=reset)
        return len(pairs)

    async def _end(self) -> None:
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._refusing = True
        while self._accepted:  # some may be on their way to the server, and come to be a pair after the cut
            await self._cut(reset=True)
            await asyncio.wait(self._accepted, timeout=0.1)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
