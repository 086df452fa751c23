"""Where the log and the documents are: what STUDY_DATABASE says, in the form that packstats' own parts take."""

from dataclasses import dataclass
from pathlib import Path

from pymongo.database import Database
from pymongo.uri_parser import parse_uri

from common import progress
from common.mongo import Document
from common.settings import KafkaSettings, MongoSettings
from study.kit.settings import Settings, StartError

STAGE = Path(__file__).parent.name
# Orders of a tenant are in one of them, in order. As many as are of use to a machine of a few processors.
PARTITIONS = 4

_FORM = "it takes both addresses: 'kafka://127.0.0.1:9092 mongodb://127.0.0.1:27017/?replicaSet=rs0'"


@dataclass(frozen=True, slots=True)
class Place:
    bootstrap_servers: str
    mongo: MongoSettings

    def log(self, topic: str) -> KafkaSettings:
        return KafkaSettings(
            bootstrap_servers=self.bootstrap_servers, topic=topic, group=topic, partitions=PARTITIONS, replication=1
        )


def of(settings: Settings) -> Place:
    words = settings.database_url().split()
    kafka = [word.removeprefix("kafka://") for word in words if word.startswith("kafka://")]
    mongo = [word for word in words if word.startswith("mongodb")]
    if len(kafka) != 1 or len(mongo) != 1:
        raise StartError(f"STUDY_DATABASE is {settings.database!r}: {_FORM}")
    return Place(kafka[0], MongoSettings(uri=mongo[0], database=parse_uri(mongo[0])["database"] or STAGE))


def topic_of(database: Database[Document]) -> str:
    """The topic the documents were counted from; each import makes one of its own."""
    position = database[progress.POSITIONS].find_one(sort=[("created_at", -1)])
    if position is None:
        raise StartError(f"database {database.name} is missing: it is made by the importer")
    return str(position["topic"])
