"""Health, metrics, version, documentation, and what the router itself answers."""

import re
from pathlib import Path

import pytest

from tests.support import web
from tests.support.eventually import eventually
from tests.support.facility import BYTES, Facility
from tests.support.pipeline import Pipeline
from tests.support.services import Services

PROXY_METRICS = {
    "packstats_requests_total",
    "packstats_upstream_seconds",
    "packstats_proxy_seconds",
    "packstats_spool_bytes",
    "packstats_spool_oldest_seconds",
    "packstats_uncounted_total",
    "packstats_suspect_numbers_total",
}
AGGREGATOR_METRICS = {
    "packstats_events_total",
    "packstats_duplicates_total",
    "packstats_lag_records",
    "packstats_freshness_seconds",
    "packstats_flush_seconds",
    "packstats_fenced_total",
}


def metric(url: str, name: str, labels: str = "") -> float:
    """The sum of a metric's samples with these labels."""
    lines = web.get(f"{url}/metrics").body.decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name) and labels in line)


def test_livez_is_200(pipeline: Pipeline) -> None:
    for service in (pipeline.proxy, pipeline.aggregator, pipeline.sandbox):
        assert web.get(f"{service.url}/livez").status == 200


def test_readyz_says_how_each_dependency_is(pipeline: Pipeline) -> None:
    reply = web.get(f"{pipeline.proxy.url}/readyz")
    assert reply.status == 200
    found = reply.json
    assert found["ready"] is True
    assert found.keys() >= {"spool", "kafka", "mongo"}
    assert found["spool"]["accepting"] is True
    assert found["kafka"]["problem"] is None
    assert found["mongo"]["state"] == "answers"


def test_proxy_that_can_spool_is_ready_while_kafka_and_mongodb_are_away(
    pipeline: Pipeline, services: Services, tmp_path: Path
) -> None:
    proxy = services.proxy(
        pipeline.workspace,
        pipeline.sandbox.url,
        KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1",
        MONGO__URI="mongodb://127.0.0.1:1/?replicaSet=rs0",
        PROXY__SPOOL_DIR=str(tmp_path),  # else another proxy would send what this one leaves
    )
    facility = Facility(proxy.url)
    assert "x-event-id" in facility.pack().headers
    eventually(lambda: web.get(f"{proxy.url}/readyz").json["kafka"]["problem"])
    reply = web.get(f"{proxy.url}/readyz")
    assert (reply.status, reply.json["ready"]) == (200, True)
    assert reply.json["spool"]["waiting"] == 1
    assert reply.json["mongo"]["state"] == "away"


def test_aggregator_is_ready_and_holds_its_partitions(pipeline: Pipeline) -> None:
    found = web.get(f"{pipeline.aggregator.url}/readyz").json
    assert found["ready"] is True
    assert found["partitions"]["held"] == list(range(pipeline.workspace.partitions))


@pytest.mark.parametrize(("service", "names"), [("proxy", PROXY_METRICS), ("aggregator", AGGREGATOR_METRICS)])
def test_metrics_have_their_names(pipeline: Pipeline, service: str, names: set[str]) -> None:
    facility = Facility(pipeline.proxy.url)
    facility.pack()
    facility.shown(1)

    def all_there() -> bool:
        reply = web.get(f"{getattr(pipeline, service).url}/metrics")
        assert reply.headers["content-type"].startswith("text/plain")
        missing = {
            name
            for name in names
            if not re.search(rf"^{name}(_bucket|_sum|_count)?[{{ ]", reply.body.decode(), re.MULTILINE)
        }
        assert not missing
        return True

    eventually(all_there)  # what is known of a partition is looked up once a second


@pytest.mark.parametrize(
    ("directive", "outcome"),
    [("ok", "packed"), ("status=400", "refused"), ("status=500", "failed"), ("drop", "unreachable")],
)
def test_requests_are_counted_by_outcome(facility: Facility, directive: str, outcome: str) -> None:
    def count() -> float:
        return metric(facility.proxy, "packstats_requests_total", f'outcome="{outcome}"')

    before = count()
    facility.pack(sandbox=directive)
    assert count() == before + 1


def test_absurd_numbers_are_an_alarm(facility: Facility) -> None:
    before = metric(facility.proxy, "packstats_suspect_numbers_total")
    facility.pack(sandbox="set=totalVolume:1e300; set=lenItems:-1")
    assert metric(facility.proxy, "packstats_suspect_numbers_total") == before + 2


def test_version_names_the_program_and_the_schema(pipeline: Pipeline) -> None:
    found = web.get(f"{pipeline.proxy.url}/version").json
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["version"])
    assert found["eventSchema"] == 1


def test_openapi_describes_every_route(pipeline: Pipeline) -> None:
    found = web.get(f"{pipeline.proxy.url}/openapi.json").json
    paths = {(path, method) for path, methods in found["paths"].items() for method in methods}
    assert paths >= {
        ("/", "post"),
        ("/v1/pack", "post"),
        ("/pack", "post"),
        ("/api/keydata", "get"),
        ("/api/keydata/all", "get"),
        ("/api/keydata/{keystem}", "get"),
        ("/api/keydata/{keystem}", "delete"),
        ("/api/keydata/{keystem}/hours", "get"),
        ("/api/deletions/{event_id}", "get"),
        ("/livez", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
        ("/version", "get"),
    }


def test_docs_are_a_page(pipeline: Pipeline) -> None:
    reply = web.get(f"{pipeline.proxy.url}/docs")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert b"/openapi.json" in reply.body


@pytest.mark.parametrize("path", ["/nowhere", "/api", "/api/keydata/a/b", "/packs", "/v1", "/api/keydata/"])
def test_unknown_path_is_a_404_with_a_message(pipeline: Pipeline, path: str) -> None:
    reply = web.get(pipeline.proxy.url + path)
    assert reply.status == 404
    assert set(reply.json) == {"Message"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/", "POST"),
        ("PUT", "/pack", "POST"),
        ("DELETE", "/v1/pack", "POST"),
        ("POST", "/api/keydata", "GET"),
        ("POST", "/livez", "GET"),
    ],
)
def test_wrong_method_is_a_405_with_a_message(pipeline: Pipeline, method: str, path: str, allowed: str) -> None:
    reply = web.request(method, pipeline.proxy.url + path, BYTES if method != "GET" else None)
    assert reply.status == 405
    assert set(reply.json) == {"Message"}
    assert allowed in reply.headers["allow"]


def test_mistake_of_our_own_is_a_500_with_a_message(pipeline: Pipeline) -> None:
    # Nothing the API offers can make one, so a document is put there that no version of ours would write.
    documents = pipeline.workspace.documents["keydata"]
    documents.with_options().insert_one(
        {"_id": "broken", "partition": "no number", "requests": 1}, bypass_document_validation=True
    )
    try:
        reply = web.get(f"{pipeline.proxy.url}/api/keydata/broken")
    finally:
        documents.delete_one({"_id": "broken"})
    assert reply.status == 500
    assert set(reply.json) == {"Message"}
    assert web.get(f"{pipeline.proxy.url}/livez").status == 200
