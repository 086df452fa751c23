"""`quarantine retry` and `discard`: what an operator decides about a record, so that no crash counts it twice.

1. The identity under which the record will be counted is written into its quarantine document, once (compare-and-set).
2. The event is sent under that identity, and Kafka acknowledges it.
3. The document says that it was sent.
Whoever finds 1 without 3 does 2 again: the same identity is dropped by the aggregator if it was there already.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from bson import Int64
from confluent_kafka import KafkaError, KafkaException, Producer
from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.database import Database
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from admin import quarantine, retry_plan
from admin.positions import MAJORITY
from admin.quarantine import printable
from admin.refusal import RefusalError
from admin.required import required, whoever
from admin.retry_plan import Plan
from admin.servers import mongo
from admin.settings import Settings
from common import progress
from common.events import PackEvent, encode, event_id
from common.identity import new_session
from common.mongo import Document
from common.settings import KafkaSettings
from proxy.kafka_link import KafkaLink

_ACKNOWLEDGED_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    id: str
    event_id: str | None = None  # under which it is counted
    partition: int | None = None
    offset: int | None = None
    note: str | None = None
    refused: str | None = None


class Sending:
    """A producer with the product's own settings; each record waits for Kafka's acknowledgement."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._reports: list[tuple[KafkaError | None, int | None]] = []

    def send(self, event: PackEvent) -> int:
        """The offset it has. Raises KafkaException where that is not known; it may have been written all the same."""
        self._reports.clear()
        self._producer.produce(
            self._topic,
            value=encode(event),
            key=event.keystem.encode(),
            partition=event.partition,
            on_delivery=lambda error, message: self._reports.append((error, message.offset())),
        )
        deadline = time.monotonic() + _ACKNOWLEDGED_WITHIN_S
        while not self._reports and time.monotonic() < deadline:
            self._producer.poll(0.1)
        late = (KafkaError(KafkaError._TIMED_OUT, "no acknowledgement"), None)  # noqa: SLF001  # the binding's name
        error, offset = self._reports[0] if self._reports else late
        if error is not None or offset is None:
            raise KafkaException(error or late[0])
        return offset


@contextmanager
def sending(settings: KafkaSettings) -> Iterator[Sending]:
    """Raises RefusalError where the topic is not as it must be, KafkaException where Kafka does not say."""
    link = KafkaLink(settings)
    if problems := link.problems():
        raise RefusalError("\n".join(problems))
    producer = link.connect(lambda _: None)
    try:
        yield Sending(producer, settings.topic)
    finally:
        link.dispose(producer)


@dataclass(frozen=True, slots=True)
class Retrying:
    """One run of the command: the records that need a new identity share one session."""

    database: Database[Document]
    sending: Sending
    partitions: int
    by: str
    session: str = field(default_factory=new_session)
    seqs: Counter[int] = field(default_factory=Counter)

    def retry(self, document: Document) -> Outcome:
        """Raises RefusalError where the record must not be retried, before anything was changed."""
        plan = retry_plan.plan(document, self.partitions, datetime.now(UTC))
        refuse_deleted(self.database, document, plan.event)
        begun = document.get("retry") or self._begin(document, plan)
        event = plan.identified(begun["session"], int(begun["seq"]))
        offset = self.sending.send(event)
        done = {"retry.sent_at": datetime.now(UTC), "retry.offset": Int64(offset)}
        self._quarantine.update_one({"_id": document["_id"], "retry.session": event.session}, {"$set": done})
        identity = event_id(event.session, event.partition, event.seq)
        return Outcome(document["_id"], identity, event.partition, offset, plan.note)

    @property
    def _quarantine(self) -> Collection[Document]:
        # Majority: what a fail-over could take back would be decided a second time, with another identity.
        return self.database.get_collection(progress.QUARANTINE, write_concern=MAJORITY)

    def _begin(self, document: Document, plan: Plan) -> Document:
        """Write the identity down; the one that is there already, where somebody else was faster."""
        event = plan.event
        if plan.fresh:
            self.seqs[event.partition] += 1
            event = plan.identified(self.session, self.seqs[event.partition])
        begun = {
            "session": event.session,
            "partition": event.partition,
            "seq": Int64(event.seq),
            "at": datetime.now(UTC),
            "by": self.by,
        }
        untouched = {"_id": document["_id"], "cleared": {"$ne": True}, "discarded": None, "retry": None}
        found = self._quarantine.find_one_and_update(
            untouched, {"$set": {"retry": begun}}, return_document=ReturnDocument.AFTER
        )
        now: dict[str, Any] = found or self._quarantine.find_one({"_id": document["_id"]}) or {}
        if not now.get("retry"):
            raise RefusalError("it was changed meanwhile; look again")
        if found is None:
            retry_plan.plan(now, self.partitions, datetime.now(UTC))  # somebody else's may be finished
        return dict(now["retry"])


