"""The way of a pack through the proxy: what is forwarded, counted and replied, in which order, and when not."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from starlette.types import Message
from structlog.testing import capture_logs

from common.events import PackEvent, decode, event_id
from common.topic import partition_of
from proxy import pack as proxy_pack
from proxy import recorder as proxy_recorder
from proxy.exchange import Answer, Exchange, Failure
from proxy.headers import Headers
from proxy.pack import PackEndpoint
from proxy.settings import ProxySettings, Settings
from proxy.upstream import Upstream
from tests.support import answers
from tests.support.answers import content
from tests.support.fake_spool import FakeSpool

BODY = b'{"itemSets":[{"quantity":2}],"boxTypes":[{"name":"small"}]}'
KEY = "aqRAiz-8RA" + "k" * 54
PACKED = Answer(200, [(b"content-type", b"application/json"), (b"date", b"then")], content(answers.pack()))


@dataclass
class FakeUpstream:
    """Answers what it is told, and says what it was sent; with `waits` only once `released` is set."""

    result: Answer | Failure = PACKED
    attempts: int = 1
    waits: bool = False
    sent: list[tuple[Headers, bytes, bytes]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def forward(self, headers: Headers, body: bytes, query: bytes = b"") -> Exchange:
        self.sent.append((headers, body, query))
        self.called.set()
        if self.waits:
            await self.released.wait()
        return Exchange(self.result, self.attempts)


@dataclass
class Got:
    """A reply as the caller has it."""

    status: int
    headers: Headers
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value.decode() for key, value in self.headers if key == name.encode()), None)


@dataclass
class Proxy:
    """The endpoint over a fake upstream and a fake spool."""

    upstream: FakeUpstream = field(default_factory=FakeUpstream)
    spool: FakeSpool = field(default_factory=FakeSpool)
    settings: ProxySettings = field(default_factory=ProxySettings)
    sent: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = Settings(proxy=self.settings)
        self.endpoint = PackEndpoint(settings, self.spool, cast("Upstream", self.upstream))

    async def call(
        self,
        body: bytes | list[Message] = BODY,
        target: str = "/",
        headers: Headers | None = None,
        method: str = "POST",
    ) -> Got:
        path, _, query = target.partition("?")
        messages = body if isinstance(body, list) else [{"type": "http.request", "body": body, "more_body": False}]
        left: Iterator[Message] = iter(messages)
        sent: list[Message] = []

        async def receive() -> Message:
            message = next(left)
            if message["type"] == "never":
                await asyncio.Event().wait()
            return message

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "state": {},
            "query_string": query.encode(),
            "headers": headers if headers is not None else [(b"authorization", f"apikey {KEY}".encode())],
        }
        self.sent = sent
        await self.endpoint(scope, receive, send)
        return Got(sent[0]["status"], sent[0]["headers"], sent[1]["body"]) if sent else Got(0, [], b"")

    @property
    def events(self) -> list[PackEvent]:
        events = [decode(record.value) for record in self.spool.appended]
        return [event for event in events if isinstance(event, PackEvent)]

    @property
    def event(self) -> PackEvent:
        (event,) = self.events
        return event


def requests_counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("packstats_requests_total", {"outcome": outcome}) or 0


async def test_a_pack_is_forwarded_counted_and_replied() -> None:
    before = requests_counted("packed")
    proxy = Proxy()
    got = await proxy.call(headers=[(b"authorization", f"apikey {KEY}".encode()), (b"content-type", b"text/plain")])

    (sent_headers, sent_body, _) = proxy.upstream.sent[0]
    assert sent_body == BODY
    assert dict(sent_headers)[b"content-type"] == b"text/plain"
    assert dict(sent_headers)[b"x-request-id"].decode() == got.header("x-request-id") == proxy.event.request_id
    assert got.status == 200
    assert got.header("content-length") == str(len(got.body))
    event = proxy.event
    assert got.header("x-event-id") == got.json["eventId"] == f"{event.session}.{event.partition}.{event.seq}"
    assert (event.keystem, event.keystem_from, event.outcome) == ("6UZlPsHAqp", "answer", "packed")
    assert event.partition == partition_of("6UZlPsHAqp", 24)
    record = proxy.spool.appended[0]
    assert (record.partition, record.key, record.is_delete) == (event.partition, event.keystem, False)
    assert record.occurred_ms == int(event.occurred_at.timestamp() * 1000)
    assert proxy.spool.places == 0
    assert requests_counted("packed") == before + 1


async def test_events_are_numbered_per_partition() -> None:
    proxy = Proxy()
    for _ in range(3):
        await proxy.call()

    assert [event.seq for event in proxy.events] == [1, 2, 3]


async def test_the_times_of_both_sides_are_told() -> None:
    proxy = Proxy()
    got = await proxy.call()

    upstream, own = (got.header("server-timing") or "").split(", ")
    assert upstream.startswith("upstream;dur=")
    assert own.startswith("proxy;dur=")
    assert float(upstream.removeprefix("upstream;dur=")) == pytest.approx(
        (proxy.event.latency_ns or 0) / 1e6, abs=0.001
    )
    assert proxy.event.proxy_ns is not None


async def test_the_offered_list_goes_out_once() -> None:
    proxy = Proxy()
    await proxy.call()
    await proxy.call()

    assert [event.offered is not None for event in proxy.events] == [True, False]
    assert len({event.offered_hash for event in proxy.events}) == 1


@pytest.mark.parametrize("target", ["/?view=pack", "/pack", "/pack/", "/v1/pack?view=pack"])
async def test_view_pack_gives_upstreams_answer(target: str) -> None:
    got = await Proxy().call(target=target)

    assert (got.status, got.body) == (200, PACKED.body)
    assert got.header("date") == "then"
    assert got.header("x-event-id")


async def test_view_both_gives_both() -> None:
    got = await Proxy().call(target="/?view=both")

    assert got.json["pack"] == answers.pack()
    assert got.json["stats"]["eventId"] == got.header("x-event-id")


async def test_the_rest_of_the_query_goes_upstream() -> None:
    proxy = Proxy()
    await proxy.call(target="/?a=1&view=pack")

    assert proxy.upstream.sent[0][2] == b"a=1"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [(b"", 400, "malformed request"), (b"[1]", 400, "malformed request"), (b"{}", 422, "nothing to pack")],
)
@pytest.mark.parametrize("view", ["stats", "both"])
async def test_what_is_not_worth_sending_is_not_sent(view: str, body: bytes, status: int, message: str) -> None:
    proxy = Proxy()
    got = await proxy.call(body, f"/?view={view}")

    assert got.status == status
    assert message in got.json["Message"]
    assert_untouched(proxy, got)


def assert_untouched(proxy: Proxy, got: Got) -> None:
    """Nothing was sent, nothing is counted, and the reply promises nothing."""
    assert proxy.upstream.sent == []
    assert (proxy.spool.appended, proxy.spool.places) == ([], 0)
    assert got.header("x-event-id") is None
    assert got.header("x-request-id")
    assert got.header("server-timing")


@pytest.mark.parametrize("body", [b"", b"not json", b"{}", b"[]", b'{"itemSets":5}', b"\xff\x00"])
async def test_view_pack_judges_nothing(body: bytes) -> None:
    proxy = Proxy(FakeUpstream(Answer(400, [], b'{"code":400,"message":"EOF"}')))
    got = await proxy.call(body, "/pack")

    assert proxy.upstream.sent[0][1] == body
    assert (got.status, got.json) == (400, {"code": 400, "message": "EOF"})
    assert (proxy.event.outcome, proxy.event.status) == ("refused", 400)
    assert got.header("x-event-id")


async def test_an_unknown_view_is_refused() -> None:
    proxy = Proxy()
    got = await proxy.call(target="/?view=nonsense")

    assert got.status == 400
    assert_untouched(proxy, got)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
async def test_another_method_is_refused(method: str) -> None:
    proxy = Proxy()
    got = await proxy.call(method=method, target="/pack")

    assert (got.status, got.header("allow")) == (405, "POST")
    assert "Message" in got.json
    assert_untouched(proxy, got)


@pytest.mark.parametrize(
    ("target", "shape"), [("/", {"Message"}), ("/?view=both", {"Message"}), ("/pack", {"Message", "code", "message"})]
)
async def test_a_body_that_is_too_large_is_refused_in_the_shape_of_the_view(target: str, shape: set[str]) -> None:
    proxy = Proxy(settings=ProxySettings(max_body_bytes=1024))
    got = await proxy.call(b" " * 1025, target)

    assert got.status == 413
    assert set(got.json) == shape
    assert_untouched(proxy, got)


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    proxy = Proxy(settings=ProxySettings(body_timeout_s=0.001))
    got = await proxy.call([{"type": "never"}])

    assert (got.status, got.header("connection")) == (408, "close")
    assert_untouched(proxy, got)


async def test_a_caller_that_leaves_before_its_body_is_complete_has_sent_nothing() -> None:
    proxy = Proxy()
    await proxy.call([{"type": "http.request", "body": BODY, "more_body": True}, {"type": "http.disconnect"}])

    assert proxy.sent == []
    assert proxy.upstream.sent == []
    assert (proxy.spool.appended, proxy.spool.places) == ([], 0)


@pytest.mark.parametrize("target", ["/", "/pack"])
async def test_with_a_full_spool_upstream_is_not_called(target: str) -> None:
    proxy = Proxy(spool=FakeSpool(room=0))
    got = await proxy.call(target=target)

    assert (got.status, got.header("retry-after")) == (503, "7")
    assert got.json["Message"]
    assert_untouched(proxy, got)


async def test_with_a_full_spool_a_pack_passes_uncounted_if_so_configured() -> None:
    before = REGISTRY.get_sample_value("packstats_uncounted_total") or 0
    proxy = Proxy(spool=FakeSpool(room=0), settings=ProxySettings(when_spool_full="pass_uncounted"))
    got = await proxy.call()

    assert got.status == 200
    assert (got.json["totalItems"], got.json["eventId"], got.json["usedKeystem"]) == (1, None, "6UZlPsHAqp")
    assert got.header("x-event-id") is None
    assert (proxy.spool.appended, proxy.spool.places) == ([], 0)
    assert REGISTRY.get_sample_value("packstats_uncounted_total") == before + 1


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Failure("unreachable", "upstream cannot be reached"), 502),
        (Failure("timed_out", "upstream took too long"), 504),
        (Failure("unreadable", "upstream's answer ended too early", 200), 502),
    ],
)
async def test_an_upstream_that_fails_is_counted(failure: Failure, status: int) -> None:
    proxy = Proxy(FakeUpstream(failure, attempts=3))
    stats, pack = await proxy.call(), await proxy.call(target="/pack")

    assert (stats.status, pack.status) == (status, status)
    assert stats.json["Message"] == pack.json["Message"] == pack.json["message"] == failure.message
    assert (stats.json["statusCode"], stats.json["requestError"], pack.json["code"]) == ("0", True, status)
    assert [(event.outcome, event.status, event.attempts) for event in proxy.events] == [(failure.outcome, None, 3)] * 2
    assert [event.keystem for event in proxy.events] == [KEY[:10]] * 2
    assert stats.header("x-event-id")
    assert pack.header("x-event-id")


async def test_garbage_and_redirects_are_passed_on_in_view_pack_alone() -> None:
    for answer in (Answer(200, [], b"<html>"), Answer(302, [(b"location", b"/else")], b"")):
        proxy = Proxy(FakeUpstream(answer))
        stats, pack = await proxy.call(), await proxy.call(target="/pack")

        assert (stats.status, stats.json["statusCode"], stats.json["requestError"]) == (502, "0", True)
        assert (pack.status, pack.body) == (answer.status, answer.body)
        assert [event.outcome for event in proxy.events] == ["unreadable", "unreadable"]


@pytest.mark.parametrize("status", [101, 600, 999])
async def test_a_status_that_cannot_be_passed_on_is_a_bad_gateway(status: int) -> None:
    got = await Proxy(FakeUpstream(Answer(status, [], b""))).call(target="/pack")

    assert (got.status, got.json["code"]) == (502, 502)


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body_is_passed_on_without_length(status: int) -> None:
    got = await Proxy(FakeUpstream(Answer(status, [], b""))).call(target="/pack")

    assert (got.status, got.body, got.header("content-length")) == (status, b"", None)


async def test_an_event_id_is_told_only_once_the_event_is_durable() -> None:
    proxy = Proxy(spool=FakeSpool(commits_at_once=False))
    call = asyncio.ensure_future(proxy.call())
    await proxy.upstream.called.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(proxy.spool.appended) == 1
    assert not call.done()

    proxy.spool.commit()

    assert (await call).header("x-event-id")


@pytest.mark.parametrize("counted", [True, False])
async def test_a_pack_that_is_cancelled_in_flight_is_counted(counted: bool) -> None:
    settings = ProxySettings(when_spool_full="pass_uncounted")
    proxy = Proxy(FakeUpstream(waits=True), FakeSpool(room=1 if counted else 0), settings)
    call = asyncio.ensure_future(proxy.call())
    await proxy.upstream.called.wait()

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert [event.outcome for event in proxy.events] == (["timed_out"] if counted else [])
    assert proxy.spool.places == 0


async def test_too_many_at_once_are_refused() -> None:
    proxy = Proxy(FakeUpstream(waits=True), settings=ProxySettings(max_in_flight=1))
    first = asyncio.ensure_future(proxy.call())
    await proxy.upstream.called.wait()
    got = await asyncio.wait_for(proxy.call(), 20)
    idle = asyncio.ensure_future(proxy.endpoint.idle())
    await asyncio.sleep(0)
    assert not idle.done()

    proxy.upstream.released.set()

    assert (got.status, got.header("retry-after"), got.header("x-event-id")) == (503, "1", None)
    assert (await first).status == 200
    await idle
    assert len(proxy.upstream.sent) == 1


async def test_a_mistake_of_ours_in_the_statistics_loses_no_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    for broken in ("pack_stats.outcome", "pack_stats.event", "event_size.sealed", "pack_request.read"):
        proxy = Proxy()
        with monkeypatch.context() as patch, capture_logs() as logged:
            module, name = broken.split(".")
            patch.setattr(getattr(proxy_recorder, module), name, fail)
            stats, pack = await proxy.call(), await proxy.call(target="/pack")

        assert [line["exc_info"] for line in logged if line["log_level"] == "error"] == [True, True]
        assert (pack.status, pack.body) == (200, PACKED.body)
        assert pack.header("x-event-id")
        assert stats.header("x-event-id")
        expected = "packed" if broken == "pack_request.read" else "unreadable"
        assert [event.outcome for event in proxy.events] == [expected, expected]
        if expected == "unreadable":
            assert stats.json["requestError"]
            assert proxy.events[0].error is not None


async def test_a_mistake_beyond_the_statistics_keeps_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    proxy = Proxy()
    monkeypatch.setattr(proxy_recorder, "partition_of", fail)
    with pytest.raises(ZeroDivisionError):
        await proxy.call()

    assert proxy.spool.places == 0
    assert proxy.sent[0]["status"] == 500
    assert b"x-event-id" not in dict(proxy.sent[0]["headers"])


async def test_a_mistake_after_the_event_was_queued_names_it_once_it_is_durable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    proxy = Proxy(spool=FakeSpool(commits_at_once=False))
    monkeypatch.setattr(proxy_pack, "_observe", fail)
    call = asyncio.ensure_future(proxy.call())
    await proxy.upstream.called.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not call.done()

    proxy.spool.commit()

    with pytest.raises(ZeroDivisionError):
        await call
    event = proxy.event
    start, body = proxy.sent
    assert (start["status"], json.loads(body["body"])) == (500, {"Message": "internal error"})
    assert dict(start["headers"])[b"x-event-id"].decode() == event_id(event.session, event.partition, event.seq)


async def test_suspect_numbers_raise_an_alarm() -> None:
    before = REGISTRY.get_sample_value("packstats_suspect_numbers_total") or 0
    await Proxy(FakeUpstream(Answer(200, [], content(answers.pack(totalVolume=-1, lenItems=-1))))).call()

    assert REGISTRY.get_sample_value("packstats_suspect_numbers_total") == before + 2


async def test_a_legacy_key_in_the_body_is_the_credential() -> None:
    proxy = Proxy(FakeUpstream(Failure("unreachable", "gone")))
    await proxy.call(json.dumps({"random": True, "key": KEY}).encode(), headers=[])

    assert (proxy.event.keystem, proxy.event.keystem_from) == (KEY[:10], "key")
    assert KEY not in proxy.spool.appended[0].value.decode()


async def test_orders_are_hashed_with_the_configured_key() -> None:
    body = b'{"random":true,"orderId":"SO-1","properties":{"site":"North"}}'
    settings = ProxySettings.model_validate({"hash_key": "0123456789abcdef", "labels": ["site"]})
    proxy = Proxy(settings=settings)
    await proxy.call(body)

    assert proxy.event.order_hash is not None
    assert proxy.event.labels == {"site": "North"}
    assert b"SO-1" not in proxy.spool.appended[0].value
