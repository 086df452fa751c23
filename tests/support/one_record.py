"""A single record on its way into a topic, and what becomes of it."""

from confluent_kafka import KafkaError, Message, Producer

from tests.support.workspace import Workspace


class OneRecord:
    """Sent to partition 0 as the proxy sends, acknowledged by all replicas that must have it."""

    def __init__(self, workspace: Workspace, *, timeout_ms: int = 0) -> None:
        self.reports: list[KafkaError | None] = []
        self._producer = Producer(
            {
                "bootstrap.servers": workspace.bootstrap_servers,
                "enable.idempotence": True,
                "acks": "all",
                "message.timeout.ms": timeout_ms,
                "log_level": 0,
            }
        )
        self._producer.produce(workspace.name, b"value", partition=0, on_delivery=self._note)

    def reported(self) -> bool:
        """Whether its fate is known; to be asked again and again."""
        self._producer.poll(0.05)
        return bool(self.reports)

    def _note(self, error: KafkaError | None, message: Message) -> None:
        del message
        self.reports.append(error)
