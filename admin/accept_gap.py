"""`accept-gap`: an operator's word that records are gone, so that a partition that waits for it goes on; kept for ever.

Kafka is asked first and the decision is shown. The position moves by compare-and-set, and its generation goes up with
it: whatever an aggregator had in hand of that partition is refused, and it reads the position again within seconds.
"""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime

from bson import Int64
from pymongo.database import Database
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from admin import gaps, positions, topic
from admin.gaps import Gap, Place, Wanted
from admin.positions import MADE_ANEW, MAJORITY, Decision
from admin.refusal import RefusalError
from admin.required import required, whoever
from admin.servers import Kafka, mongo
from admin.settings import Settings
from admin.topic_log import Bounds, TopicLog
from aggregator.records import Record
from common import progress
from common.kafka import TopicFacts, describe_topic
from common.mongo import Document


@dataclass(frozen=True, slots=True)
class Accepting:
    """One run of the command, with what it asks and tells."""

    settings: Settings
    console: Console
    log: TopicLog
    database: Database[Document]
    facts: TopicFacts
    confirmed: bool

    def one(self, position: Document, wanted: Wanted) -> None:
        """A gap in the log that the position belongs to."""
        place = place_of(position)
        if place.stopped is None:
            raise RefusalError(
                f"partition {position['partition']} is not stopped: an aggregator that holds it may still have records in "
                f"hand that are gone from the log. One that finds the next record missing stops it; start one if none runs"
            )
        number = int(position["partition"])
        bounds = self.log.bounds(number)
        gap = gaps.find(place, bounds, self._first(number, place, bounds), self._remembered_from(number, place, bounds))
        to = gap.at(wanted)
        following = self.log.first(number, to, bounds.end)
        self.console.print(_gap_table(position, gap, bounds, to, following))
        if position.get("step"):
            self.console.print(
                "[bold yellow]attention:[/] a delete was being applied at this position and will not be finished: hours of "
                "its keystem are gone, its lifetime counters stay. Send that delete again through the API afterwards"
            )
        self._confirm()
        entry = _entry(position, gap, bounds, to, following)
        generation = move(self.database, position, entry, gap)
        self.console.print(
            f"recorded: partition {number} goes on at {to}, generation {generation}; its aggregator looks every 10 s"
        )

    def new_topic(self, found: dict[int, Document], wanted: Wanted) -> None:
        """Every partition of a topic that was removed and made again: what was in it is gone for all of them."""
        if wanted != "start":
            raise RefusalError(
                f"topic id {self.facts.topic_id} is another one than was counted: going on anywhere but at its start would "
                f"lose records. --to start is the default"
            )
        topic.require_agreement(self.facts, self.settings.kafka)
        bounds = {number: self.log.bounds(number) for number in range(self.facts.partitions)}
        self.console.print(_topic_table(self.facts, found, bounds))
        self._confirm()
        starts = {number: each.start for number, each in bounds.items()}
        decision = Decision(datetime.now(UTC), whoever())
        name = self.settings.kafka.topic
        made = positions.ensure(self.database, name, self.facts, decision, new_topic=True, starts=starts)
        self.console.print(
            f"recorded: {made} positions made for the new topic, with the sessions of the old one, so that what is sent again "
            f"is not counted again. Aggregators that still know the old topic end with code 75 and begin anew"
        )

    def _first(self, partition: int, place: Place, bounds: Bounds) -> Record | None:
        return self.log.first(partition, max(place.next_offset, bounds.start), bounds.end)

    def _remembered_from(self, partition: int, place: Place, bounds: Bounds) -> int:
        """Where records are young enough that aggregators remember their sessions."""
        if place.log_time is None:
            return bounds.start
        since = place.log_time - gaps.REMEMBERED
        found = self.log.offset_at(partition, int(since.timestamp() * 1000))
        return bounds.end if found is None else max(found, bounds.start)

    def _confirm(self) -> None:
        if self.confirmed:
            return
        if not sys.stdin.isatty():
            raise RefusalError("nothing was changed: to accept this, give the same command with --yes")
        if self.console.input("accept this? yes/[bold]no[/] ").strip().lower() != "yes":
            raise RefusalError("nothing was changed")


