"""Peers fetch as the product does: only then is what comes after the fetch compared."""

from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from aggregator import kafka_log
from aggregator.kafka_log import KafkaLog
from bench.aggregator import fetching
from common.settings import KafkaSettings

# What says who reads, from where, and what is remembered, not how records are fetched.
_NOT_FETCHING = {
    "bootstrap.servers",
    "client.id",
    "group.id",
    "group.protocol",
    "auto.offset.reset",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.metrics.push",
    "error_cb",
    "max.poll.interval.ms",
}
_CONNECTING = {"socket.keepalive.enable", "reconnect.backoff.ms", "reconnect.backoff.max.ms"}


def test_peers_have_the_products_settings_of_fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Mapping[str, Any]] = []
    monkeypatch.setattr(kafka_log, "Consumer", told.append)
    admin = AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    KafkaLog(KafkaSettings(), admin, "test", "topic-id")
    [settings] = told
    own = {name: value for name, value in settings.items() if name not in _NOT_FETCHING | _CONNECTING}
    assert own == fetching.SETTINGS