def refuse_deleted(database: Database[Document], document: Document, event: PackEvent) -> None:
    """Raises RefusalError where a delete of its keystem came after the record, also one that did not know whose it was."""
    topic_id = document["_id"].split(":")[0]
    for deletion in database[progress.DELETIONS].find({"keystem": event.keystem}):
        same_log = (deletion.get("topic_id"), deletion["partition"]) == (topic_id, document["partition"])
        later = (
            deletion["offset"] > document["offset"] if same_log else deletion["requested_at"] >= document["log_time"]
        )
        if later:
            raise RefusalError(
                f"keystem {event.keystem} was deleted after it: counting it now would bring back what was deleted"
            )


def run(settings: Settings, console: Console, name: str | None, reason: str | None, *, as_json: bool) -> None:
    """Retry one record, or all of a reason. Raises RefusalError, after showing what was done, where one was refused."""
    unfinished = "what was not acknowledged is sent under the same identity when the command is given again"
    with mongo(settings.mongo) as client, required(unfinished), sending(settings.kafka) as kafka:
        database = client[settings.mongo.database]
        retrying = Retrying(database, kafka, settings.kafka.partitions, whoever())
        collection = database[progress.QUARANTINE]
        wanted = _of_reason(collection, settings, reason) if reason is not None else iter(())
        if name is not None:
            wanted = iter([quarantine.find(collection, settings.kafka.topic, name)])
        outcomes = list(_retry_each(retrying, wanted))
    if as_json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    else:
        _show(console, outcomes)
    refused = [outcome for outcome in outcomes if outcome.refused is not None]
    if refused:
        raise RefusalError(f"{len(refused)} of {len(outcomes)} records were not retried: {refused[0].refused}")
    if not outcomes:
        raise RefusalError("there is no such record that waits")


def _of_reason(collection: Collection[Document], settings: Settings, reason: str) -> Iterator[Document]:
    """The records that wait for that reason (the word or words before its colon), in the order of the log."""
    found = collection.find({**quarantine.WAITING, "topic": settings.kafka.topic}, sort=[("log_time", 1), ("_id", 1)])
    return (document for document in found if document["reason"].split(":")[0] == reason)


def _retry_each(retrying: Retrying, documents: Iterable[Document]) -> Iterator[Outcome]:
    for document in documents:
        try:
            yield retrying.retry(document)
        except RefusalError as error:
            yield Outcome(document["_id"], refused=str(error))


def _show(console: Console, outcomes: list[Outcome]) -> None:
    table = Table("record", "counted as", "offset", "remark")
    for each in outcomes:
        remark = escape(printable(each.refused or each.note or ""))
        table.add_row(each.id, each.event_id or "not retried", "-" if each.offset is None else str(each.offset), remark)
    console.print(table)


def discard(settings: Settings, console: Console, name: str) -> None:
    """Note that a record will never be counted; its bytes stay. Raises RefusalError where it was or is being retried."""
    with mongo(settings.mongo) as client, required():
        collection = client[settings.mongo.database].get_collection(progress.QUARANTINE, write_concern=MAJORITY)
        document = quarantine.find(collection, settings.kafka.topic, name)
        decision = {"at": datetime.now(UTC), "by": whoever()}
        untouched = {"_id": document["_id"], "retry": None, "discarded": None}
        if collection.update_one(untouched, {"$set": {"discarded": decision}}).matched_count == 0:
            raise RefusalError(f"nothing was changed: it is {quarantine.state_of(document)}")
    console.print(f"discarded: {document['_id']}; its bytes are kept")
