"""The pack endpoint behind the real server and before a real upstream: what users of an HTTP proxy expect of it."""

import asyncio
import gzip
import zlib
from asyncio import StreamWriter
from collections.abc import AsyncIterator, Callable
from typing import Any

import brotli  # type: ignore[import-untyped]  # the package has no types
import pytest
from backports import zstd

from proxy.settings import ProxySettings
from tests.support import answers
from tests.support.answers import content
from tests.support.eventually import eventually_async
from tests.support.fake_spool import FakeSpool
from tests.support.proxy_server import BODY, Proxy, proxy_before, request
from tests.support.rude_upstream import RudeUpstream, answer, chunked, hangs, resets, rude_upstream, says

pytestmark = pytest.mark.integration

JSON = "Content-Type: application/json"
PACKED = content(answers.pack())
HEAD_LIMIT = ProxySettings().head_max_bytes


async def _is_true(value: bool) -> bool:
    return value


@pytest.fixture
async def rude() -> AsyncIterator[RudeUpstream]:
    async with rude_upstream(says(answer(200, PACKED, JSON))) as upstream:
        yield upstream


@pytest.fixture
async def proxy(rude: RudeUpstream) -> AsyncIterator[Proxy]:
    async with proxy_before(rude.url, max_body_bytes=100_000, max_answer_bytes=200_000) as running:
        yield running


async def test_a_pack_goes_through_and_is_counted(rude: RudeUpstream, proxy: Proxy) -> None:
    got = await proxy.ask(BODY, "/", "Content-Type: text/plain", "Authorization: apikey abc", "User-Agent: me")

    assert rude.last.body == BODY
    assert rude.last.header("content-type") == "text/plain"
    assert rude.last.header("user-agent") == "me"
    assert rude.last.header("accept-encoding") == "identity"
    assert rude.last.header("x-request-id") == got.header("x-request-id")
    assert (got.status, got.json["totalItems"], got.json["usedKeystem"]) == (200, 1, "6UZlPsHAqp")
    (event,) = proxy.events
    assert got.header("x-event-id") == f"{event.session}.{event.partition}.{event.seq}"
    assert len(got.all("date")) == 1
    assert got.all("server") == []


async def test_nothing_is_added_to_what_the_caller_sent(rude: RudeUpstream, proxy: Proxy) -> None:
    await proxy.ask()

    assert rude.last.names == {"host", "content-length", "accept-encoding", "x-request-id"}
    assert rude.last.header("host") == rude.url.removeprefix("http://").rstrip("/")


@pytest.mark.parametrize("status", [200, 201, 400, 401, 422, 429, 500, 503])
async def test_view_pack_is_upstreams_answer_to_the_byte(rude: RudeUpstream, proxy: Proxy, status: int) -> None:
    rude.behave = says(
        answer(status, b'{"a" : 1}\n', JSON, "Date: Tue, 24 Nov 2026 00:00:00 GMT", "Server: gw", "Set-Cookie: a=b")
    )
    got = await proxy.ask(b"anything", "/pack")

    assert (got.status, got.body) == (status, b'{"a" : 1}\n')
    assert got.all("date") == ["Tue, 24 Nov 2026 00:00:00 GMT"]
    assert got.all("server") == ["gw"]
    assert got.all("set-cookie") == []
    assert got.header("x-event-id")


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("coding", PACKERS)
async def test_a_coded_answer_is_passed_on_coded_and_counted(rude: RudeUpstream, proxy: Proxy, coding: str) -> None:
    packed = PACKERS[coding](PACKED)
    rude.behave = says(answer(200, packed, JSON, f"Content-Encoding: {coding}"))
    accept = f"Accept-Encoding: {coding}, *;q=0"
    pack, stats, both = [await proxy.ask(BODY, f"/?view={view}", accept) for view in ("pack", "stats", "both")]

    assert rude.last.header("accept-encoding") == f"{coding}, *;q=0"
    assert (pack.body, pack.header("content-encoding")) == (packed, coding)
    assert (stats.json["totalItems"], stats.header("content-encoding")) == (1, None)
    assert both.json["pack"] == answers.pack()
    assert [event.outcome for event in proxy.events] == ["packed"] * 3


