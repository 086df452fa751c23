"""The loop: poll, hand records to partitions, claim what was assigned, flush what is due. One thread, never asleep.

Everything that blocks is bounded: the poll by its timeout, the database by `aggregator.transaction`. While the database
is away partitions are paused and the poll goes on, so the group keeps its members; the memory stays bounded.
"""

from collections.abc import Callable, Iterable
from functools import partial
from threading import Event
from time import monotonic

import structlog
from confluent_kafka import KafkaError, Message

from aggregator.batches import Stop
from aggregator.flusher import Flusher, Outcome
from aggregator.held import Held, grouped
from aggregator.holdings import Holdings
from aggregator.kafka_log import KafkaLog, record_of
from aggregator.oversight import Oversight
from aggregator.pace import Pace
from aggregator.partition import HEADROOM, TAKEN, Verdict
from aggregator.positions import Ends
from aggregator.records import Stream
from aggregator.store import Store
from aggregator.transaction import UnavailableError
from common.crash_points import CrashPoint, reach
from common.errors import LostPlaceError

Attempt = tuple[list[Held], Callable[[], Outcome]]  # to write these partitions, all in the same way

POLL_S = 0.1
DRAIN_S = 8.0

log = structlog.get_logger()


class Consumer:
    """One member of the group."""

    def __init__(
        self, kafka_log: KafkaLog, store: Store, stream: Stream, partitions: int, flush_interval_s: float
    ) -> None:
        self._log = kafka_log
        self._store = store
        self._pace = Pace(flush_interval_s)
        self._is_behind = False
        ends: dict[int, Ends] = {}
        self._flusher = Flusher(store, ends.get)
        self.holdings = Holdings(kafka_log, store, stream, self._flusher, partitions)
        self.oversight = Oversight(kafka_log, store, self.holdings, ends)
        self._stopping = Event()
        self.turned_at = monotonic()

    def stop(self) -> None:
        """Ask the loop to end; from any thread or signal."""
        self._stopping.set()

    def run(self) -> None:
        """Work until asked to stop, then write what is folded and leave the group."""
        self._log.subscribe(self.holdings)
        try:
            while not self._stopping.is_set():
                self.turn()
            log.info("stopping", partitions=sorted(self.holdings.held))
            self.holdings.leave(list(self.holdings.held), DRAIN_S)
            reach(CrashPoint.DRAINED)
        except BaseException:
            # What is in memory may be half done, and leaving the group would write it: whoever comes next reads again.
            self.holdings.drop([*self.holdings.held, *self.holdings.unclaimed])
            raise
        finally:
            self._log.close()

    def turn(self) -> None:
        """One round of the loop."""
        messages = self._log.consume(HEADROOM, self._poll_s(monotonic()))
        self._is_behind = len(messages) >= HEADROOM  # a poll that is full leaves more behind
        self._take(messages)
        now = self.turned_at = monotonic()
        outage, holdings = self.holdings.outage, self.holdings
        try:
            if outage.is_over(now, self._store.ping):
                self._log.resume(number for number, held in holdings.held.items() if held.partition.stop is None)
            if not outage.ongoing:
                holdings.claim_assigned(now)
                self._flush_due(now)
            self.oversight.look(now, database_away=outage.ongoing, backlog=self._is_behind)
        except UnavailableError as error:
            outage.begin(now, str(error))
            self._log.pause(holdings.held)

    def _poll_s(self, now: float) -> float:
        """How long a poll may wait: not beyond the moment at which the next batch is old enough.

        Behind the log it has all of its time, since whether it comes back full says that there is more.
        """
        if self._is_behind:
            return POLL_S
        gather_s, held = self._gather_s(), self.holdings.held.values()
        left = (one.flushed_at + gather_s - now for one in held if one.partition.pending)
        return min((seconds for seconds in left if 0 < seconds < POLL_S), default=POLL_S)

    def _gather_s(self) -> float:
        return self._pace.gather_s(len(self.holdings.held), behind=self._is_behind)

    # --- records -----------------------------------------------------------------------------------------------------

    def _take(self, messages: Iterable[Message]) -> None:
        now, astray, all_held = monotonic(), set[int](), self.holdings.held
        for message in messages:
            if (error := message.error()) is not None:
                self._take_error(message, error)
                continue
            number = message.partition()
            held = all_held.get(-1 if number is None else number)
            if held is None or number in astray:
                continue  # revoked, not claimed yet, or fetched again from where it went astray
            if not self._offer(held, message, now):
                astray.add(held.partition.number)

    def _offer(self, held: Held, message: Message, now: float) -> bool:
        """Offer one record; False if what follows it in this round is of no use."""
        verdict = held.partition.offer(record_of(message))
        if verdict is TAKEN:
            held.watchdog.heard(now)
            return True
        if verdict is Verdict.STALE:
            return True
        if verdict is Verdict.GAP:
            self._seek_back(held, message.offset(), now)
        elif verdict is Verdict.STOP:
            self.holdings.halt(held)
        else:
            held.skipped = True
        return False

    def _seek_back(self, held: Held, found: int | None, now: float) -> None:
        partition = held.partition
        if held.skipped:
            self._fetch_from_here(held, now)  # nothing was lost on the way: it was let go here
            return
        log.warning("gap", partition=partition.number, expected=partition.next_offset, found=found)
        if held.watchdog.gap_at(partition.next_offset):
            partition.stop = Stop("records missing", f"offset {partition.next_offset} never comes, {found} does")
            self.holdings.halt(held)
        else:
            self._fetch_from_here(held, now)

    def _fetch_from_here(self, held: Held, now: float) -> None:
        partition, held.skipped = held.partition, False
        held.watchdog.refetched(now)
        self._log.restart(partition.number, partition.next_offset, partition.leader_epoch)

    def _take_error(self, message: Message, error: KafkaError) -> None:
        if error.fatal():
            raise LostPlaceError(f"Kafka refuses this member for good: {error}")
        number = message.partition()
        held = self.holdings.held.get(-1 if number is None else number)
        if error.code() == KafkaError._AUTO_OFFSET_RESET and held is not None:  # noqa: SLF001  # the binding's name
            # Retention passed the position, or the log is shorter than it was: never a silent jump.
            held.partition.stop = Stop("gap in the log", f"offset {held.partition.next_offset} is not there: {error}")
            self.holdings.halt(held)
        else:
            log.warning("kafka", error=str(error), partition=number)

    # --- flushing ----------------------------------------------------------------------------------------------------

    def _flush_due(self, now: float) -> None:
        """Flush what is due, up to the first attempt that fails: it may have taken seconds.

        Behind the log, one that is merely old enough is the last of its turn: the others gather more meanwhile, and are
        due one after the other, not all at once.
        """
        for group, attempt in self._attempts(now):
            began, was_ripe = monotonic(), group[0].partition.is_ripe
            for held in group:
                held.tried_at = now
            outcome = attempt()
            self._pace.flushed((monotonic() - began) / len(group))
            for held in group:
                self._follow(held, outcome, now)
            if outcome in {Outcome.AGAIN, Outcome.LOST, Outcome.STOPPED} or (self._is_behind and not was_ripe):
                return

    def _attempts(self, now: float) -> list[Attempt]:
        """What to flush now, each group in one transaction, the longest untried first, so that one that always fails
        does not hold up the others.

        Most of what a small batch costs is its transaction, so what is due takes along what soon will be.
        """
        gather_s, flusher = self._gather_s(), self._flusher
        alone, due, soon = list[Held](), list[Held](), list[Held]()
        for held in sorted(self.holdings.held.values(), key=lambda held: held.tried_at):
            waiting = flusher.is_waiting(held.partition.number)
            joins = not self._is_behind and held.joins(waiting=waiting)
            if held.is_due(now, gather_s, waiting=waiting):
                (due if joins else alone).append(held)
            elif joins and held.partition.pending and now - held.flushed_at >= gather_s / 2:
                soon.append(held)
        groups = grouped(due + soon, flusher.group_records) if due else []
        attempts: list[Attempt] = [([held], partial(flusher.step, held.partition)) for held in alone]
        attempts += [(group, partial(flusher.together, [held.partition for held in group])) for group in groups]
        return sorted(attempts, key=lambda attempt: min(held.tried_at for held in attempt[0]))

    def _follow(self, held: Held, outcome: Outcome, now: float) -> None:
        if outcome is Outcome.AWAY:
            raise UnavailableError("the database did not answer a flush")
        if outcome is Outcome.LOST:
            self.holdings.forget(held.partition.number)
        elif outcome is Outcome.STOPPED:
            self.holdings.halt(held)
        elif outcome is not Outcome.AGAIN:
            held.flushed_at = now
            if held.skipped and held.partition.is_open:
                self._fetch_from_here(held, now)
