"""The MongoDB that the study starts has the memory it was given, and the same data when it is started again."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from study.servers import mongodb

pytestmark = pytest.mark.integration


def test_it_has_its_budget_and_keeps_its_data(tmp_path: Path) -> None:
    with mongodb.running(tmp_path) as server, MongoClient[dict[str, Any]](server.url) as client:
        cache = client.admin.command("serverStatus")["wiredTiger"]["cache"]
        assert cache["maximum bytes configured"] == mongodb.CACHE_GB * (1 << 30)
        assert client.admin.command("serverStatus")["pid"] in server.pids
        client["study"]["kept"].insert_one({"_id": 1})
    with mongodb.running(tmp_path) as again, MongoClient[dict[str, Any]](again.url) as client:
        assert client["study"]["kept"].find_one() == {"_id": 1}
