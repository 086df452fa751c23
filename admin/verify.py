"""`verify`: recomputes the documents from the topic, with the aggregators' own fold, and names every field that differs.

Of each partition exactly what its position says was counted is read, from the start of the log; nothing is changed, and
aggregators may run meanwhile. One partition at a time, so that memory is bounded by what one of them holds.
"""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from pymongo.database import Database
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from admin import positions, stored
from admin.comparison import Difference
from admin.quarantine import printable
from admin.recount import AsJudged, CannotRecountError, Recount
from admin.refusal import RefusalError
from admin.required import progress_bar, required
from admin.scope import scope_of
from admin.servers import Kafka, mongo
from admin.settings import Settings
from admin.stored import Reader, Stored
from admin.topic import ANSWER_S, require_agreement
from admin.topic_log import Bounds, LogMovedError, TopicLog
from admin.verdict import Verdict
from aggregator.pack_stream import PackStream
from common import progress
from common.errors import PackstatsError, StartupError
from common.kafka import TopicFacts, describe_topic
from common.mongo import Document

MOST_NAMED = 1000  # differences of a partition
_SHOWN = 20
_STEP = 500  # records between two looks at the progress bar
_DELETE_WITHIN = 10  # seconds that a delete, which is applied in slices, may take to be done

Report = Callable[[int, int], None]  # of records read, and of all there are


