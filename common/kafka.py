"""How every process reaches Kafka, and what it must know of the topic before it trusts it.

A topic is named by its id, not its name: a topic that was removed and made again has the same name and other records.
Nothing here retries: a caller knows whether it can wait. What Kafka refuses or does not answer is a KafkaException.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource  # `admin` does not export it to type checkers
from confluent_kafka.admin._resource import ResourceType

from common.errors import StartupError
from common.settings import KafkaSettings
from common.topic import TOPIC_CONFIG, min_insync_replicas

Options = dict[str, str | int | float | bool]

_UNLIMITED = -1
_AT_LEAST = frozenset({"retention.ms", "min.insync.replicas"})  # more of it takes nothing away
# What `describe_topics` and `describe_configs` call a topic that is not there.
_NO_SUCH_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001  # the binding's name
_REST_S = 1.0  # the client has its own timeout; ours is for a client that does not keep it

T = TypeVar("T")


class TopicMissingError(StartupError):
    """The topic does not exist; `python -m admin init` creates it."""


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic as it really is."""

    topic_id: str
    partitions: int
    replication: int  # of the partition that has the fewest replicas
    config: dict[str, str]


def client_options(settings: KafkaSettings, client_id: str) -> Options:
    """Where Kafka is and how to speak to it, for any client; `settings.client` (TLS, SASL) goes along.

    A caller puts the options it depends on after these.
    """
    base: Options = {
        "socket.keepalive.enable": True,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2000,
        "enable.metrics.push": False,
    }
    return base | settings.client | {"bootstrap.servers": settings.bootstrap_servers, "client.id": client_id}


def admin_client(
    settings: KafkaSettings, client_id: str, on_error: Callable[[KafkaError], None] | None = None
) -> AdminClient:
    """A client for questions about topics. It logs nothing itself: errors come as exceptions, or to `on_error`."""
    options = client_options(settings, client_id)
    # Asked where partitions end it keeps to the leaders it knows and never looks for new ones, however often a broker
    # says that they changed: so it has to forget them soon.
    options = {**options, "metadata.max.age.ms": 5000}
    # Only said where something listens: such a callback runs in `poll`, and a client nobody polls would collect them.
    return AdminClient({**options, "log_level": 0}, **({"error_cb": on_error} if on_error else {}))


def topic_id(uuid: Uuid) -> str:
    """A topic's id as Kafka's own tools print it (URL-safe base64 without padding); the client's form has + and /."""
    return str(uuid).rstrip("=").replace("+", "-").replace("/", "_")


def describe_topic(admin: AdminClient, topic: str, timeout_s: float) -> TopicFacts:
    """The topic as it is now; blocks, each of two questions for at most `timeout_s`.

    Raises TopicMissingError, or KafkaException where Kafka is away or refuses.
    """
    try:
        description = _answer(
            admin.describe_topics(TopicCollection([topic]), request_timeout=timeout_s)[topic], timeout_s
        )
        resource = ConfigResource(ResourceType.TOPIC, topic)
        entries = _answer(admin.describe_configs([resource], request_timeout=timeout_s)[resource], timeout_s)
    except KafkaException as error:
        if error.args[0].code() in _NO_SUCH_TOPIC:
            raise TopicMissingError(f"topic {topic} does not exist: `python -m admin init` creates it") from error
        raise
    partitions = description.partitions
    return TopicFacts(
        topic_id=topic_id(description.topic_id),
        partitions=len(partitions),
        replication=min((len(partition.replicas) for partition in partitions), default=0),
        config={name: entry.value for name, entry in entries.items() if entry.value is not None},
    )


def expected_config(settings: KafkaSettings) -> dict[str, str]:
    """What the topic is created with."""
    return {**TOPIC_CONFIG, "min.insync.replicas": str(min_insync_replicas(settings.replication))}


def differences(facts: TopicFacts, settings: KafkaSettings) -> list[str]:
    """Where the topic is not what the settings say, each with what to do about it; empty where it agrees."""
    return [*_shape_differences(facts, settings), *_config_differences(facts, settings)]


def _shape_differences(facts: TopicFacts, settings: KafkaSettings) -> Iterator[str]:
    if facts.partitions != settings.partitions:
        yield (
            f"topic {settings.topic} has {facts.partitions} partitions, KAFKA__PARTITIONS says {settings.partitions}: "
            f"the number is fixed for the life of a topic, so set KAFKA__PARTITIONS to what it was created with"
        )
    if facts.replication < settings.replication:
        yield (
            f"topic {settings.topic} has {facts.replication} replicas, KAFKA__REPLICATION says {settings.replication}: "
            f"add replicas with kafka-reassign-partitions, or lower KAFKA__REPLICATION"
        )


def _config_differences(facts: TopicFacts, settings: KafkaSettings) -> Iterator[str]:
    for name, expected in expected_config(settings).items():
        actual = facts.config.get(name, "")
        if not _agrees(name, actual, expected):
            yield (
                f"topic {settings.topic} has {name}={actual or 'unknown'}, needed is {expected}: "
                f"kafka-configs --alter --topic {settings.topic} --add-config {name}={expected}"
            )


def _agrees(name: str, actual: str, expected: str) -> bool:
    if name not in _AT_LEAST:
        return actual == expected
    try:
        number = int(actual)
    except ValueError:
        return False
    return number == _UNLIMITED or number >= int(expected)


def _answer(future: "Future[T]", timeout_s: float) -> T:
    try:
        return future.result(timeout_s + _REST_S)
    except FutureTimeoutError as error:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer in time")) from error  # noqa: SLF001  # the binding's name
