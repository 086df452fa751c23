"""Any bytes on the caller's socket and any on upstream's: what goes upstream is counted once, and the proxy lives on."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.hostile_bytes import ANSWER_BYTES, REQUEST_BYTES
from tests.hostile.test_answers import PACKED, all_folded
from tests.support.proxy_server import Proxy, proxy_before
from tests.support.rude_upstream import RudeUpstream, answer, rude_upstream, says

pytestmark = pytest.mark.integration

TARGETS = st.sampled_from(
    ["/", "/pack", "/?view=both", "/?view=%00", "/v1/pack", "/../", "//", "*", "http://x/", "/%2e%2e/", "/?\x80", "/ü"]
) | st.text(max_size=20)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["X-A", "Authorization", "Connection", "Expect", "X-Request-ID", "Upgrade", "Cookie", "", "ü"]),
        st.text(max_size=30) | st.sampled_from(["close", "100-continue", "h2c", "Upgrade", "x-request-id"]),
    ),
    max_size=4,
)


@st.composite
def on_the_wire(draw: st.DrawFn) -> bytes:
    """A request, or something like it."""
    body = draw(REQUEST_BYTES)
    method = draw(st.sampled_from(["POST", "POST", "POST", "GET", "CONNECT", "PRI", "post", ""]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.0", "2.0", "9"]))
    lines = [f"{method} {draw(TARGETS)} HTTP/{version}", "Host: proxy"]
    lines += [f"{name}: {value}" for name, value in draw(HEADERS)]
    length = len(body) + draw(st.sampled_from([0, 0, 0, 0, -1, 1, 1000]))
    framing = draw(st.sampled_from([f"Content-Length: {length}"] * 3 + ["Transfer-Encoding: chunked", "X: y"]))
    if framing.startswith("T"):
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    raw = "\r\n".join([*lines, framing, "", ""]).encode() + body
    return raw * draw(st.sampled_from([1, 1, 1, 3]))


@dataclass
class Running:
    """A proxy and its upstream in a loop that turns while an example is tried."""

    runner: asyncio.Runner
    rude: RudeUpstream
    proxy: Proxy

    def tell(self, raw: bytes) -> bytes:
        """All that comes back for these bytes, after which the caller has nothing more to say."""
        return self.runner.run(self._tell(raw))

    async def _tell(self, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy.port)
        try:
            writer.write(raw)
            writer.write_eof()
            return await asyncio.wait_for(reader.read(-1), 60)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    def check(self) -> None:
        """Each request that upstream has heard is one event that can be folded; a good pack is answered."""
        self.rude.behave = says(PACKED)
        self.runner.run(asyncio.sleep(0.02))  # a connection that upstream closed is known as closed
        good = self.runner.run(self.proxy.ask()).status
        self.runner.run(self.proxy.endpoint.idle())
        records, heard = self.proxy.spool.appended[:], len(self.rude.heard)
        self.proxy.spool.appended.clear()
        self.rude.heard.clear()
        assert (good, len(records), self.proxy.spool.places) == (200, heard, 0)
        all_folded(records)


@contextmanager
def running() -> Iterator[Running]:
    stack = AsyncExitStack()

    async def opened() -> tuple[RudeUpstream, Proxy]:
        rude = await stack.enter_async_context(rude_upstream(says(PACKED)))
        started = proxy_before(rude.url, upstream_timeout_s=5, body_timeout_s=5, max_answer_bytes=1 << 20)
        return rude, await stack.enter_async_context(started)

    with asyncio.Runner() as runner:
        rude, proxy = runner.run(opened())
        try:
            yield Running(runner, rude, proxy)
        finally:
            runner.run(stack.aclose())


def test_any_bytes_of_a_caller_are_answered_or_the_connection_ends() -> None:
    with running() as one:

        @settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
        @given(on_the_wire() | st.binary(max_size=300))
        def told(raw: bytes) -> None:
            received = one.tell(raw)
            assert received == b"" or received.startswith(b"HTTP/1.1 ")
            assert b" 500 " not in received[:14]
            assert received.count(b"x-event-id: ") <= len(one.rude.heard)
            one.check()

        told()


def test_any_bytes_of_upstream_are_one_event() -> None:
    with running() as one:

        @settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
        @given(
            st.binary(max_size=200)
            | ANSWER_BYTES.map(lambda body: answer(200, body))
            | st.builds(lambda raw, at: raw[:at] + raw[at + 1 :], st.just(PACKED), st.integers(0, len(PACKED)))
            | st.builds(lambda more: PACKED + more, st.binary(max_size=50)),
            st.sampled_from(["/", "/pack", "/?view=both"]),
        )
        def told(raw: bytes, target: str) -> None:
            one.rude.behave = says(raw, close=True)
            received = one.tell(
                f'POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n{{"random":true}}'.encode()
            )
            assert received.startswith(b"HTTP/1.1 ")
            assert b" 500 " not in received[:14]
            assert received.count(b"x-event-id: ") == 1
            one.check()

        told()