def run(settings: Settings, console: Console, partition: int, wanted: Wanted, *, confirmed: bool) -> None:
    """Raises RefusalError where there is no gap or it cannot be accepted so, StartupError where a server is away."""
    if not 0 <= partition < settings.kafka.partitions:
        raise RefusalError(f"there is no partition {partition}: KAFKA__PARTITIONS is {settings.kafka.partitions}")
    with required("nothing was changed: without Kafka nobody can say what is gone"):
        facts = Kafka(settings.kafka).ask(lambda client: describe_topic(client, settings.kafka.topic, topic.ANSWER_S))
    with mongo(settings.mongo) as client, TopicLog(settings.kafka) as log, required():
        database = client[settings.mongo.database]
        found = positions.newest(database, settings.kafka.topic)
        position = found.get(partition)
        if position is None:
            raise RefusalError(f"partition {partition} has no position, so there is no gap: run python -m admin init")
        accepting = Accepting(settings, console, log, database, facts, confirmed)
        if position["topic_id"] == facts.topic_id:
            accepting.one(position, wanted)
        else:
            accepting.new_topic(found, wanted)


def place_of(position: Document) -> Place:
    return Place(
        next_offset=int(position["next_offset"]),
        leader_epoch=position.get("leader_epoch"),
        log_time=position.get("log_time"),
        stopped=(position.get("stopped") or {}).get("reason"),
    )


def _entry(position: Document, gap: Gap, bounds: Bounds, to: int, following: Record | None) -> Document:
    """What is kept of the decision."""
    return {
        "at": datetime.now(UTC),
        "by": whoever(),
        "cause": str(gap.cause),
        "topic_id": position["topic_id"],
        "from": Int64(gap.position),
        "to": Int64(to),
        "log_start": Int64(bounds.start),
        "log_end": Int64(bounds.end),
        "log_time": position.get("log_time"),
        "next_log_time": progress.moment_of(following.log_ms) if following is not None else None,
    }


def move(database: Database[Document], position: Document, entry: Document, gap: Gap) -> int:
    """Move a position that is still as it was read; returns its generation. Raises RefusalError where it is not."""
    left_behind = {"stopped": "", "step": ""}
    if gap.goes_back:
        left_behind["leader_epoch"] = ""  # the records below were written under older leaders
    same = {name: position[name] for name in ("_id", "next_offset", "generation")}
    moved = database.get_collection(progress.POSITIONS, write_concern=MAJORITY).update_one(
        same,
        {
            "$set": {"next_offset": entry["to"]},
            "$inc": {"generation": Int64(1)},
            "$push": {"accepted_gaps": entry},
            "$unset": left_behind,
        },
    )
    if moved.matched_count == 0:
        raise RefusalError("nothing was changed: the position moved meanwhile; look again")
    return int(position["generation"]) + 1


# --- what is shown ---------------------------------------------------------------------------------------------------


def _gap_table(position: Document, gap: Gap, bounds: Bounds, to: int, following: Record | None) -> Table:
    stopped = position["stopped"]
    table = Table(show_header=False, title=f"partition {position['partition']}: {gap.cause}", title_justify="left")
    table.add_row("topic", f"{escape(position['topic'])}, id {position['topic_id']}")
    table.add_row("stopped", escape(f"{stopped['reason']} ({stopped['detail']})"))
    table.add_row("position", f"{gap.position}; last counted record of {_moment(position.get('log_time'))}")
    table.add_row("in the log", _in_the_log(bounds))
    if gap.goes_back:
        table.add_row("read again", f"{to} to {bounds.end - 1}; what was counted is dropped, what was not is counted")
        table.add_row("lost", "what the log lost and was not counted: how much, nobody can say")
    else:
        table.add_row("skipped", f"{gap.position} to {to - 1}: {to - gap.position} offsets, lost to the totals")
    next_time = None if following is None else progress.moment_of(following.log_ms)
    table.add_row("goes on at", f"{to}; next record of {_moment(next_time)}")
    return table


def _topic_table(facts: TopicFacts, found: dict[int, Document], bounds: dict[int, Bounds]) -> Table:
    table = Table(title=f"{MADE_ANEW}: id {facts.topic_id}", title_justify="left")
    for name in (
        "partition",
        "old position",
        "old end, last known",
        "last counted record",
        "in the new log",
        "goes on at",
    ):
        table.add_column(name)
    for number, each in bounds.items():
        old = found.get(number, {})
        table.add_row(
            str(number),
            str(old.get("next_offset", "-")),
            str(old.get("end_offset", "unknown")),
            _moment(old.get("log_time")),
            _in_the_log(each),
            str(each.start),
        )
    return table


def _in_the_log(bounds: Bounds) -> str:
    return f"{bounds.start} to {bounds.end - 1}" if bounds.end > bounds.start else f"nothing (next is {bounds.end})"


def _moment(moment: datetime | None) -> str:
    return "unknown" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
