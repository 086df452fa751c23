"""The sender's way to Kafka: how a producer is configured, made, and got rid of, and what the topic is like.

Destroying a client can hang for as long as a name server does, so it is left to a thread that nobody waits for.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from common.errors import SettingsError
from common.kafka import TopicMissingError, admin_client, client_options, describe_topic, differences
from common.settings import KafkaSettings

_CLIENT_ID = "packstats-proxy"
_ASK_FOR_S = 3.0

# What exactly-once rests on; the same names cannot be set in KAFKA__CLIENT.
SAFETY: dict[str, str | int | bool] = {
    "enable.idempotence": True,
    "acks": "all",
    "message.timeout.ms": 0,
    "compression.type": "lz4",
    "linger.ms": 5,
    "allow.auto.create.topics": False,
    "queue.buffering.max.messages": 20_000,
    "socket.keepalive.enable": True,
    "reconnect.backoff.ms": 100,
    "reconnect.backoff.max.ms": 2000,
    "enable.metrics.push": False,
    "topic.metadata.refresh.interval.ms": 60_000,
}
# The same settings under librdkafka's other names, and those that would undo them.
_ALSO_FIXED = frozenset(
    {
        "bootstrap.servers",
        "metadata.broker.list",
        "request.required.acks",
        "delivery.timeout.ms",
        "compression.codec",
        "queue.buffering.max.ms",
        "queue.buffering.max.kbytes",
        "delivery.report.only.error",
        "transactional.id",
        "message.send.max.retries",
        "retries",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "message.max.bytes",
        "partitioner",
    }
)

log = structlog.get_logger()


class KafkaProducer(Protocol):
    """As much of confluent-kafka's Producer as the sender uses."""

    def produce(
        self, topic: str, *, value: bytes, key: bytes, partition: int, on_delivery: Callable[[Any, Any], None]
    ) -> None: ...

    def poll(self, timeout: float) -> int: ...

    def purge(self) -> None: ...

    def list_topics(self, topic: str, timeout: float) -> object: ...


def refuse_fixed(kafka: KafkaSettings) -> None:
    """Raises SettingsError where KAFKA__CLIENT names what is fixed."""
    fixed = sorted((SAFETY.keys() | _ALSO_FIXED) & kafka.client.keys())
    if fixed:
        raise SettingsError(f"KAFKA__CLIENT: {', '.join(fixed)} cannot be set, exactly-once delivery rests on it")


class KafkaLink:
    """Makes clients of one cluster; it can be made, and makes them, while no broker is there."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Raises SettingsError where librdkafka refuses the configuration."""
        refuse_fixed(kafka)
        self._kafka = kafka
        try:
            self.dispose(self.connect(_ignore))
        except KafkaException as error:
            raise SettingsError(f"KAFKA__CLIENT or KAFKA__BOOTSTRAP_SERVERS: {error.args[0].str()}") from error

    @property
    def topic(self) -> str:
        return self._kafka.topic

    def connect(self, on_error: Callable[[KafkaError], None]) -> Producer:
        """A new producer. `on_error` hears of lost connections and the like, in `poll`; it must not raise."""
        options = {**client_options(self._kafka, _CLIENT_ID), **SAFETY, "error_cb": on_error}
        return Producer(options, logger=_logger())

    def dispose(self, producer: KafkaProducer) -> None:
        """Give a producer up, with all that it holds, without waiting for it; the caller drops its own reference."""
        threading.Thread(target=_purge, args=(producer,), name="kafka-disposal", daemon=True).start()

    def problems(self) -> list[str]:
        """What is wrong with the topic, each with what to do. Raises KafkaException where Kafka does not say."""
        admin = admin_client(self._kafka, _CLIENT_ID)
        try:
            return differences(describe_topic(admin, self.topic, _ASK_FOR_S), self._kafka)
        except TopicMissingError as error:
            return [str(error)]


def _purge(producer: KafkaProducer) -> None:
    try:
        producer.purge()
        producer.poll(0)  # hands the reports of what was purged to their callbacks, which frees them
    except KafkaException as error:
        log.debug("producer_disposal", error=str(error))


def _ignore(error: KafkaError) -> None:
    del error


class _ToStructlog(logging.Handler):
    """librdkafka speaks of connections; its lines are rate-limited by itself."""

    def emit(self, record: logging.LogRecord) -> None:
        log.warning("librdkafka", message=record.getMessage())


def _logger() -> logging.Logger:
    logger = logging.getLogger("packstats.librdkafka")
    if not logger.handlers:
        logger.addHandler(_ToStructlog())
        logger.propagate = False
    return logger
