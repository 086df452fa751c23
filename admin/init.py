"""`init`: topic, collections and positions, made where they are missing and compared where they are there.

It can be run any number of times, by several at once, and changes nothing that aggregators have written.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo.database import Database
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from admin import positions, schema, topic
from admin.positions import Decision
from admin.required import whoever
from admin.schema import Outcome
from admin.servers import Kafka, mongo
from admin.settings import Settings
from admin.waiting import Patience
from common.errors import StartupError
from common.kafka import TopicFacts
from common.mongo import Document


@dataclass(frozen=True, slots=True)
class Report:
    """What init found and did."""

    topic: str
    facts: TopicFacts
    topic_made: bool
    outcomes: list[Outcome]
    positions_made: int


def run(settings: Settings, console: Console, wait_s: float, *, new_topic: bool) -> None:
    """Raises StartupError where something is away for longer than `wait_s`, or contradicts the settings."""
    report = _initialize(settings, Patience(console, wait_s), new_topic=new_topic)
    console.print(_table(report))
    for outcome in report.outcomes:
        for difference in outcome.differences:
            console.print(f"[yellow]left as it is:[/] {escape(difference)}")


def _initialize(settings: Settings, patience: Patience, *, new_topic: bool) -> Report:
    deadline = patience.deadline()
    kafka = Kafka(settings.kafka)
    name = f"Kafka at {settings.kafka.bootstrap_servers}"
    facts, topic_made = patience.until_it_answers(
        name, lambda: kafka.ask(lambda client: topic.ensure(client, settings.kafka)), deadline
    )
    topic.require_agreement(facts, settings.kafka)
    decision = Decision(datetime.now(UTC), whoever())
    with mongo(settings.mongo) as client:
        database = client[settings.mongo.database]
        outcomes = patience.until_it_answers("MongoDB", lambda: _apply_schema(database), deadline)
        made = patience.until_it_answers(
            "MongoDB",
            lambda: positions.ensure(database, settings.kafka.topic, facts, decision, new_topic=new_topic),
            deadline,
        )
    return Report(settings.kafka.topic, facts, topic_made, outcomes, made)


def _apply_schema(database: Database[Document]) -> list[Outcome]:
    hello = database.client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise StartupError("MongoDB is no replica set, and transactions need one; one member is enough")
    return [schema.apply(database, wanted) for wanted in schema.declared()]


def _table(report: Report) -> Table:
    table = Table("what", "state", title="packstats init", title_justify="left")
    state = "made" if report.topic_made else "there, agrees with the settings"
    table.add_row(f"topic {report.topic}", f"{state}; id {report.facts.topic_id}")
    for outcome in report.outcomes:
        table.add_row(f"collection {outcome.collection}", ", ".join(outcome.done) or "there, unchanged")
    there = report.facts.partitions - report.positions_made
    table.add_row("positions", f"{report.positions_made} made, {there} there")
    return table
