"""The stages on PostgreSQL, run as programs on a real server: right before and after more orders come in, and when not."""

import json
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from study.kit import contract, manifest
from study.servers import postgresql
from tests.study import stage_runs
from tests.support.eventually import eventually

pytestmark = pytest.mark.integration

STAGES = ["04", "05", "06"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql.running(tmp_path_factory.mktemp("postgresql")) as running:
        yield running.url


@pytest.fixture
def database(server: str) -> Iterator[str]:
    """The URL of a database of this test's own."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield server.removesuffix("postgres") + name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize("stage", STAGES)
def test_all_answers_are_right_before_and_after_orders_arrive(stage: str, orders_xs: Path, database: str) -> None:
    known = manifest.read(orders_xs)
    said = stage_runs.run("import", stage, "--data", str(orders_xs), database=database)
    assert (said["orders"], said["lines"]) == (known.counts["orders"], known.counts["lines"])
    assert said["size_bytes"] > 0
    with stage_runs.backend(stage, orders_xs, database) as url:
        assert contract.verify(url, known) == []
        said = stage_runs.run("arrive", stage, "--data", str(orders_xs), "--rate", "10000", database=database)
        assert said["orders"] == known.arrivals.orders
        assert contract.verify(url, known, known.expected + known.arrivals.expected) == []
    plans = stage_runs.run("explain", stage, "--data", str(orders_xs), database=database)["plans"]
    assert set(plans) == {case.report for case in known.expected}
    assert all("Buffers: shared" in plan and "actual time" in plan for plan in plans.values()), plans


def test_rollups_count_each_order_once_though_two_add_at_once_and_one_comes_again(
    orders_xs: Path, database: str
) -> None:
    known = manifest.read(orders_xs)
    stage_runs.run("import", "06", "--data", str(orders_xs), database=database)
    half = known.arrivals.orders // 2
    arrive = ("arrive", "06", "--data", str(orders_xs), "--rate", "10000", "--count", str(half))
    halves = [stage_runs.command(*arrive, "--first", first, database=database) for first in ("0", str(half))]
    running = [subprocess.Popen(words, cwd=stage_runs.ROOT, stdout=subprocess.DEVNULL) for words in halves]
    assert [process.wait(240) for process in running] == [0, 0]
    again = subprocess.run(halves[0], check=False, capture_output=True, text=True, cwd=stage_runs.ROOT, timeout=240)
    assert again.returncode
    assert "duplicate key" in again.stderr
    with stage_runs.backend("06", orders_xs, database) as url:
        assert contract.verify(url, known, known.expected + known.arrivals.expected) == []


def test_a_backend_without_its_orders_does_not_start(orders_xs: Path, database: str) -> None:
    words = stage_runs.command("serve", "04", "--data", str(orders_xs), "--port", "0", database=database)
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=stage_runs.ROOT, timeout=120)
    assert done.returncode == 3
    assert "they are put there by the importer" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("url", "text"), [("sqlite:///x", "not the URL of a PostgreSQL"), ("postgresql://127.0.0.1:1/x", "does not answer")]
)
def test_an_importer_without_a_server_says_why(url: str, text: str, orders_xs: Path) -> None:
    words = stage_runs.command("import", "04", "--data", str(orders_xs), database=url)
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=stage_runs.ROOT, timeout=120)
    assert done.returncode == 3
    assert text in done.stderr


def test_too_late_and_cut_off_are_503s_that_say_so_and_the_next_answer_is_right(orders_xs: Path, database: str) -> None:
    case = manifest.read(orders_xs).case("days", "client", "7d")
    stage_runs.run("import", "04", "--data", str(orders_xs), database=database)

    def answer() -> tuple[int, Any]:
        status, _, body = caller.get("/reports/days", case.query)
        said = json.loads(body)
        return status, said.get("error", said.get("rows"))

    hurried = f"{database}?options=-c%20statement_timeout%3D200"
    with stage_runs.backend("04", orders_xs, hurried) as url, closing(contract.Caller(url)) as caller:
        with psycopg.connect(database) as connection:
            connection.execute("LOCK TABLE stage_04.lines")
            assert answer() == (503, "canceling statement due to statement timeout")
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()""")
        status, said = answer()
        assert status == 503
        assert "terminating connection" in said
        eventually(lambda: answer() == (200, case.rows))


def test_a_query_that_wants_more_than_its_share_of_memory_is_refused_and_the_server_goes_on(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        process = connection.info.backend_pid
        assert resource.prlimit(process, resource.RLIMIT_DATA)[0] == postgresql.PROCESS_LIMIT_BYTES
        # A smaller share is used up sooner.
        resource.prlimit(process, resource.RLIMIT_DATA, (64 << 20, 64 << 20))
        with pytest.raises(psycopg.errors.OutOfMemory):
            connection.execute("SELECT repeat('x', 200000000)")
        assert connection.execute("SELECT 1").fetchone() == (1,)


@contextmanager
def _as_program(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    words = stage_runs.command("server", "postgresql", "--state", str(folder))
    with subprocess.Popen(words, cwd=stage_runs.ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def test_a_server_keeps_its_data_when_stopped_and_dies_with_its_program(tmp_path: Path) -> None:
    with _as_program(tmp_path) as (process, url), closing(psycopg.connect(url)) as connection:
        connection.execute("CREATE TABLE kept ()")
        connection.commit()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with _as_program(tmp_path) as (process, url):
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT to_regclass('kept')").fetchone() == ("kept",)
        process.kill()
        eventually(lambda: not postgresql.answers(url))