@pytest.mark.parametrize("coding", PACKERS)
async def test_a_bomb_is_unreadable_and_passed_on_as_it_is(rude: RudeUpstream, proxy: Proxy, coding: str) -> None:
    bomb = PACKERS[coding](bytes(30_000_000))[:150_000]
    rude.behave = says(answer(200, bomb, JSON, f"Content-Encoding: {coding}"))
    stats, pack = await proxy.ask(), await proxy.ask(BODY, "/pack")

    assert (stats.status, stats.json["requestError"]) == (502, True)
    assert (pack.status, pack.body) == (200, bomb)
    assert [event.outcome for event in proxy.events] == ["unreadable"] * 2


async def test_an_answer_beyond_the_limit_is_a_bad_gateway_in_every_view(rude: RudeUpstream, proxy: Proxy) -> None:
    rude.behave = says(answer(200, b" " * 200_001))
    got = [await proxy.ask(BODY, target) for target in ("/", "/pack", "/?view=both")]

    assert [each.status for each in got] == [502, 502, 502]
    assert got[1].json["code"] == 502
    assert [event.outcome for event in proxy.events] == ["unreadable"] * 3


async def test_an_answer_in_chunks_comes_back_with_its_length(rude: RudeUpstream, proxy: Proxy) -> None:
    rude.behave = says(chunked(PACKED[:100], PACKED[100:]))
    got = await proxy.ask(BODY, "/pack")

    assert (got.body, got.header("content-length"), got.all("transfer-encoding")) == (PACKED, str(len(PACKED)), [])


@pytest.mark.parametrize("behave", [resets, says(close=True), says(b"nonsense\r\n\r\n", close=True)])
async def test_an_upstream_that_fails_is_a_bad_gateway(rude: RudeUpstream, proxy: Proxy, behave: Any) -> None:
    rude.behave = behave
    got = await proxy.ask()

    assert (got.status, got.json["statusCode"], got.json["requestError"]) == (502, "0", True)
    assert got.header("x-event-id")
    assert len(rude.heard) == 1


async def test_an_upstream_that_hangs_is_a_gateway_timeout(rude: RudeUpstream) -> None:
    rude.behave = hangs
    async with proxy_before(rude.url, upstream_timeout_s=0.3, connect_timeout_s=0.3) as proxy:
        got = await proxy.ask(BODY, "/pack")

        assert (got.status, got.json["code"]) == (504, 504)
        assert [event.outcome for event in proxy.events] == ["timed_out"]


async def test_a_redirect_is_not_followed(rude: RudeUpstream, proxy: Proxy) -> None:
    rude.behave = says(answer(307, b"", f"Location: {rude.url}else"))
    pack, stats = await proxy.ask(BODY, "/pack"), await proxy.ask()

    assert (pack.status, pack.header("location")) == (307, f"{rude.url}else")
    assert stats.status == 502
    assert len(rude.heard) == 2


