"""How each crash point is reached: which process is armed, what is started, and what else has to happen."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry  # type: ignore[attr-defined]  # as in common.kafka
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from common import documents
from common.crash_points import CrashPoint
from local.ports import LOOPBACK, free_port
from tests.support.crash_run import PLAN, Cost, CrashRun, Process, holds_all
from tests.support.deleted import Deleted
from tests.support.eventually import eventually
from tests.support.evidence import positions_of
from tests.support.load import Load

Step = Callable[[CrashRun], None]


def nothing(_run: CrashRun) -> None:
    """The load reaches it, or the start itself."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is done before the load begins, under it, and once the point was reached."""

    arms: Process
    begin: Step = CrashRun.start
    provoke: Step = nothing
    repair: Step = nothing
    times: int = 1
    flush_interval_s: float = 0.3
    cost: Cost = "process"
    exits: int | None = None  # how a process that was told to stop ends, if it was frozen on the way


# --- the proxy -------------------------------------------------------------------------------------------------------


def stop_soon(run: CrashRun) -> None:
    run.load.wait_replies(10)
    run.send(signal.SIGTERM)


def refuse_records(run: CrashRun) -> None:
    """Deliveries fail for good: the topic takes no record of any size."""
    run.load.wait_replies(10)
    _limit_records(run, AlterConfigOpType.SET)


def accept_records(run: CrashRun) -> None:
    _limit_records(run, AlterConfigOpType.DELETE)


def _limit_records(run: CrashRun, operation: AlterConfigOpType) -> None:
    name, admin = run.rig.workspace.name, run.rig.workspace.admin()
    change = ConfigEntry("max.message.bytes", "1", incremental_operation=operation)
    topic = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[change])
    admin.incremental_alter_configs([topic])[topic].result(30)


def begin_with_orphan(run: CrashRun) -> None:
    """A proxy that never found Kafka is gone; its slot is not the one that the armed proxy takes for its own."""
    rig = run.rig
    nowhere = f"{LOOPBACK}:{free_port()}"
    gone = rig.services.proxy(rig.workspace, rig.sandbox.url, KAFKA__BOOTSTRAP_SERVERS=nowhere)
    with Load(replace(PLAN, seed=2), gone.url) as load:
        load.wait_replies(10)
    gone.kill()
    run.earlier = load.ledger
    (rig.workspace.spool / "slot-000").rename(rig.workspace.spool / "slot-001")
    run.start()


def delete(run: CrashRun) -> None:
    """The reply may be long in coming, so it is not waited for here."""
    run.load.wait_replies(5)
    run.deleted = Deleted()
    run.deleted.pack_before(run.proxy.url)
    run.aside.submit(run.deleted.delete, run.proxy.url)


# --- the aggregator --------------------------------------------------------------------------------------------------


def begin_behind_another(run: CrashRun) -> None:
    """The one before was killed; its session is in the positions. Another group need not wait until it is missed."""
    run.start_proxy()
    before = run.another_aggregator()
    run.proxy.wait_ready()
    with Load(replace(PLAN, seed=2), run.proxy.url) as load:
        eventually(lambda: sum(positions_of(run.rig.workspace).values()) > 10, 60)
    before.kill()
    run.earlier = load.ledger
    run.start_aggregator(KAFKA__GROUP=f"{run.rig.workspace.name}-next")


def join_another(run: CrashRun) -> None:
    run.load.wait_replies(10)
    run.aggregator.wait_ready()
    eventually(lambda: holds_all(run.aggregator, run.rig.workspace.partitions), 60)
    run.other = run.another_aggregator()


def replace_while_frozen(run: CrashRun) -> None:
    """It learns that its partitions were given to another when it wakes."""
    run.load.wait_replies(10)
    eventually(lambda: holds_all(run.aggregator, run.rig.workspace.partitions), 60)
    run.send(signal.SIGSTOP)
    run.other = other = run.another_aggregator()
    eventually(lambda: holds_all(other, run.rig.workspace.partitions), 60)
    run.send(signal.SIGCONT)


