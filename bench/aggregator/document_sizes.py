"""What documents take in MongoDB: as they are, and on its disk with their part of the indexes."""

from typing import Any

from pymongo.database import Database

from common import documents, progress

_COLLECTIONS = (
    documents.KEYDATA,
    documents.KEYDATA_HOURS,
    documents.CARTON_DAYS,
    documents.CARTON_LISTS,
    progress.SESSIONS,
)


def sizes(database: Database[dict[str, Any]]) -> dict[str, float]:
    """For each collection the number of documents, and bytes of one: `keydata_documents`, `keydata_bytes`, `keydata_disk_bytes`."""
    database.client.admin.command("fsync")  # so that what is counted is on the disk
    found: dict[str, float] = {}
    for name in _COLLECTIONS:
        [stats] = database[name].aggregate([{"$collStats": {"storageStats": {}}}])
        storage = stats["storageStats"]
        count = storage["count"]
        if count:
            on_disk = storage["storageSize"] - storage.get("freeStorageSize", 0) + storage["totalIndexSize"]
            found |= {
                f"{name}_documents": count,
                f"{name}_bytes": storage["size"] / count,
                f"{name}_disk_bytes": on_disk / count,
            }
    return found
