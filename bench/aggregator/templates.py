"""Events as the product itself writes them: its own proxy before the sandbox, asked over HTTP, read back from Kafka.

So the documents that are measured are whole, whatever the event holds, and nothing here knows how one is derived.
"""

import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, TopicPartition

from bench.aggregator.orders import Order, key_of, orders
from bench.errors import BenchError
from bench.site import Site
from common.events import PackEvent, decode

HASH_KEY = "a key for measurements alone"
_SENDERS = 4
_ANSWER_WITHIN_S = 30
_IN_KAFKA_WITHIN_S = 30


def templates(site: Site, of_each: int) -> list[list[PackEvent]]:
    """By carton list, so many events of each, the refused one last."""
    asked = list(orders(of_each, site.seed))
    with (
        site.workspace() as workspace,
        site.service("sandbox", {}) as sandbox,
        site.service("proxy", _proxy_env(workspace.env, workspace.folder / "spool", sandbox.url)) as proxy,
    ):
        with ThreadPoolExecutor(_SENDERS) as senders:
            list(senders.map(lambda order: _send(proxy.url, order), asked))
        events = _read(workspace.env, len(asked))
    return _by_list(events)


def _proxy_env(env: Mapping[str, str], spool: object, upstream: str) -> dict[str, str]:
    own = {"PROXY__UPSTREAM_URL": f"{upstream}/", "PROXY__SPOOL_DIR": str(spool), "PROXY__HASH_KEY": HASH_KEY}
    return {**env, **own}


def _send(proxy: str, order: Order) -> None:
    headers = {"Authorization": f"apikey {key_of(order.carton_list)}", "Content-Type": "application/json"}
    if order.steer is not None:
        headers["X-Sandbox"] = order.steer
    request = urllib.request.Request(f"{proxy}/", order.body, headers)  # noqa: S310  # our own http:// address
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S) as reply:  # noqa: S310
            reply.read()
    except urllib.error.HTTPError as error:
        if error.headers.get("X-Event-ID") is None:
            raise BenchError(f"the proxy answered a pack with {error.code}: {error.read()[:200]!r}") from error


def _read(env: Mapping[str, str], count: int) -> list[PackEvent]:
    """All of a topic that has so many records, in the order of each partition."""
    consumer = Consumer({"bootstrap.servers": env["KAFKA__BOOTSTRAP_SERVERS"], "group.id": "templates"})
    try:
        consumer.assign([TopicPartition(env["KAFKA__TOPIC"], n, 0) for n in range(int(env["KAFKA__PARTITIONS"]))])
        found: list[PackEvent] = []
        while len(found) < count:
            messages = consumer.consume(count, _IN_KAFKA_WITHIN_S if not found else 5)
            if not messages:
                raise BenchError(f"{len(found)} events are in Kafka, of {count} packs")
            events = [decode(value) for message in messages if (value := message.value()) is not None]
            found += [event for event in events if isinstance(event, PackEvent)]
    finally:
        consumer.close()
    return found


def _by_list(events: Iterable[PackEvent]) -> list[list[PackEvent]]:
    found: dict[str, list[PackEvent]] = defaultdict(list)
    for event in events:
        found[event.keystem].append(event)
    return [sorted(of_list, key=lambda event: event.outcome != "packed") for _, of_list in sorted(found.items())]
