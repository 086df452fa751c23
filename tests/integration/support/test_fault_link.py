"""The link does to a connection what it is told to, and nothing else."""

import gc
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.support.fault_link import KAFKA, FaultLink, is_kafka_produce, is_mongo_commit

PRODUCE, METADATA = 0, 3


def request(api: int, correlation: int) -> bytes:
    body = struct.pack(">hhi", api, 9, correlation) + b"payload"
    return struct.pack(">i", len(body)) + body


@pytest.fixture
def broker() -> Iterator[tuple[str, int]]:
    """Answers each framed request with its correlation id."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with closing(connection), connection.makefile("rwb") as stream:
            try:
                while head := stream.read(4):
                    body = stream.read(struct.unpack(">i", head)[0])
                    answer = body[4:8] + b"answer"
                    stream.write(struct.pack(">i", len(answer)) + answer)
                    stream.flush()
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.fixture
def link(broker: tuple[str, int]) -> Iterator[FaultLink]:
    with FaultLink(broker, KAFKA) as made:
        yield made


def connect(link: FaultLink) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout=5)


def answer(connection: socket.socket) -> int | None:
    """The correlation id of the next answer, None where the connection ended."""
    try:
        head = connection.recv(4, socket.MSG_WAITALL)
        body = connection.recv(struct.unpack(">i", head)[0], socket.MSG_WAITALL) if len(head) == 4 else b""
    except ConnectionResetError:
        return None
    return int(struct.unpack_from(">i", body)[0]) if body else None


def test_requests_and_answers_pass(link: FaultLink) -> None:
    with connect(link) as client:
        client.sendall(request(METADATA, 7) + request(PRODUCE, 8))
        assert [answer(client), answer(client)] == [7, 8]
    assert link.connections == 1


def test_its_end_leaves_no_connection_open_that_has_just_come(broker: tuple[str, int]) -> None:
    for _ in range(20):
        with ExitStack() as clients:
            with FaultLink(broker, KAFKA) as link:
                for _ in range(10):
                    clients.enter_context(connect(link))
            gc.collect()  # a socket that was left open is an error of the test run


def test_only_the_answer_to_the_nth_matching_request_is_eaten(link: FaultLink) -> None:
    eaten = link.swallow(is_kafka_produce, nth=2)
    with connect(link) as client:
        client.sendall(request(PRODUCE, 1) + request(METADATA, 2) + request(PRODUCE, 3))
        assert [answer(client), answer(client), answer(client)] == [1, 2, None]
    assert eaten.eaten.wait(5)
    with connect(link) as client:
        client.sendall(request(PRODUCE, 4))
        assert answer(client) == 4


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_ends_what_is_open_and_welcomes_what_comes(link: FaultLink, reset: bool) -> None:
    with connect(link) as client:
        client.sendall(request(METADATA, 1))
        assert answer(client) == 1
        assert link.cut(reset=reset) == 1
        assert answer(client) is None
    with connect(link) as client:
        client.sendall(request(METADATA, 2))
        assert answer(client) == 2


def test_a_refusing_link_gives_no_answer_until_it_is_healed(link: FaultLink) -> None:
    link.refuse()
    with connect(link) as client:
        assert answer(client) is None
    link.heal()
    with connect(link) as client:
        client.sendall(request(METADATA, 1))
        assert answer(client) == 1


def test_a_deaf_direction_lets_nothing_through_and_heals(link: FaultLink) -> None:
    link.deafen("down")
    with connect(link) as client:
        client.settimeout(0.3)
        client.sendall(request(METADATA, 1))
        with pytest.raises(TimeoutError):
            client.recv(1)
        link.heal()
        client.settimeout(5)
        assert answer(client) is None
    with connect(link) as client:
        client.sendall(request(METADATA, 2))
        assert answer(client) == 2


def test_a_commit_is_told_from_other_commands() -> None:
    assert is_mongo_commit(b"\0" * 16 + b"\x02commitTransaction")
    assert not is_mongo_commit(b"\0" * 16 + b"\x02update\0")
