"""Readiness names what stands in the way."""

import json
from typing import Any

import pytest
from prometheus_client import REGISTRY

import aggregator.health
from aggregator.batches import Stop
from aggregator.health import STUCK_S, _measure, readiness, serve
from common import metrics
from common.errors import StartupError
from tests.support import web
from tests.support.made_events import pack, session_at
from tests.support.members import Member, database


def working() -> Member:
    one = Member(database(), {})
    one.write([pack(session_at(), 1)])
    one.log.assign(0)
    one.turn(3)
    for seconds in (2, 4):  # rounds are made once a second: ask Kafka for the end, then take in the answer
        one.consumer.oversight.look(one.consumer.turned_at + seconds, database_away=False)
    return one


def answer(one: Member) -> tuple[int, dict[str, Any]]:
    status, kind, body = readiness(one.consumer)
    assert kind == "application/json"
    return status, json.loads(body)


def sample(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(name, labels)
    assert found is not None
    return found


def test_a_member_that_works_is_ready() -> None:
    status, body = answer(working())
    assert (status, body["ready"]) == (200, True)
    assert (body["partitions"]["held"], body["partitions"]["stopped"]) == ([0], {})
    assert body["mongodb"] == {"away_s": None}
    assert body["now"] >= body["partitions"]["complete"].get("0", "")
    assert body["partitions"]["lag"] == {"0": 0}


def test_an_absent_database_is_named() -> None:
    one = working()
    one.consumer.holdings.outage.begin(one.consumer.turned_at, "test")
    status, body = answer(one)
    assert (status, body["ready"]) == (503, False)
    assert body["mongodb"]["away_s"] >= 0
    assert sample("packstats_database_away_seconds") >= 0


def test_what_stands_still_goes_on_growing_older() -> None:
    """Gauges that the loop sets would keep their last value for as long as it hangs."""
    one = working()
    _measure(one.consumer)
    one.consumer.turned_at -= 90
    one.consumer.holdings.outage.begin(one.consumer.turned_at, "test")
    one.consumer.holdings.unclaimed += [4, 5]
    assert sample("packstats_loop_seconds") >= 90
    assert sample("packstats_database_away_seconds") >= 90
    assert sample("packstats_unclaimed_partitions") == 2
    before = sample("packstats_freshness_seconds", partition="0")
    assert sample("packstats_freshness_seconds", partition="0") > before


def test_fenced_flushes_and_quarantined_records_are_counted() -> None:
    _, before = answer(working())
    metrics.FENCED.inc()
    metrics.QUARANTINED.labels("a").inc()
    metrics.QUARANTINED.labels("b").inc()
    _, body = answer(working())
    assert body["fenced"] == before["fenced"] + 1
    assert body["quarantined"] == before["quarantined"] + 2


def test_stopped_partitions_are_named_with_their_reason() -> None:
    one = working()
    one.consumer.holdings.held[0].partition.stop = Stop("newer schema", "x")
    one.consumer.holdings.refused[7] = Stop("no position", "y")
    status, body = answer(one)
    assert (status, body["partitions"]["stopped"]) == (503, {"0": "newer schema", "7": "no position"})


def test_a_loop_that_does_not_turn_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    one = working()
    turned_at = one.consumer.turned_at
    monkeypatch.setattr(aggregator.health, "monotonic", lambda: turned_at + STUCK_S)
    status, body = answer(one)
    assert (status, body["loop"]["last_turn_s"]) == (503, STUCK_S)


def test_it_answers_by_http() -> None:
    server = serve(working().consumer, "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        assert web.get(f"{url}/livez").json == {"status": "alive"}
        assert web.get(f"{url}/readyz?verbose").status == 200
        metrics = web.get(f"{url}/metrics")
        assert b"packstats_lag_records" in metrics.body
        assert metrics.headers["content-type"].startswith("text/plain")
        assert web.get(f"{url}/nothing").json == {"Message": "not found"}
        with pytest.raises(StartupError, match=r"AGGREGATOR__PORT=.*choose another port"):
            serve(working().consumer, "127.0.0.1", int(server.server_address[1]))
    finally:
        server.shutdown()
        server.server_close()