async def test_a_body_in_chunks_goes_upstream_with_its_length(rude: RudeUpstream, proxy: Proxy) -> None:
    async with proxy.caller() as caller:
        await caller.send(b"POST / HTTP/1.1\r\nHost: proxy\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (BODY[:5], BODY[5:]):
            await caller.send(b"%x\r\n%b\r\n" % (len(part), part))
        await caller.send(b"0\r\n\r\n")
        got = await caller.reply()

    assert got.status == 200
    assert rude.last.body == BODY
    assert rude.last.header("content-length") == str(len(BODY))
    assert "transfer-encoding" not in rude.last.names


async def test_a_caller_that_expects_it_is_told_to_continue(rude: RudeUpstream, proxy: Proxy) -> None:
    async with proxy.caller() as caller:
        head = f"POST / HTTP/1.1\r\nHost: proxy\r\nExpect: 100-continue\r\nContent-Length: {len(BODY)}\r\n\r\n"
        await caller.send(head.encode())
        assert (await caller.reply()).status == 100
        await caller.send(BODY)
        assert (await caller.reply()).status == 200

    assert "expect" not in rude.last.names


async def test_a_body_that_is_declared_too_large_is_refused_before_it_is_sent(rude: RudeUpstream, proxy: Proxy) -> None:
    async with proxy.caller() as caller:
        await caller.send(b"POST / HTTP/1.1\r\nHost: proxy\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n")
        assert (await caller.reply()).status == 413

    assert rude.heard == []


async def test_a_body_that_is_too_large_is_refused_and_the_connection_goes_on(rude: RudeUpstream, proxy: Proxy) -> None:
    async with proxy.caller() as caller:
        refused = await caller.ask(b" " * 100_001)
        taken = await caller.ask()

    assert (refused.status, taken.status) == (413, 200)
    assert (len(rude.heard), len(proxy.events)) == (1, 1)


async def test_an_endless_body_is_refused_on_the_way(rude: RudeUpstream, proxy: Proxy) -> None:
    async with proxy.caller() as caller:
        await caller.send(b"POST /pack HTTP/1.1\r\nHost: proxy\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(60):
            await caller.send(b"800\r\n" + b"x" * 2048 + b"\r\n")
        got = await caller.reply()

    assert (got.status, got.json["code"]) == (413, 413)
    assert rude.heard == []


async def test_a_caller_that_leaves_in_the_middle_of_its_body_has_sent_nothing(
    rude: RudeUpstream, proxy: Proxy
) -> None:
    async with proxy.caller() as caller:
        await caller.send(request(BODY, "/")[:-5])
        await eventually_async(lambda: _is_true(bool(proxy.server.server_state.tasks)))
        caller.hang_up()
    await proxy.endpoint.idle()

    assert rude.heard == []
    assert (proxy.events, proxy.spool.places) == ([], 0)


async def test_a_caller_that_leaves_while_upstream_works_is_counted(rude: RudeUpstream, proxy: Proxy) -> None:
    release = asyncio.Event()

    async def when_released(writer: StreamWriter) -> None:
        await release.wait()
        await says(answer(200, PACKED, JSON))(writer)

    rude.behave = when_released
    async with proxy.caller() as caller:
        await caller.send(request(BODY, "/"))
        await rude.asked.wait()
        caller.hang_up()
    await eventually_async(lambda: _is_true(not proxy.server.server_state.connections))
    release.set()
    await proxy.endpoint.idle()

    assert [event.outcome for event in proxy.events] == ["packed"]
    assert (len(rude.heard), proxy.spool.places) == (1, 0)


async def test_requests_of_one_connection_are_answered_in_their_order(rude: RudeUpstream, proxy: Proxy) -> None:
    async with proxy.caller() as caller:
        await caller.send(b"".join(request(BODY, "/", f"X-Request-ID: r{number}") for number in range(3)))
        got = [await caller.reply() for _ in range(3)]

    assert [each.header("x-request-id") for each in got] == ["r0", "r1", "r2"]
    assert len(rude.heard) == 3


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/v1/pack", "/pack", "/pack/"])
async def test_another_method_is_refused(rude: RudeUpstream, proxy: Proxy, method: str, path: str) -> None:
    async with proxy.caller() as caller:
        await caller.send(f"{method} {path} HTTP/1.1\r\nHost: proxy\r\n\r\n".encode())
        got = await caller.reply(bodiless=method == "HEAD")

    assert (got.status, got.header("allow")) == (405, "POST")
    assert method == "HEAD" or got.json["Message"]
    assert rude.heard == []


@pytest.mark.parametrize("path", ["/nowhere", "/v1/pack/", "/v1", "/pack/more"])
async def test_a_path_that_is_none_is_not_found(rude: RudeUpstream, proxy: Proxy, path: str) -> None:
    got = await proxy.ask(BODY, path)

    assert (got.status, set(got.json)) == (404, {"Message"})
    assert len(got.all("date")) == 1
    assert rude.heard == []


async def test_headers_of_the_connection_do_not_go_through(rude: RudeUpstream, proxy: Proxy) -> None:
    rude.behave = says(answer(200, PACKED, JSON, "Connection: x-hop, keep-alive", "X-Hop: 1", "Keep-Alive: timeout=9"))
    got = await proxy.ask(
        BODY, "/pack", "Connection: x-mine", "X-Mine: 1", "TE: trailers", "Cookie: a=b", "Proxy-Authorization: x"
    )

    assert rude.last.names.isdisjoint({"x-mine", "te", "cookie", "proxy-authorization"})
    assert not {"x-hop", "keep-alive"} & {name for name, _ in got.headers}


JAVA = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)


@pytest.mark.parametrize("parts", [1, 2, 7])
async def test_an_offered_upgrade_is_ignored_and_the_body_read(rude: RudeUpstream, proxy: Proxy, parts: int) -> None:
    raw = request(BODY, "/?a=1", *JAVA) + request(BODY, "/pack", "Connection: upgrade", "Upgrade: websocket")
    size = len(raw) // parts + 1
    async with proxy.caller() as caller:
        for at in range(0, len(raw), size):
            await caller.send(raw[at : at + size])
            await asyncio.sleep(0)
        got = [await caller.reply(), await caller.reply()]

    assert [each.status for each in got] == [200, 200]
    assert [heard.body for heard in rude.heard] == [BODY, BODY]
    assert rude.heard[0].start == "POST /?a=1 HTTP/1.1"
    assert all(heard.names.isdisjoint({"upgrade", "http2-settings", "connection"}) for heard in rude.heard)


async def test_an_offered_upgrade_with_a_body_in_chunks_is_ignored(rude: RudeUpstream, proxy: Proxy) -> None:
    head = "\r\n".join(["POST / HTTP/1.1", "Host: proxy", *JAVA, "Transfer-Encoding: chunked", "", ""])
    async with proxy.caller() as caller:
        await caller.send(head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
        assert (await caller.reply()).status == 200
        assert (await caller.ask()).status == 200

    assert [heard.body for heard in rude.heard] == [BODY, BODY]


async def test_a_tunnel_is_refused(rude: RudeUpstream, proxy: Proxy) -> None:
    async with proxy.caller() as caller:
        await caller.send(b"CONNECT / HTTP/1.1\r\nHost: proxy\r\n\r\n")
        assert (await caller.reply()).status in {404, 405}

    assert rude.heard == []


@pytest.mark.parametrize("raw", [b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"POST / HTTP/9.9\r\n\r\n"])
async def test_what_is_no_http_is_told_so(rude: RudeUpstream, proxy: Proxy, raw: bytes) -> None:
    async with proxy.caller() as caller:
        await caller.send(raw)
        got = await caller.reply()

    assert (got.status, set(got.json), got.header("connection")) == (400, {"Message"}, "close")
    assert rude.heard == []


@pytest.mark.parametrize("line", [b"X-Long: " + b"x" * 100 + b"\r\n", b"X-Long: "])
async def test_an_endless_head_is_refused(rude: RudeUpstream, proxy: Proxy, line: bytes) -> None:
    start = b"POST / HTTP/1.1\r\nHost: proxy\r\n"
    # One byte too many, and not more: what is sent after a refusal can cost the caller the reply.
    head = (start + line * 700 + b"x" * HEAD_LIMIT)[: HEAD_LIMIT + 1]
    async with proxy.caller() as caller:
        for at in range(0, len(head), 10_000):
            await caller.send(head[at : at + 10_000])
        got = await caller.reply()

    assert (got.status, set(got.json)) == (431, {"Message"})
    assert rude.heard == []


async def test_a_head_within_the_limit_is_taken(rude: RudeUpstream, proxy: Proxy) -> None:
    got = await proxy.ask(BODY, "/", *(f"X-{number}: {'x' * 1000}" for number in range(40)))

    assert got.status == 200
    assert rude.last.header("x-39") == "x" * 1000


async def test_an_event_id_of_upstream_promises_nothing(rude: RudeUpstream) -> None:
    rude.behave = says(answer(200, PACKED, JSON, "X-Event-ID: theirs", "X-Request-ID: theirs"))
    full = FakeSpool(room=0)
    async with proxy_before(rude.url, full, when_spool_full="pass_uncounted") as proxy:
        got = await proxy.ask(BODY, "/pack", "X-Request-ID: mine")

    assert got.all("x-event-id") == []
    assert got.all("x-request-id") == ["mine"]


async def test_the_statistics_bear_their_whole_answer(rude: RudeUpstream, proxy: Proxy) -> None:
    large = answers.pack(svgs=["<svg/>" * 20_000])
    rude.behave = says(answer(200, content(large), JSON))
    got = await proxy.ask(BODY, "/?view=both")

    assert got.json["pack"] == large
    assert got.json["stats"]["totalVolume"] == 240