def refuse_documents(run: CrashRun) -> None:
    run.load.wait_replies(10)
    _validate(run, {"requests": {"$lt": 0}})


def accept_documents(run: CrashRun) -> None:
    _validate(run, {})


def _validate(run: CrashRun, validator: Mapping[str, object]) -> None:
    run.rig.workspace.documents.command("collMod", documents.KEYDATA, validator=dict(validator))


PACKING = Scenario("proxy", cost="request")
SENDING = Scenario("proxy")
ADOPTING = Scenario("proxy", begin=begin_with_orphan)
FOLDING = Scenario("aggregator")
LEAVING = Scenario("aggregator", provoke=join_another)
ERASING = Scenario("aggregator", provoke=delete)

SCENARIOS: Mapping[CrashPoint, Scenario] = {
    CrashPoint.ADMITTED: PACKING,
    CrashPoint.ANSWERED: PACKING,
    CrashPoint.QUEUED: PACKING,
    CrashPoint.DURABLE: PACKING,
    CrashPoint.REPLIED: PACKING,
    CrashPoint.DELETE_DURABLE: Scenario("proxy", provoke=delete, cost="request"),
    CrashPoint.STOPPING: Scenario("proxy", provoke=stop_soon, exits=0),
    CrashPoint.SPOOL_APPENDED: SENDING,
    CrashPoint.SPOOL_COMMITTED: SENDING,
    CrashPoint.SPOOL_TOLD: SENDING,
    CrashPoint.SPOOL_REMOVED: SENDING,
    CrashPoint.SPOOL_FORGOTTEN: SENDING,
    CrashPoint.SENDER_NEXT: SENDING,
    CrashPoint.SENDER_PRODUCED: SENDING,
    CrashPoint.SENDER_REPORTED: SENDING,
    CrashPoint.SENDER_SETTLED: SENDING,
    CrashPoint.SENDER_REMOVING: SENDING,
    CrashPoint.SENDER_GAVE_UP: Scenario("proxy", provoke=refuse_records, repair=accept_records),
    CrashPoint.ADOPTION_LOCKED: ADOPTING,
    CrashPoint.ADOPTION_DRAINED: ADOPTING,
    CrashPoint.CLAIM_READ: FOLDING,
    CrashPoint.CLAIM_KILLED: Scenario("aggregator", begin=begin_behind_another),
    CrashPoint.CLAIM_TAKEN: FOLDING,
    # Not the first record: others of the partition are in memory too, so that something could be written.
    CrashPoint.FOLD_ADDED: Scenario("aggregator", times=40, flush_interval_s=2),
    CrashPoint.FLUSH_SWAPPED: FOLDING,
    CrashPoint.FLUSH_BEGUN: FOLDING,
    CrashPoint.FLUSH_MOVED: FOLDING,
    CrashPoint.FLUSH_HALF: FOLDING,
    CrashPoint.FLUSH_WRITTEN: FOLDING,
    CrashPoint.FLUSH_COMMITTED: FOLDING,
    CrashPoint.REVOKE_BEGUN: LEAVING,
    CrashPoint.REVOKE_WRITTEN: LEAVING,
    CrashPoint.REVOKE_LEFT: LEAVING,
    CrashPoint.LOST_TOLD: Scenario("aggregator", provoke=replace_while_frozen),
    CrashPoint.ERASE_SLICE: ERASING,
    CrashPoint.ERASE_BETWEEN: ERASING,
    CrashPoint.ERASE_LAST: ERASING,
    CrashPoint.ERASE_WRITTEN: ERASING,
    CrashPoint.ERASE_COMMITTED: ERASING,
    CrashPoint.HALT_UNRECORDED: Scenario("aggregator", provoke=refuse_documents, repair=accept_documents),
    CrashPoint.RENEWED: FOLDING,
    CrashPoint.DRAINED: Scenario("aggregator", provoke=stop_soon, exits=0),
}
