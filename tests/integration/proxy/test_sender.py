"""Spool and sender on a real Kafka: what was durable arrives, in order, whatever the broker does meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaException, Message, Producer, TopicPartition

from common.settings import KafkaSettings
from proxy.outbox import Outbox, SpoolStatus
from proxy.slots import take_slot
from proxy.spool import SpoolRecord
from proxy.spool_file import SpoolFile
from tests.support.eventually import eventually, eventually_async
from tests.support.servers import Server
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration

OLD_MS = 31 * 24 * 3600 * 1000


def settings_of(workspace: Workspace, partitions: int | None = None) -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers=workspace.bootstrap_servers,
        topic=workspace.name,
        partitions=partitions or workspace.partitions,
        replication=1,
        # How long a topic may be unknown before its records fail; by default 30 s.
        client={"topic.metadata.propagation.max.ms": "2000"},
    )


Open = Callable[..., Outbox]


@pytest.fixture
async def open_outbox(workspace: Workspace) -> AsyncIterator[Open]:
    """Opens outboxes on the workspace's topic; those that a test does not stop are stopped for it."""
    opened: list[Outbox] = []

    def make(partitions: int | None = None) -> Outbox:
        settings = settings_of(workspace, partitions)
        opened.append(Outbox.open(workspace.spool, 1 << 30, settings, reserve_bytes=1 << 20))
        return opened[-1]

    yield make
    for outbox in opened:
        if not outbox._stop.asked:
            await outbox.stop(0)


async def append(outbox: Outbox, *names: str, partition: int = 0, is_delete: bool = False, age_ms: int = 0) -> None:
    now_ms = time.time_ns() // 1_000_000
    futures = []
    for name in names:
        outbox.spool.admit()
        record = SpoolRecord(partition, f"key-{partition}", name.encode(), now_ms - age_ms, is_delete)
        futures.append(outbox.spool.append(record))
    await asyncio.gather(*futures)


async def until(outbox: Outbox, check: Callable[[SpoolStatus], bool], deadline_s: float = 60) -> None:
    async def holds() -> bool:
        assert check(outbox.status()), outbox.status()
        return True

    await eventually_async(holds, deadline_s)


async def drained(outbox: Outbox) -> None:
    await until(outbox, lambda status: status.waiting == 0)


def read(workspace: Workspace, partition: int = 0) -> list[Message]:
    """Everything that is in a partition now."""
    consumer = Consumer({"bootstrap.servers": workspace.bootstrap_servers, "group.id": "reader", "log_level": 0})
    try:
        place = TopicPartition(workspace.name, partition, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=20)
        consumer.assign([place])
        found: list[Message] = []
        while len(found) < end:
            found += consumer.consume(end - len(found), timeout=20)
        return found
    finally:
        consumer.close()


def names(messages: list[Message]) -> list[str]:
    return [(message.value() or b"").decode() for message in messages]


def first_copies(found: list[str]) -> list[str]:
    return list(dict.fromkeys(found))


async def test_events_arrive_in_order_with_key_and_partition_and_leave_the_spool(
    workspace: Workspace, open_outbox: Open
) -> None:
    workspace.create_topic()
    outbox = open_outbox()
    expected = [f"{number:04}" for number in range(500)]
    await append(outbox, *expected, partition=3)
    await append(outbox, "other", partition=5)
    await drained(outbox)

    found = read(workspace, 3)
    assert names(found) == expected
    assert names(read(workspace, 5)) == ["other"]
    first = found[0]
    assert (first.key(), first.headers()) == (b"key-3", None)
    assert first.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME
    status = outbox.status()
    assert (status.kafka, status.problem, status.oldest_s) == ("sending", None, None)
    await outbox.stop(5)
    assert SpoolFile(workspace.spool / "slot-000" / "spool.db").empty


async def test_packs_are_taken_while_kafka_is_away_and_arrive_when_it_is_back(
    workspace: Workspace, kafka: Server, open_outbox: Open
) -> None:
    workspace.create_topic()
    kafka.stop()
    outbox = open_outbox()
    await append(outbox, "a", "b")
    await until(outbox, lambda status: status.kafka == "unreachable")
    assert outbox.status().accepting
    assert outbox.status().waiting == 2

    kafka.start()  # in this thread: a broker goes with the thread that started it
    await drained(outbox)
    assert names(read(workspace)) == ["a", "b"]
    assert outbox.status().kafka == "sending"


async def test_what_a_stopped_process_left_is_sent_by_the_next_one_before_its_own(
    workspace: Workspace, kafka: Server, open_outbox: Open
) -> None:
    workspace.create_topic()
    kafka.stop()
    first = open_outbox()
    await append(first, "a", "b")
    await first.stop(0)

    second = open_outbox()
    assert second.status().waiting == 2
    await append(second, "c")
    kafka.start()  # in this thread: a broker goes with the thread that started it
    await drained(second)
    assert names(read(workspace)) == ["a", "b", "c"]


