"""The positions aggregators start from: made once per topic, at the beginning of its log, and never moved here."""

from collections import Counter
from datetime import datetime

from bson import Int64
from pymongo import UpdateOne, WriteConcern
from pymongo.database import Database

from common import progress
from common.errors import StartupError
from common.kafka import TopicFacts
from common.mongo import Document


def ensure(database: Database[Document], topic: str, facts: TopicFacts, now: datetime, *, new_topic: bool) -> int:
    """Make the positions that are missing; returns how many those were.

    Raises StartupError if the topic of this name was another one before, unless `new_topic` accepts that.
    """
    if not new_topic:
        refuse_another(database, topic, facts)
    positions = database.get_collection(progress.POSITIONS, write_concern=WriteConcern("majority"))
    made = positions.bulk_write(
        [
            UpdateOne(
                {"_id": progress.position_id(facts.topic_id, partition)},
                {
                    "$setOnInsert": {
                        "topic": topic,
                        "topic_id": facts.topic_id,
                        "partition": partition,
                        "next_offset": Int64(0),
                        "generation": Int64(0),
                        "created_at": now,
                    }
                },
                upsert=True,
            )
            for partition in range(facts.partitions)
        ],
        ordered=False,
    )
    return made.upserted_count


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
