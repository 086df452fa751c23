"""A spool that is filled for a measurement is one that a proxy drains."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.aggregator.spool_drain import fill, sent
from bench.errors import BenchError
from proxy.spool_file import SpoolFile
from proxy.spool_record import SpoolRecord


def records(count: int) -> Iterator[SpoolRecord]:
    return (SpoolRecord(number % 4, f"stem{number}", b"x" * 100, 1_742_881_643_000 + number) for number in range(count))


@pytest.mark.parametrize("group", [1, 4])
def test_a_filled_spool_holds_every_record_in_order(tmp_path: Path, group: int) -> None:
    size = fill(tmp_path / "spool.db", records(10), group)
    spool = SpoolFile(tmp_path / "spool.db")
    groups = spool.read(0, 1 << 20)
    held = spool.records
    spool.close()
    assert held == 10
    assert [record for each in groups for record in each.records] == list(records(10))
    assert [len(each.records) for each in groups] == ([1] * 10 if group == 1 else [4, 4, 2])
    assert size >= 10 * 100


def test_what_kafka_acknowledged_is_read_from_the_metrics() -> None:
    assert (
        sent("# HELP packstats_sent_total x\npackstats_sent_total 720000.0\npackstats_sent_created 1.7e9\n") == 720_000
    )


def test_metrics_without_it_are_an_error() -> None:
    with pytest.raises(BenchError, match="packstats_sent_total"):
        sent("packstats_other_total 1\n")
