"""The upstream of the measurements answers as a real one would: its bytes, the caller's keystem, late where asked to."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.proxy.payloads import SIZES
from bench.proxy.upstream import Upstream, serving
from bench.site import Site
from tests.support import web

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    with Site(tmp_path_factory.mktemp("site")) as site, serving(site) as found:
        yield found


def ask(upstream: Upstream, path: str, key: str) -> web.Reply:
    return web.request("POST", f"http://{upstream.address}{path}", b"{}", {"Authorization": f"apikey {key}"})


@pytest.mark.parametrize(("size", "least", "most"), [("4k", 3500, 5000), ("60k", 50_000, 70_000), ("1m", 0.9e6, 1.2e6)])
def test_an_answer_has_its_size_and_the_callers_keystem(
    upstream: Upstream, size: str, least: float, most: float
) -> None:
    reply = ask(upstream, upstream.path(size), "abcdefghij_the_rest_of_it")

    assert reply.status == 200
    assert least < len(reply.body) < most
    assert reply.json["usedKeyStem"] == "abcdefghij"
    assert reply.json["lenBoxes"] >= 1


def test_requests_of_one_connection_are_answered_in_turn_also_late(upstream: Upstream) -> None:
    host, _, port = upstream.address.partition(":")
    keys = [f"facility{number:02d}_key" for number in range(3)]
    sent = "".join(
        f"POST /4k/20 HTTP/1.1\r\nHost: x\r\nAuthorization: apikey {key}\r\nContent-Length: 2\r\n\r\n{{}}"
        for key in keys
    )
    with socket.create_connection((host, int(port)), timeout=60) as connection, connection.makefile("rb") as answers:
        connection.sendall(sent.encode())
        found = [json.loads(_body(answers.readline, answers.read))["usedKeyStem"] for _ in keys]

    assert found == [key[:10] for key in keys]


def _body(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> bytes:
    length = 0
    while line := readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return read(length)


def test_what_it_does_not_know_is_404(upstream: Upstream) -> None:
    assert ask(upstream, "/5k", "abcdefghij_the_rest_of_it").status == 404


@pytest.mark.parametrize("size", [size.name for size in SIZES])
def test_a_request_has_one_to_two_kilobytes(upstream: Upstream, size: str) -> None:
    body = Path(upstream.request(size)).read_bytes()

    assert 1000 < len(body) < 2048
    assert json.loads(body)["itemSets"]
