"""The positions aggregators start from: made once per topic, at the beginning of its log.

A topic that was removed and made again has a new id, and positions of its own. They take over the sessions of those
before: a proxy that never heard of an acknowledgement sends the same events to the new topic, and they were counted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bson import Int64
from pymongo import UpdateOne, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from common import progress
from common.errors import StartupError
from common.kafka import TopicFacts
from common.mongo import Document

MAJORITY = WriteConcern("majority")
MADE_ANEW = "the topic was removed and made again"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided when."""

    at: datetime
    by: str


def newest(database: Database[Document], topic: str) -> dict[int, Document]:
    """The position of each partition that was made last: those of a topic that is gone stay behind."""
    found = database[progress.POSITIONS].find({"topic": topic}, sort=[("created_at", 1)])
    return {int(position["partition"]): position for position in found}


def ensure(
    database: Database[Document],
    topic: str,
    facts: TopicFacts,
    decision: Decision,
    *,
    new_topic: bool,
    starts: Mapping[int, int] | None = None,
) -> int:
    """Make the positions that are missing, at 0 or where `starts` says; returns how many those were.

    Raises StartupError if the topic of this name was another one before, unless `new_topic` accepts that.
    """
    if not new_topic:
        refuse_another(database, topic, facts)
    before = _predecessors(database, topic, facts)
    made = 0
    for partition, old in before.items():
        position = _position(topic, facts, partition, decision.at, (starts or {}).get(partition, 0))
        made += _succeed(database, old["_id"], position, decision)
    return made + _make(
        database,
        [_position(topic, facts, number, decision.at, 0) for number in range(facts.partitions) if number not in before],
    )


def _position(topic: str, facts: TopicFacts, partition: int, at: datetime, next_offset: int) -> Document:
    return {
        "_id": progress.position_id(facts.topic_id, partition),
        "topic": topic,
        "topic_id": facts.topic_id,
        "partition": partition,
        "next_offset": Int64(next_offset),
        "generation": Int64(0),
        "created_at": at,
    }


def _make(database: Database[Document], positions: Iterable[Document]) -> int:
    updates = [
        UpdateOne({"_id": position.pop("_id")}, {"$setOnInsert": position}, upsert=True) for position in positions
    ]
    if not updates:
        return 0
    collection = database.get_collection(progress.POSITIONS, write_concern=MAJORITY)
    return collection.bulk_write(updates, ordered=False).upserted_count


# --- a topic made anew -----------------------------------------------------------------------------------------------


def _predecessors(database: Database[Document], topic: str, facts: TopicFacts) -> dict[int, Document]:
    """Per partition that has no position yet, the newest one of a topic of the same name."""
    found = newest(database, topic)
    return {
        number: old for number, old in found.items() if old["topic_id"] != facts.topic_id and number < facts.partitions
    }


def _succeed(database: Database[Document], before: str, position: Document, decision: Decision) -> bool:
    """Put a position in the place of another one, with what was folded there; False where somebody was faster.

    One transaction: from then on no aggregator writes at the old position, and none starts at the new one without
    knowing what was counted.
    """

    def write(session: ClientSession) -> bool:
        positions = database[progress.POSITIONS]
        if positions.find_one({"_id": position["_id"]}, session=session) is not None:
            return False
        old = positions.find_one({"_id": before}, session=session) or {}
        after = {"$set": {"succeeded_by": position["topic_id"]}, "$inc": {"generation": Int64(1)}}
        positions.update_one({"_id": before}, after, session=session)
        taken_over = {name: old[name] for name in ("log_time",) if old.get(name) is not None}
        entry = {
            "at": decision.at,
            "by": decision.by,
            "cause": MADE_ANEW,
            "topic_id": old["topic_id"],
            "from": old["next_offset"],
            "to": position["next_offset"],
            "log_end": old.get("end_offset"),
            "log_time": old.get("log_time"),
        }
        positions.insert_one({**position, **taken_over, "accepted_gaps": [entry]}, session=session)
        _take_over_sessions(database, session, before, position["_id"])
        return True

    with database.client.start_session() as session:
        return session.with_transaction(write, read_concern=ReadConcern("snapshot"), write_concern=MAJORITY)


def _take_over_sessions(database: Database[Document], session: ClientSession, before: str, after: str) -> None:
    sessions = database[progress.SESSIONS]
    found = sessions.find({"_id": {"$gte": f"{before}:", "$lt": f"{before};"}}, session=session)
    copies = [{**state, "_id": f"{after}:{state['_id'].removeprefix(f'{before}:')}"} for state in found]
    if copies:
        sessions.insert_many(copies, ordered=False, session=session)


def refuse_another(database: Database[Document], topic: str, facts: TopicFacts) -> None:
    """Raises StartupError where positions of the same topic name belong to another topic id only."""
    found = database[progress.POSITIONS].find({"topic": topic}, {"topic_id": True, "next_offset": True})
    folded: Counter[str] = Counter()
    for position in found:
        folded[position["topic_id"]] += int(position["next_offset"])
    if folded and facts.topic_id not in folded:
        before = ", ".join(f"{topic_id} ({count} records read)" for topic_id, count in folded.items())
        raise StartupError(
            f"topic {topic} was removed and made again: its id is {facts.topic_id}, the positions belong to {before}.\n"
            f"What was in the old topic and not in the totals yet is lost; what is in the totals stays.\n"
            f"If KAFKA__BOOTSTRAP_SERVERS or MONGO__DATABASE point to the wrong place, correct them;\n"
            f"if the new topic is meant, accept it with: python -m admin init --new-topic"
        )
