"""The stages on MongoDB, run as programs on real servers: right before and after more orders come in, and after a crash."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.database import Database

from study.kit import contract, manifest
from study.kit.manifest import Manifest
from tests.study import stage_runs
from tests.support.eventually import eventually
from tests.support.servers import Server
from tests.support.workspace import unique_name

pytestmark = pytest.mark.integration

Documents = Database[dict[str, Any]]
STREAMING = stage_runs.ROOT / "study" / "stages" / "10-streaming"


@pytest.fixture
def documents(mongo_client: "MongoClient[dict[str, Any]]") -> Iterator[Documents]:
    """A database of this test's own."""
    name = unique_name()
    yield mongo_client[name]
    mongo_client.drop_database(name)


@pytest.fixture
def database(mongo: Server, documents: Documents) -> str:
    """Its URL."""
    return mongo.address.replace("/?", f"/{documents.name}?")


@pytest.fixture
def log_and_database(kafka: Server, database: str, documents: Documents) -> Iterator[str]:
    yield f"kafka://{kafka.address} {database}"
    admin = AdminClient({"bootstrap.servers": kafka.address, "log_level": 0})
    if topics := documents["positions"].distinct("topic"):
        for deleted in admin.delete_topics(topics).values():
            deleted.result(30)


@pytest.mark.parametrize("stage", ["07", "08", "09"])
def test_all_answers_are_right_before_and_after_orders_arrive(stage: str, orders_xs: Path, database: str) -> None:
    known = import_all(stage, orders_xs, database)
    with stage_runs.backend(stage, orders_xs, database) as url:
        assert contract.verify(url, known) == []
        said = stage_runs.run("arrive", stage, "--data", str(orders_xs), "--rate", "10000", database=database)
        assert said["orders"] == known.arrivals.orders
        assert contract.verify(url, known, known.expected + known.arrivals.expected) == []
    check_plans(stage, known, orders_xs, database)


def import_all(stage: str, orders: Path, database: str) -> Manifest:
    known = manifest.read(orders)
    said = stage_runs.run("import", stage, "--data", str(orders), database=database)
    assert (said["orders"], said["lines"]) == (known.counts["orders"], known.counts["lines"])
    assert said["size_bytes"] > 0
    return known


def check_plans(stage: str, known: Manifest, orders: Path, database: str) -> None:
    plans = stage_runs.run("explain", stage, "--data", str(orders), database=database)["plans"]
    assert set(plans) == {case.report for case in known.expected}
    assert all("examined" in plan for plan in plans.values()), plans


def test_a_backend_without_its_database_does_not_start(orders_xs: Path, database: str) -> None:
    words = stage_runs.command("serve", "09", "--data", str(orders_xs), "--port", "0", database=database)
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=stage_runs.ROOT, timeout=120)
    assert done.returncode == 3
    assert "is missing: it is made by the importer" in done.stderr
    assert done.stdout == ""


def test_an_order_that_comes_twice_is_refused_and_not_counted_twice(
    orders_xs: Path, database: str, documents: Documents
) -> None:
    where = ("--data", str(orders_xs), "--count", "3", "--rate", "1000")
    stage_runs.run("arrive", "09", *where, database=database)
    once = list(documents["periods"].find(sort=[("_id", 1)]))
    words = stage_runs.command("arrive", "09", *where, database=database)
    again = subprocess.run(words, check=False, capture_output=True, text=True, cwd=stage_runs.ROOT, timeout=120)
    assert again.returncode == 1
    assert "duplicate key" in again.stderr
    assert list(documents["periods"].find(sort=[("_id", 1)])) == once


@contextmanager
def folding(orders: Path, database: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The program that counts, by itself."""
    env = os.environ | {"PYTHONPATH": str(stage_runs.ROOT), "STUDY_DATA": str(orders), "STUDY_DATABASE": database}
    with subprocess.Popen([sys.executable, str(STREAMING / "folding.py")], env=env) as process:
        try:
            yield process
        finally:
            process.terminate()


def freshness(url: str, orders: Path, database: str, *words: str) -> dict[str, Any]:
    env = os.environ | {"PYTHONPATH": str(stage_runs.ROOT), "STUDY_DATA": str(orders), "STUDY_DATABASE": database}
    command = [sys.executable, str(STREAMING / "freshness.py"), url, *words]
    said: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env).stdout)
    return said


def test_answers_of_streaming_are_right_though_a_program_that_counts_is_killed_while_orders_arrive(
    orders_xs: Path, log_and_database: str, documents: Documents
) -> None:
    known, where = import_all("10", orders_xs, log_and_database), ("10", "--data", str(orders_xs))
    with stage_runs.backend("10", orders_xs, log_and_database) as url:
        assert contract.verify(url, known) == []
        with folding(orders_xs, log_and_database) as second:
            mine = {"owner": {"$regex": f":{second.pid}$"}}
            eventually(lambda: documents["positions"].count_documents(mine) > 0, 60)
            words = stage_runs.command("arrive", *where, "--rate", "50", "--count", "150", database=log_and_database)
            with subprocess.Popen(words, cwd=stage_runs.ROOT, stdout=subprocess.DEVNULL) as arriving:
                eventually(lambda: documents["periods"].count_documents({"period": known.end}) > 0, 60)
                second.kill()
                assert arriving.wait(120) == 0  # when all it has sent is counted
        # The rest of them by the program that measures freshness, so that all answers are known.
        said = freshness(url, orders_xs, log_and_database, "--first", "150", "--rate", "25", "--seconds", "2")
        assert (said["orders"], said["unseen"]) == (50, 0)
        assert 0 < said["fresh_ms"]["p50"] <= said["fresh_ms"]["p95"]
        assert contract.verify(url, known, known.expected + known.arrivals.expected) == []
    check_plans("10", known, orders_xs, log_and_database)
