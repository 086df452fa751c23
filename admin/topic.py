"""The topic: created as the settings say, or compared with them. Nothing here changes a topic that exists."""

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from common.errors import StartupError
from common.kafka import TopicFacts, TopicMissingError, describe_topic, differences, expected_config
from common.settings import KafkaSettings

ANSWER_S = 5.0


def ensure(admin: AdminClient, settings: KafkaSettings) -> tuple[TopicFacts, bool]:
    """The topic as it is, and whether it was made just now. Raises KafkaException where Kafka cannot do it now.

    Idempotent, also when two of us try at once.
    """
    try:
        return describe_topic(admin, settings.topic, ANSWER_S), False
    except TopicMissingError:
        _create(admin, settings)
    try:
        return describe_topic(admin, settings.topic, ANSWER_S), True
    except TopicMissingError as error:  # made, and not yet known to the broker that was asked
        raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, str(error))) from error


def _create(admin: AdminClient, settings: KafkaSettings) -> None:
    topic = NewTopic(
        settings.topic,
        num_partitions=settings.partitions,
        replication_factor=settings.replication,
        config=expected_config(settings),
    )
    try:
        admin.create_topics([topic], request_timeout=ANSWER_S)[settings.topic].result(ANSWER_S + 1)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def require_agreement(facts: TopicFacts, settings: KafkaSettings) -> None:
    """Raises StartupError with a line for each difference between the topic and the settings."""
    found = differences(facts, settings)
    if found:
        raise StartupError("\n".join(found))
