"""Looks after the partitions between records: where the log ends, how fresh the totals are, and whether one stands still."""

from datetime import UTC, datetime

import structlog

from aggregator.held import Held
from aggregator.holdings import Holdings
from aggregator.kafka_log import KafkaLog
from aggregator.store import Ends, Store
from aggregator.transaction import StoreError, UnavailableError
from common import metrics
from common.errors import LostPlaceError

EVERY_S = 1.0
RENEW_EVERY_S = 5.0
RESTARTS = 2

log = structlog.get_logger()


class Oversight:
    """Rounds made once a second on the loop's thread."""

    def __init__(self, kafka_log: KafkaLog, store: Store, holdings: Holdings, ends: dict[int, Ends]) -> None:
        self._log = kafka_log
        self._store = store
        self._holdings = holdings
        self._ends = ends
        self.complete: dict[int, datetime] = {}
        self._next = self._next_renewal = 0.0

    def look(self, now: float, *, database_away: bool) -> None:
        """Take in answers, and once a second ask anew and check each partition. May raise UnavailableError, LostPlaceError."""
        self._ends.update(self._log.answered_ends())
        if now < self._next:
            return
        self._next = now + EVERY_S
        held = self._holdings.held
        self._log.ask_ends(held)
        for gone in self._ends.keys() - held.keys():
            del self._ends[gone]
            self.complete.pop(gone, None)
        for number, one in list(held.items()):
            self._measure(number, one)
            if database_away:
                one.watchdog.heard_at = now  # paused: no wonder that nothing comes
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
        written = held.partition.written
        if (complete := ends.covers(written)) is not None:
            if number not in self.complete:
                self._next_renewal = 0.0  # readers know nothing of this partition yet: tell them now
            self.complete[number] = complete
        metrics.LAG_RECORDS.labels(number).set(max(0, ends.end_offset - written))
        if number in self.complete:
            age = datetime.now(UTC) - self.complete[number]
            metrics.FRESHNESS_SECONDS.labels(number).set(age.total_seconds())

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
