"""Kafka and MongoDB as the operator's commands reach them."""

from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient

from common.errors import SettingsError
from common.kafka import admin_client
from common.mongo import Document, sync_client
from common.settings import KafkaSettings, MongoSettings

APPNAME = "packstats-admin"
T = TypeVar("T")


class Kafka:
    """A client whose time-outs say why: "connection refused" instead of "timed out"."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._last: KafkaError | None = None
        try:
            self.client: AdminClient = admin_client(settings, APPNAME, self._note)
        except KafkaException as error:
            raise SettingsError(f"KAFKA__CLIENT: {error.args[0].str()}") from error

    def ask(self, question: Callable[[AdminClient], T]) -> T:
        """The answer to a question. Raises KafkaException."""
        try:
            return question(self.client)
        except KafkaException as error:
            self.client.poll(0)
            if self._last is not None and error.args[0].code() == KafkaError._TIMED_OUT:  # noqa: SLF001  # the binding's name
                raise KafkaException(self._last) from error
            raise

    def _note(self, error: KafkaError) -> None:
        # "All brokers are down" follows each reason and says less.
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # the binding's name
            self._last = error


def mongo(settings: MongoSettings) -> MongoClient[Document]:
    return sync_client(settings, APPNAME)
