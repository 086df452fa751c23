"""`python -m aggregator`: checks what it depends on, then folds events into totals until it is told to stop."""

import os
import signal
import socket
import sys
from dataclasses import replace
from time import sleep

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from aggregator.consumer import Consumer
from aggregator.health import serve
from aggregator.kafka_log import KafkaLog
from aggregator.pack_stream import PackStream
from aggregator.positions import Place
from aggregator.settings import AggregatorSettings
from aggregator.store import Store
from common import collector, crash_points
from common.errors import EXIT_CRASH, EXIT_DRAINED, PackstatsError, StartupError
from common.kafka import TopicFacts, admin_client, describe_topic, differences
from common.log import configure
from common.mongo import sync_client
from common.settings import KafkaSettings, load

KAFKA_TIMEOUT_S = 10.0
KAFKA_BACK_OFF_S = 2.0
COLLECTED_AFTER = (100_000, 20, 100)  # what records leave is no cycle

log = structlog.get_logger()


def topic_facts(admin: AdminClient, settings: KafkaSettings) -> TopicFacts:
    """The topic, once Kafka answers; waits for it as long as it takes. Raises StartupError where the topic is wrong."""
    while True:
        try:
            facts = describe_topic(admin, settings.topic, KAFKA_TIMEOUT_S)
        except KafkaException as error:
            log.warning("waiting for Kafka", bootstrap_servers=settings.bootstrap_servers, error=str(error))
            sleep(KAFKA_BACK_OFF_S)
            continue
        if facts.partitions > settings.partitions:
            # Those beyond are not counted and raise an alarm when they are assigned; the others go on.
            log.error(
                "topic has more partitions than configured", topic=facts.partitions, configured=settings.partitions
            )
            facts = replace(facts, partitions=settings.partitions)
        if problems := differences(facts, settings):
            raise StartupError("\n".join(problems))
        return facts


def run(settings: AggregatorSettings) -> None:
    owner = f"{socket.gethostname()}:{os.getpid()}"
    admin = admin_client(settings.kafka, f"{owner}-admin")
    facts = topic_facts(admin, settings.kafka)
    with sync_client(settings.mongo, "packstats-aggregator") as client:
        store = Store(client, settings.mongo.database, Place(settings.kafka.topic, facts.topic_id, owner))
        kafka_log = KafkaLog(settings.kafka, admin, owner, facts.topic_id)
        section = settings.aggregator
        partitions = settings.kafka.partitions
        consumer = Consumer(kafka_log, store, PackStream(partitions), partitions, section.flush_interval_s)
        _stop_on_signals(consumer)
        server = serve(consumer, section.host, section.port)
        log.info(
            "started", topic=settings.kafka.topic, topic_id=facts.topic_id, address=f"{section.host}:{section.port}"
        )
        collector.tame(COLLECTED_AFTER)
        try:
            consumer.run()
        finally:
            server.shutdown()
            server.server_close()
            store.close()


def _stop_on_signals(consumer: Consumer) -> None:
    """The first signal drains, the second ends the process at once. Nothing is logged here: a line may be half out."""

    def drain(_number: int, _frame: object) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        consumer.stop()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, drain)


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until there is something to drain
    try:
        settings = load(AggregatorSettings)
        configure(settings.aggregator.log_level)
        crash_points.arm(os.environ)
        run(settings)
    except PackstatsError as error:
        log.critical("stopped", error=str(error), exit_code=error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_DRAINED
    except Exception:
        log.critical("crashed", exc_info=True)
        return EXIT_CRASH
    log.info("drained")
    return EXIT_DRAINED


if __name__ == "__main__":
    sys.exit(main())
