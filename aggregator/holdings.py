"""Which partitions this member holds: claims what the group assigns, and lets go of what it takes away.

The hooks run inside the poll, on the loop's thread. They raise nothing: the binding would assign by itself.
"""

from collections.abc import Iterable
from time import monotonic

import structlog

from aggregator.batches import Stop
from aggregator.flusher import Flusher, Outcome
from aggregator.held import Held
from aggregator.kafka_log import KafkaLog
from aggregator.outage import Outage
from aggregator.partition import Partition
from aggregator.records import Stream
from aggregator.store import Store
from aggregator.transaction import StoreError, UnavailableError
from common import metrics
from common.crash_points import CrashPoint, reach
from common.errors import LostPlaceError

REVOKE_S = 3.0
CLAIM_S = 5.0  # of one turn of the loop, which has to poll
RECLAIM_EVERY_S = 10.0
REFUSED_AGAIN_S = 60.0  # seldom enough to leave an alarm standing, and a refusal applies nothing

log = structlog.get_logger()


class Holdings:
    """The partitions of one member, by number."""

    def __init__(self, kafka_log: KafkaLog, store: Store, stream: Stream, flusher: Flusher, partitions: int) -> None:
        self._log = kafka_log
        self._store = store
        self._stream = stream
        self._flusher = flusher
        self._partitions = partitions
        self.outage = Outage()
        self.held: dict[int, Held] = {}
        self.unclaimed: list[int] = []
        self.refused: dict[int, Stop] = {}
        self._retry_at = 0.0

    # --- told by the group -------------------------------------------------------------------------------------------

    def on_assigned(self, partitions: list[int]) -> None:
        log.info("assigned", partitions=partitions)
        self.unclaimed += partitions

    def on_revoked(self, partitions: list[int]) -> None:
        log.info("revoked", partitions=partitions)
        reach(CrashPoint.REVOKE_BEGUN)
        self.leave(partitions, REVOKE_S)
        reach(CrashPoint.REVOKE_LEFT)

    def on_lost(self, partitions: list[int]) -> None:
        log.warning("lost", partitions=partitions)
        reach(CrashPoint.LOST_TOLD)
        self.drop(partitions)

    # --- claiming ----------------------------------------------------------------------------------------------------

    def claim_assigned(self, now: float) -> None:
        """Claim what was assigned, up to the first failure, which comes last next time, and for about CLAIM_S at most.

        Raises UnavailableError.
        """
        if now >= self._retry_at:
            self._look_again(now)
        if self.unclaimed and not self._log.is_same_topic():
            return
        began = monotonic()
        while self.unclaimed and monotonic() - began < CLAIM_S:
            number = self.unclaimed[0]
            try:
                self._claim(number, now)
            except UnavailableError:
                raise
            except StoreError as error:
                log.warning("not claimed yet", partition=number, error=str(error))
                self.unclaimed.append(self.unclaimed.pop(0))
                return
            self.unclaimed.pop(0)

    def _look_again(self, now: float) -> None:
        """What waits for an operator goes on when the position says so: it was made, or moved.

        What the database refused is tried again besides: the cause may be mended, or never have been the batch.
        """
        stopped = [held for held in self.held.values() if held.partition.stop is not None]
        if self.refused or stopped:
            self._retry_at = now + RECLAIM_EVERY_S
        self.unclaimed += [number for number in self.refused if number not in self.unclaimed]
        for held in stopped:
            partition = held.partition
            try:
                moved = self._store.has_moved(partition)
                if not moved and partition.stop is not None:
                    self._store.mark_stopped(partition.number, partition.stop)
            except UnavailableError:
                raise
            except StoreError as error:
                log.info("not looked at", partition=partition.number, error=str(error))
                continue
            if moved:
                log.warning("position moved", partition=partition.number, from_=partition.written)
            if moved or self._may_have_passed(held, now):
                self.forget(partition.number)

    @staticmethod
    def _may_have_passed(held: Held, now: float) -> bool:
        if held.stopped_since is None:
            held.stopped_since = now
        stop = held.partition.stop
        return stop is not None and stop.may_pass and now - held.stopped_since >= REFUSED_AGAIN_S

    def _claim(self, number: int, now: float) -> None:
        if number >= self._partitions:
            detail = f"the topic has more partitions than KAFKA__PARTITIONS={self._partitions}; this one is not counted"
            self._refuse(number, Stop("beyond the configured partitions", detail))
            return
        claim = self._store.claim(number)
        reach(CrashPoint.CLAIM_READ)
        if claim is None:
            detail = "`python -m admin init` makes positions, or says why it must not"
            self._refuse(number, Stop("no position", detail))
            return
        if claim.succeeded_by is not None:
            raise LostPlaceError(f"the topic was made again: id {claim.succeeded_by} is the one that counts now")
        self._store.take_over(number, claim)
        reach(CrashPoint.CLAIM_TAKEN)
        self._clear_alarm(number)
        self.refused.pop(number, None)
        partition = Partition(number, claim, self._stream, self._flusher.limit(number))
        self.held[number] = Held.since(partition, now)
        self._log.start(number, partition.next_offset, partition.leader_epoch)
        log.info("claimed", partition=number, next_offset=claim.next_offset, sessions=len(claim.sessions))

    def _refuse(self, number: int, stop: Stop) -> None:
        if number not in self.refused:
            self._alarm(number, stop)
        self.refused[number] = stop

    # --- stopping ----------------------------------------------------------------------------------------------------

    def halt(self, held: Held) -> None:
        """Keep a partition that waits for an operator, without fetching it."""
        stop, number = held.partition.stop, held.partition.number
        if stop is None:
            return
        self._log.pause([number])
        self._alarm(number, stop)
        reach(CrashPoint.HALT_UNRECORDED)
        try:
            self._store.mark_stopped(number, stop)
        except StoreError as error:
            log.warning("stop not recorded", partition=number, error=str(error))

    @staticmethod
    def _alarm(number: int, stop: Stop) -> None:
        metrics.PARTITION_STOPPED.labels(number, stop.reason).set(1)
        log.critical("partition stopped", partition=number, reason=stop.reason, detail=stop.detail)

    @staticmethod
    def _clear_alarm(number: int) -> None:
        metrics.PARTITION_STOPPED.remove_by_labels({"partition": str(number)})

    # --- letting go --------------------------------------------------------------------------------------------------

    def leave(self, partitions: Iterable[int], budget_s: float) -> None:
        """Write what is folded of partitions that go, as far as the budget reaches, and let go of them."""
        deadline, leaving = monotonic() + budget_s, list(partitions)
        with self._store.transactions.hurry(deadline):
            for number in leaving:
                if self.outage.ongoing or monotonic() >= deadline:
                    break
                if (held := self.held.get(number)) is not None and not self._hand_over(held.partition):
                    break
        self.drop(leaving)

    def _hand_over(self, partition: Partition) -> bool:
        """Leave a partition written and unowned; False where the database is away."""
        outcome = Outcome.WRITTEN
        while outcome is Outcome.WRITTEN and (partition.pending or self._flusher.is_waiting(partition.number)):
            outcome = self._flusher.step(partition)
        if outcome is Outcome.AWAY:
            return False
        reach(CrashPoint.REVOKE_WRITTEN)
        try:
            self._store.give_up(partition.number)
        except StoreError as error:
            log.info("the next owner will have to end our session", partition=partition.number, error=str(error))
        return True

    def forget(self, number: int) -> None:
        """Drop what is in memory of a partition that is still ours, and claim it again."""
        self._log.stop([number])
        self.drop([number])
        self.unclaimed.append(number)

    def drop(self, partitions: Iterable[int]) -> None:
        """What was folded and not written is read again by whoever claims next."""
        for number in partitions:
            self._flusher.forget(number)
            self.held.pop(number, None)
            self.refused.pop(number, None)
            if number in self.unclaimed:
                self.unclaimed.remove(number)
            self._clear_alarm(number)
            for gauge in (metrics.LAG_RECORDS, metrics.FRESHNESS_SECONDS, metrics.END_TO_END_SECONDS):
                gauge.remove_by_labels({"partition": str(number)})
