"""The program that counts: packstats' own consumer, partitions and store, with orders in the place of packs.

A batch and the position behind it are written in one transaction, so each order is counted once whatever dies when. Any
number of these programs share the partitions among them.
"""

import argparse
import os
import signal
import socket
import sys
from collections.abc import Callable
from threading import Thread

import place
from order_stream import OrderStream

from aggregator.consumer import Consumer
from aggregator.kafka_log import KafkaLog
from aggregator.positions import Place as LogPlace
from aggregator.store import Store
from common import collector
from common.errors import EXIT_DRAINED, PackstatsError
from common.kafka import admin_client, describe_topic
from common.log import configure
from common.mongo import sync_client
from study.kit import orders
from study.kit.programs import EXIT_START
from study.kit.settings import StartError, from_environment

# How long orders are gathered. A tenth of a second more is a tenth less fresh; much less, and a transaction holds one order.
FLUSH_S = 0.2
KAFKA_S = 10.0


def run(where: place.Place, arrange: Callable[[Consumer], None]) -> None:
    """Counts until the consumer is told to stop, by what `arrange` arranges."""
    owner = f"{socket.gethostname()}:{os.getpid()}"
    with sync_client(where.mongo, "study-folding") as client:
        log = where.log(place.topic_of(client[where.mongo.database]))
        admin = admin_client(log, f"{owner}-admin")
        topic_id = describe_topic(admin, log.topic, KAFKA_S).topic_id
        store = Store(client, where.mongo.database, LogPlace(log.topic, topic_id, owner))
        stream = OrderStream(orders.states(), log.partitions)
        consumer = Consumer(KafkaLog(log, admin, owner, topic_id), store, stream, log.partitions, FLUSH_S)
        arrange(consumer)
        collector.tame((100_000, 20, 100))
        try:
            consumer.run()
        finally:
            store.close()


def _stop_on_signals(consumer: Consumer) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: consumer.stop())


def _stop_with_parent(consumer: Consumer) -> None:
    """Its end of the pipe closes when it goes, whichever way."""
    _stop_on_signals(consumer)

    def wait() -> None:
        sys.stdin.buffer.read()
        consumer.stop()

    Thread(target=wait, daemon=True).start()


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"{place.STAGE}/folding.py")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    chosen = parser.parse_args()
    configure("WARNING")
    try:
        run(place.of(from_environment()), _stop_with_parent if chosen.until_eof else _stop_on_signals)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_START
    except PackstatsError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return EXIT_DRAINED


if __name__ == "__main__":
    sys.exit(main())
