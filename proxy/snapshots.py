"""Reading MongoDB: each answer in one snapshot, bounded in time, so that its parts agree and no caller hangs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pymongo
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from common import progress
from common.errors import PackstatsError
from common.mongo import AWAY, Document
from proxy import freshness
from proxy.freshness import Position

READ_TIMEOUT_S = 5.0
PING_TIMEOUT_S = 1.5
RETRY_AFTER_S = 2

# No snapshot of that instant: a collection or index was made, or the answer took longer than history is kept.
_SNAPSHOT_TOO_OLD, _SNAPSHOT_UNAVAILABLE = 239, 246


class DatabaseAwayError(PackstatsError):
    """MongoDB does not answer at present; totals are not lost, only not readable now."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The documents of one database, for readers on the event loop."""

    client: AsyncMongoClient[Document]
    database: str
    topic: str
    partitions: int

    @asynccontextmanager
    async def reading(self, timeout_s: float = READ_TIMEOUT_S) -> AsyncIterator["Snapshot"]:
        """One instant of the database, for so long. Raises DatabaseAwayError where MongoDB cannot be read now."""
        try:
            # The time of a whole answer is long for finding out that nobody is there (it stands above the driver's own).
            await self._ping()
            with pymongo.timeout(timeout_s):
                async with self.client.start_session(snapshot=True) as session:
                    yield Snapshot(self, session)
        except PyMongoError as error:
            if not _is_passing(error):
                raise
            raise DatabaseAwayError(f"MongoDB is away: {type(error).__name__}") from error

    async def answers(self) -> bool:
        """Whether MongoDB has a primary that answers, asked anew."""
        try:
            await self._ping()
        except PyMongoError:
            return False
        return True

    async def _ping(self) -> None:
        with pymongo.timeout(PING_TIMEOUT_S):
            await self.client.admin.command("ping")


@dataclass(frozen=True, slots=True)
class Snapshot:
    source: Snapshots
    session: AsyncClientSession

    def __getitem__(self, collection: str) -> AsyncCollection[Document]:
        return self.source.client[self.source.database][collection]

    async def positions(self, partition: int | None = None) -> dict[int, Position]:
        """The positions of our topic by partition; of one partition, or of all that we were told of."""
        wanted = {"$lt": self.source.partitions} if partition is None else partition
        found = self[progress.POSITIONS].find(
            {"topic": self.source.topic, "partition": wanted}, freshness.FIELDS, session=self.session
        )
        return freshness.newest([freshness.position(document) async for document in found])


def _is_passing(error: PyMongoError) -> bool:
    """Whether the same question can be answered later; what is left is a mistake of ours, or of the configuration."""
    code = getattr(error, "code", None)
    return isinstance(error, AWAY) or error.timeout or code in {_SNAPSHOT_TOO_OLD, _SNAPSHOT_UNAVAILABLE}
