"""Looks after the partitions between records: where the log ends, how fresh the totals are, and whether one stands still."""

from datetime import UTC, datetime
from functools import partial

import structlog

from aggregator.held import Held
from aggregator.holdings import Holdings
from aggregator.kafka_log import KafkaLog
from aggregator.positions import Ends
from aggregator.store import Store
from aggregator.transaction import StoreError, UnavailableError
from common import metrics, progress
from common.errors import LostPlaceError

EVERY_S = 1.0
RENEW_EVERY_S = 5.0
RESTARTS = 2
ANSWERED_WITHIN_S = 5.0  # a partition of which Kafka says nothing for longer has no leader that could give records

log = structlog.get_logger()


class Oversight:
    """Rounds made once a second on the loop's thread."""

    def __init__(self, kafka_log: KafkaLog, store: Store, holdings: Holdings, ends: dict[int, Ends]) -> None:
        self._log = kafka_log
        self._store = store
        self._holdings = holdings
        self._ends = ends
        self.complete: dict[int, datetime] = {}
        self.lag: dict[int, int] = {}
        self._caught_up: set[int] = set()
        self._answered: dict[int, float] = {}
        self._next = self._next_renewal = 0.0

    def look(self, now: float, *, database_away: bool, backlog: bool = False) -> None:
        """Take in answers, and once a second ask anew and check each partition. May raise UnavailableError, LostPlaceError.

        With a `backlog` there is more to take than one turn takes: a partition of which nothing comes may be in it.
        """
        answered = self._log.answered_ends()
        self._ends.update(answered)
        self._answered.update(dict.fromkeys(answered, now))
        if now < self._next:
            return
        self._next = now + EVERY_S
        held = self._holdings.held
        self._log.ask_ends(held)
        for gone in self._ends.keys() - held.keys():
            del self._ends[gone]
            self._answered.pop(gone, None)
            self.complete.pop(gone, None)
            self.lag.pop(gone, None)
            self._caught_up.discard(gone)
        for number, one in list(held.items()):
            self._measure(number, one)
            asked_in_vain = now - self._answered.get(number, now) > ANSWERED_WITHIN_S
            if database_away or backlog or asked_in_vain:
                one.watchdog.heard_at = now  # paused, others come first, Kafka is away: no wonder that nothing comes
            elif one.partition.is_open and not one.skipped:
                self._check(one, now)
        if now >= self._next_renewal and not database_away:
            self._next_renewal = now + RENEW_EVERY_S
            self._renew()

    def _renew(self) -> None:
        idle = [one.partition for one in self._holdings.held.values() if not one.partition.pending]
        try:
            self._store.renew(idle, self._ends)
        except UnavailableError:
            raise
        except StoreError as error:
            log.info("positions not renewed", error=str(error))

    def _measure(self, number: int, held: Held) -> None:
        ends = self._ends.get(number)
        if ends is None:
            return
        partition = held.partition
        if (caught_up := ends.covers(partition.written)) is not None:
            if number not in self._caught_up:
                self._next_renewal = 0.0  # readers know nothing of this partition yet: tell them now
                self._caught_up.add(number)
            self.complete[number] = caught_up
        elif partition.written_log_ms:
            moment = progress.moment_of(partition.written_log_ms)
            self.complete[number] = max(moment, self.complete.get(number, moment))
        self.lag[number] = max(0, ends.end_offset - partition.written)
        metrics.LAG_RECORDS.labels(number).set(self.lag[number])
        if number in self.complete:
            # Reckoned when somebody asks, so that it grows also while the loop does not turn.
            metrics.FRESHNESS_SECONDS.labels(number).set_function(partial(_age_s, self.complete[number]))

    def _check(self, held: Held, now: float) -> None:
        partition, watchdog = held.partition, held.watchdog
        if watchdog.received:
            # The last message can be the one that was destroyed on its way: then no later one shows the gap.
            position = self._log.position(partition.number)
            if position is not None and position != partition.next_offset:
                log.warning(
                    "gap at the end", partition=partition.number, expected=partition.next_offset, position=position
                )
                self._fetch_anew(held, now)
                return
        ends = self._ends.get(partition.number)
        behind = ends is not None and ends.end_offset > partition.next_offset
        if watchdog.is_silent(now, behind=behind):
            self._fetch_anew(held, now)

    def _fetch_anew(self, held: Held, now: float) -> None:
        partition = held.partition
        metrics.REASSIGNED.inc()
        log.warning("fetching anew", partition=partition.number, next_offset=partition.next_offset)
        if held.watchdog.restarted(now) > RESTARTS:
            raise LostPlaceError(
                f"partition {partition.number} gives nothing at offset {partition.next_offset}, although its log goes on"
            )
        self._log.restart(partition.number, partition.next_offset, partition.leader_epoch)


def _age_s(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()
