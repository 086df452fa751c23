"""`status`: how far the totals are, what waits where, and what needs a person; gathered from whoever answers."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec  # `admin` does not export it to type checkers
from pymongo.database import Database
from pymongo.errors import PyMongoError

from admin.gaps import OF_A_GAP
from admin.quarantine import WAITING
from admin.servers import Kafka, mongo
from admin.settings import Settings
from admin.waiting import reason_of
from common import documents, progress
from common.kafka import TopicMissingError, describe_topic, differences
from common.mongo import Document
from proxy.admission import WARN_AT
from proxy.settings import ProxySettings

ANSWER_S = 3.0
LATE = timedelta(seconds=30)
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # asked, not listened on


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    partition: int
    topic_id: str
    next_offset: int
    end_offset: int | None
    lag: int | None
    complete_until: datetime | None
    owner: str | None
    generation: int
    stopped: str | None
    stopped_detail: str | None
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True)
class TopicStatus:
    name: str
    problem: str | None = None  # why Kafka could not be asked
    topic_id: str | None = None
    end_offsets: dict[int, int] | None = None
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentsStatus:
    problem: str | None = None  # why MongoDB could not be asked
    partitions: tuple[PartitionStatus, ...] = ()
    keystems: int | None = None
    sessions: int | None = None
    quarantined: int | None = None
    quarantined_cleared: int | None = None


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    address: str
    problem: str | None = None  # why the proxy could not be asked
    ready: dict[str, Any] | None = None  # its own /readyz


@dataclass(frozen=True, slots=True)
class Status:
    topic: TopicStatus
    documents: DocumentsStatus
    proxy: ProxyStatus
    lag: int | None  # over all partitions; None where one is unknown
    attention: tuple[str, ...]  # what waits for a person


def gather(settings: Settings) -> Status:
    topic = _topic_status(settings)
    held = _documents_status(settings, topic)
    lags = [partition.lag for partition in held.partitions]
    known = [lag for lag in lags if lag is not None]
    proxy = _proxy_status(settings.proxy)
    return Status(
        topic=topic,
        documents=held,
        proxy=proxy,
        lag=sum(known) if len(known) == settings.kafka.partitions else None,
        attention=(
            *attention(settings, topic, held),
            *late(held.partitions, datetime.now(UTC)),
            *unsent(proxy.ready or {}),
        ),
    )


def _topic_status(settings: Settings) -> TopicStatus:
    name = settings.kafka.topic
    try:
        kafka = Kafka(settings.kafka)
        facts = kafka.ask(lambda client: describe_topic(client, name, ANSWER_S))
        ends = kafka.ask(lambda client: _end_offsets(client, name, facts.partitions))
    except TopicMissingError as error:
        return TopicStatus(name, problem=str(error))
    except KafkaException as error:
        return TopicStatus(name, problem=reason_of(error))
    return TopicStatus(name, None, facts.topic_id, ends, tuple(differences(facts, settings.kafka)))


def _end_offsets(client: AdminClient, topic: str, partitions: int) -> dict[int, int]:
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the binding leaves it without annotation
    wanted = {TopicPartition(topic, number): latest for number in range(partitions)}
    answers = client.list_offsets(wanted, request_timeout=ANSWER_S)
    return {place.partition: int(answer.result(ANSWER_S + 1).offset) for place, answer in answers.items()}


def _documents_status(settings: Settings, topic: TopicStatus) -> DocumentsStatus:
    with mongo(settings.mongo) as client:
        try:
            return _ask_database(client[settings.mongo.database], topic)
        except PyMongoError as error:
            return DocumentsStatus(problem=reason_of(error))


def _ask_database(database: Database[Document], topic: TopicStatus) -> DocumentsStatus:
    found = database[progress.POSITIONS].find({"topic": topic.name}, sort=[("created_at", 1)])
    newest = {int(position["partition"]): position for position in found}
    quarantine = database[progress.QUARANTINE]
    return DocumentsStatus(
        partitions=tuple(_partition_status(newest[number], topic) for number in sorted(newest)),
        keystems=database[documents.KEYDATA].estimated_document_count(),
        sessions=database[progress.SESSIONS].estimated_document_count(),
        quarantined=quarantine.count_documents(WAITING),
        quarantined_cleared=quarantine.count_documents({"cleared": True}),
    )


def _partition_status(position: Document, topic: TopicStatus) -> PartitionStatus:
    number, next_offset = int(position["partition"]), int(position["next_offset"])
    # Kafka's own word, if it is the same topic; else what an aggregator last heard.
    same = topic.end_offsets is not None and topic.topic_id == position["topic_id"]
    end = topic.end_offsets.get(number) if same and topic.end_offsets else position.get("end_offset")
    moments = [moment for name in ("log_time", "caught_up_at") if (moment := position.get(name)) is not None]
    stopped = position.get("stopped") or {}
    return PartitionStatus(
        partition=number,
        topic_id=position["topic_id"],
        next_offset=next_offset,
        end_offset=None if end is None else int(end),
        lag=None if end is None else max(0, int(end) - next_offset),
        complete_until=max(moments, default=None),
        owner=position.get("owner"),
        generation=int(position["generation"]),
        stopped=stopped.get("reason"),
        stopped_detail=stopped.get("detail"),
        stopped_at=stopped.get("at"),
    )


def _proxy_status(settings: ProxySettings) -> ProxyStatus:
    host = _ANYWHERE.get(settings.host, settings.host)
    address = f"http://{host}:{settings.port}"
    if settings.port == 0:
        return ProxyStatus(address, problem="PROXY__PORT is 0: set it to the port of the proxy to ask")
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=ANSWER_S) as answer:  # noqa: S310  # always http
            return ProxyStatus(address, ready=_object(answer.read()))
    except urllib.error.HTTPError as error:  # not ready, and says why
        with error:
            return ProxyStatus(address, ready=_object(error.read()))
    except (OSError, ValueError) as error:
        return ProxyStatus(address, problem=f"does not answer: {getattr(error, 'reason', error)}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"ready": False}


def attention(settings: Settings, topic: TopicStatus, held: DocumentsStatus) -> list[str]:
    """What does not heal by itself, a line each, with what to do."""
    lines = list(topic.differences)
    lines += [
        f"partition {each.partition} is stopped: {each.stopped} ({each.stopped_detail}){_way_out(each)}"
        for each in held.partitions
        if each.stopped is not None
    ]
    if held.problem is None and len(held.partitions) < settings.kafka.partitions:
        missing = settings.kafka.partitions - len(held.partitions)
        lines.append(f"{missing} partitions have no position, so they are not counted: run python -m admin init")
    strange = {each.topic_id for each in held.partitions} - {topic.topic_id}
    if topic.topic_id is not None and strange:
        lines.append(f"topic {topic.name} was removed and made again; python -m admin init says what to do")
    if held.quarantined:
        lines.append(f"{held.quarantined} records are in quarantine: python -m admin quarantine list")
    return lines


def late(partitions: Iterable[PartitionStatus], now: datetime) -> Iterator[str]:
    """The partition whose totals are behind for longest, where that is too long and nobody stopped it."""
    behind = [each for each in partitions if each.lag and each.stopped is None]
    behind = [each for each in behind if each.complete_until is None or now - each.complete_until > LATE]
    if behind:
        # One that nothing is known of comes first.
        worst = min(behind, key=lambda each: each.complete_until or datetime.min.replace(tzinfo=UTC))
        until = f"{worst.complete_until:%Y-%m-%d %H:%M:%S} UTC" if worst.complete_until else "nobody knows when"
        yield (
            f"{len(behind)} partitions are late, partition {worst.partition} most: complete until {until}, "
            f"{worst.lag} records behind, owner {worst.owner or 'nobody'}"
        )


def unsent(ready: dict[str, Any]) -> Iterator[str]:
    """What keeps the proxy that was asked from taking packs or sending events, by its own /readyz."""
    spool, kafka = ready.get("spool") or {}, ready.get("kafka") or {}
    if reason := spool.get("refusing"):
        yield f"the proxy takes no packs: {reason}"
    waiting, oldest_s = spool.get("waiting") or 0, spool.get("oldestSeconds") or 0.0
    if waiting and (kafka.get("problem") or oldest_s > LATE.total_seconds()):
        reason = kafka.get("problem") or f"Kafka is {kafka.get('state')}"
        yield f"{waiting} events wait in the proxy's spool, the oldest for {oldest_s:.0f} s: {reason}"
    if (fill := spool.get("fill") or 0.0) >= WARN_AT:
        yield f"the proxy's spool is {fill:.0%} full"
    if orphans := spool.get("orphans"):
        yield f"events of proxies that are gone wait in {', '.join(orphans)}: python -m admin spool list"
    if aside := spool.get("setAside"):
        yield f"{aside} events were too old to be sent and are set aside in {spool.get('slot')}"


def _way_out(each: PartitionStatus) -> str:
    """The command that decides it, where there is one."""
    return f": python -m admin accept-gap {each.partition}" if each.stopped in OF_A_GAP else ""