class DifferencesError(PackstatsError):
    """The documents are not what the topic adds up to."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was found of one partition; `compared` is None where nothing could be, and `problem` says why."""

    partition: int
    position: int
    log_start: int
    records: int = 0
    compared: str | None = None  # "everything", or "hours since …"
    documents: int = 0
    differences: tuple[Difference, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    log: TopicLog
    database: Database[Document]
    reader: Reader
    partitions: int

    def verify(self, position: Document, report: Report) -> Result:
        """One partition. Raises KafkaException, PyMongoError."""
        number = int(position["partition"])
        bounds = self.log.bounds(number)
        kept = self._stored(position["_id"], number, bounds)
        result = Result(number, int(kept.position["next_offset"]), bounds.start)
        if (problem := _problem(kept, bounds, datetime.now(UTC))) is not None:
            return replace(result, problem=problem)
        recount = Recount(number, AsJudged(PackStream(self.partitions), kept.quarantine), bounds.start)
        try:
            self._count(recount, result.position, report)
        except (LogMovedError, CannotRecountError) as error:
            return replace(result, records=recount.records, problem=str(error))
        verdict = Verdict(recount, kept, stored.receipts(self.database, list(recount.receipts)))
        scope = kept.scope
        return replace(
            result,
            records=recount.records,
            compared="everything" if scope is None or scope.whole else f"hours since {scope.since:%Y-%m-%dT%H:00Z}",
            documents=len(verdict.places),
            differences=tuple(islice(verdict.differences(), MOST_NAMED)),
        )

    def _stored(self, position_id: str, number: int, bounds: Bounds) -> Stored:
        """What the documents hold, not in the middle of a delete if that can be helped."""
        first = self.log.first(number, bounds.start, bounds.end)
        first_time = None if first is None else progress.moment_of(first.log_ms)
        for _ in range(_DELETE_WITHIN):
            kept = self.reader.read(position_id, lambda at: scope_of(at, bounds, first_time, datetime.now(UTC)))
            if not kept.position.get("step"):
                break
            time.sleep(1)
        return kept

    def _count(self, recount: Recount, until: int, report: Report) -> None:
        with closing(self.log.read(recount.number, recount.start, until)) as records:
            for record in records:
                recount.take(record)
                if recount.records % _STEP == 0:
                    report(record.offset + 1 - recount.start, until - recount.start)
        recount.finish(until)


def _problem(kept: Stored, bounds: Bounds, now: datetime) -> str | None:
    """Why a partition cannot be compared now."""
    position, scope = int(kept.position["next_offset"]), kept.scope
    if position < bounds.start:
        return f"the position lies before the log's start {bounds.start}: see admin accept-gap"
    if position > bounds.end:
        return f"the log ends at {bounds.end}, before the position: see admin accept-gap"
    if kept.position.get("step"):
        return "a delete is being applied at the position: verify again when it is done"
    if scope is None:
        return "the log is empty, and was not always: it says nothing"
    if not scope.whole and scope.since > now:
        return f"the topic holds no hour whole yet: verify again after {scope.since:%Y-%m-%dT%H:00Z}"
    return None


def run(settings: Settings, console: Console, only: int | None, *, as_json: bool) -> None:
    """Raises DifferencesError after showing them; StartupError where a partition could not be compared."""
    with required(), mongo(settings.mongo) as client, TopicLog(settings.kafka) as log:
        facts = Kafka(settings.kafka).ask(lambda kafka: describe_topic(kafka, settings.kafka.topic, ANSWER_S))
        require_agreement(facts, settings.kafka)
        database = client[settings.mongo.database]
        wanted = _positions(database, settings, facts, only)
        reader = Reader(database, facts.partitions, stored.keystems_beside(database))
        results = _verify_all(Verification(log, database, reader, facts.partitions), wanted)
    if as_json:
        print(json.dumps([asdict(result) for result in results], indent=1))
    else:
        _show(console, results)
    _conclude(results)


def _positions(database: Database[Document], settings: Settings, facts: TopicFacts, only: int | None) -> list[Document]:
    found = positions.newest(database, settings.kafka.topic)
    wanted = [number for number in range(facts.partitions) if only in {None, number}]
    if missing := [number for number in wanted if found.get(number, {}).get("topic_id") != facts.topic_id]:
        raise StartupError(
            f"partitions {missing} have no position of topic id {facts.topic_id}: run python -m admin init"
        )
    if not wanted:
        raise RefusalError(f"there is no partition {only}: KAFKA__PARTITIONS is {facts.partitions}")
    return [found[number] for number in wanted]


def _verify_all(verification: Verification, wanted: list[Document]) -> list[Result]:
    results = []
    with progress_bar() as bar:
        every = bar.add_task("partitions", total=len(wanted))
        records = bar.add_task("records")
        for position in wanted:
            bar.reset(records, description=f"records of partition {position['partition']}")
            results.append(
                verification.verify(position, lambda done, total: bar.update(records, completed=done, total=total))
            )
            bar.advance(every)
    return results


def _show(console: Console, results: list[Result]) -> None:
    table = Table(
        "partition", "log start", "position", "records read", "compared", "documents", "differences", title="verify"
    )
    for each in results:
        number = f"{len(each.differences)}{' or more' if len(each.differences) >= MOST_NAMED else ''}"
        table.add_row(
            *(str(field) for field in (each.partition, each.log_start, each.position, each.records)),
            each.compared or f"nothing: {escape(each.problem or '')}",
            str(each.documents),
            f"[bold red]{number}[/]" if each.differences else number,
        )
    console.print(table)
    for each in results:
        for difference in each.differences[:_SHOWN]:
            console.print(escape(printable(_line(each.partition, difference))), soft_wrap=True, highlight=False)
        if len(each.differences) > _SHOWN:
            console.print(f"partition {each.partition}: {len(each.differences) - _SHOWN} more: --json names them")


def _line(partition: int, one: Difference) -> str:
    place = f"partition {partition}: {one.collection} {one.id} {one.field}"
    return f"{place}: documents have {one.documents}, the topic {one.topic}"


def _conclude(results: list[Result]) -> None:
    if differing := [result.partition for result in results if result.differences]:
        raise DifferencesError(f"partitions {differing}: the documents are not what the topic adds up to")
    if blind := [result for result in results if result.compared is None]:
        raise StartupError(f"partition {blind[0].partition} could not be compared: {blind[0].problem}")