async def test_a_killed_broker_loses_nothing_and_keeps_the_order(
    workspace: Workspace, kafka: Server, open_outbox: Open
) -> None:
    workspace.create_topic()
    outbox = open_outbox()
    expected = [f"{number:04}" for number in range(3000)]
    for at in range(0, 1500, 50):
        await append(outbox, *expected[at : at + 50])
        await asyncio.sleep(0)
    kafka.kill()
    for at in range(1500, 3000, 50):
        await append(outbox, *expected[at : at + 50])
    await until(outbox, lambda status: status.kafka == "unreachable")
    kafka.start()  # in this thread: a broker goes with the thread that started it
    await drained(outbox)
    assert first_copies(names(read(workspace))) == expected


async def test_a_delete_stands_between_what_came_before_and_what_came_after(
    workspace: Workspace, kafka: Server, open_outbox: Open
) -> None:
    workspace.create_topic()
    outbox = open_outbox()
    await append(outbox, "a", "b")
    kafka.freeze()
    await append(outbox, "c")
    await append(outbox, "delete", is_delete=True)
    await append(outbox, "d", "e")
    await append(outbox, "elsewhere", partition=1)
    await until(outbox, lambda status: status.kafka == "unreachable")
    kafka.thaw()
    await drained(outbox)
    assert first_copies(names(read(workspace))) == ["a", "b", "c", "delete", "d", "e"]
    assert first_copies(names(read(workspace, 1))) == ["elsewhere"]


async def test_a_topic_that_is_removed_is_an_outage_and_nothing_is_dropped(
    workspace: Workspace, open_outbox: Open
) -> None:
    workspace.create_topic()
    outbox = open_outbox()
    await append(outbox, "a")
    await drained(outbox)

    workspace.drop()
    await append(outbox, "b")
    await until(outbox, lambda status: status.kafka == "mismatch")
    assert "does not exist" in str(outbox.status().problem)
    assert outbox.status().waiting == 1
    workspace.create_topic()
    await drained(outbox)
    assert names(read(workspace)) == ["b"]


async def test_a_topic_with_another_number_of_partitions_gets_nothing(workspace: Workspace, open_outbox: Open) -> None:
    workspace.create_topic()
    outbox = open_outbox(partitions=workspace.partitions + 1)
    await append(outbox, "a")
    await until(outbox, lambda status: status.kafka == "mismatch")
    assert "KAFKA__PARTITIONS says 7" in str(outbox.status().problem)
    assert outbox.status().accepting
    await outbox.stop(0)
    assert read(workspace) == []

    again = open_outbox()
    await drained(again)
    assert names(read(workspace)) == ["a"]


async def test_a_producer_that_raises_is_replaced_and_everything_is_sent(
    workspace: Workspace, open_outbox: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.create_topic()
    outbox = open_outbox()
    await append(outbox, "a")
    await drained(outbox)
    sender = outbox._sender
    first = sender._producer
    serve = sender._serve
    raised: list[Producer] = []

    def fail_once(producer: Producer) -> None:
        if not raised and sender._window.on_way:
            raised.append(producer)
            raise KafkaException("fatal, as far as the sender can tell")
        serve(producer)

    monkeypatch.setattr(sender, "_serve", fail_once)
    await append(outbox, *"bcd")
    await drained(outbox)
    assert raised == [first]
    assert sender._producer is not first
    assert first_copies(names(read(workspace))) == list("abcd")


async def test_a_stop_while_the_broker_hangs_keeps_the_rest(
    workspace: Workspace, kafka: Server, open_outbox: Open
) -> None:
    workspace.create_topic()
    outbox = open_outbox()
    await append(outbox, "a")
    await drained(outbox)
    kafka.freeze()
    await append(outbox, "b", "c")
    await until(outbox, lambda status: status.kafka == "unreachable")
    await outbox.stop(0.5)
    kafka.thaw()

    again = open_outbox()
    assert again.status().waiting == 2
    await drained(again)
    assert first_copies(names(read(workspace))) == ["a", "b", "c"]


async def test_a_stop_drains_what_it_can(workspace: Workspace, open_outbox: Open) -> None:
    workspace.create_topic()
    outbox = open_outbox()
    await append(outbox, *(str(number) for number in range(2000)))
    await outbox.stop(30)
    assert len(read(workspace)) == 2000


async def test_slots_of_processes_that_are_gone_are_sent_and_cleared(workspace: Workspace, open_outbox: Open) -> None:
    workspace.create_topic()
    slots = [take_slot(workspace.spool) for _ in range(3)]
    for slot in slots:
        file = SpoolFile(slot.spool_path)
        file.commit([SpoolRecord(0, "key", slot.name.encode(), time.time_ns() // 1_000_000)] * 2, [])
        file.close()
        slot.release()

    outbox = open_outbox()
    await drained(outbox)

    def cleared() -> bool:
        return all([path.name for path in slot.folder.iterdir()] == ["lock"] for slot in slots[1:])

    await asyncio.to_thread(eventually, cleared)
    await until(outbox, lambda status: status.orphans == ())
    assert sorted(names(read(workspace))) == sorted([slot.name for slot in slots] * 2)


async def test_events_older_than_thirty_days_are_kept_aside(workspace: Workspace, open_outbox: Open) -> None:
    workspace.create_topic()
    outbox = open_outbox()
    await append(outbox, "old", age_ms=OLD_MS)
    await append(outbox, "young")
    await drained(outbox)
    assert names(read(workspace)) == ["young"]
    assert outbox.status().set_aside == 1
    await outbox.stop(5)
    again = open_outbox()
    assert (again.status().waiting, again.status().set_aside) == (0, 1)
