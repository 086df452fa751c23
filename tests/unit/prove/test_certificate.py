"""The certificate says what was found, and claims a bound only where nothing was lost or doubled."""

import json
from dataclasses import replace

import pytest
from rich.console import Console

from tests.prove.cast import Ending
from tests.prove.certificate import Course, bounds, certify, recoveries, rendered
from tests.prove.judge import Verdict
from tests.prove.storm import Injected
from tests.prove.watch import Memory

INJECTED = [
    Injected("proxy killed", 1.0, alone=True, in_flight=4, recovered_s=2.0),
    Injected("proxy killed", 9.0, alone=True, in_flight=8, recovered_s=6.0),
    Injected("mongod frozen", 20.0, alone=False, in_flight=6),
    Injected("answer to a commit lost", 30.0, alone=True, in_flight=6, missed=True, recovered_s=0.1),
]
COURSE = Course(
    topology="single",
    seed=7,
    asked_seconds=60,
    storm_seconds=61.5,
    mongod="8.0.0",
    injected=INJECTED,
    replies={"POST 200": 90},
    outcomes={"packed": 90},
    sent_again=2,
    highest_lag=40,
    endings=[Ending(3.0, "proxy-1", -9, wanted=True), Ending(5.0, "proxy-1", -9, wanted=True)],
    memory={"proxy-1": Memory(50 << 20, 52 << 20, 60 << 20)},
)
VERDICT = Verdict(asked=100, unanswered=5, acknowledged=90, counted=92)


def test_clean_campaign_has_its_figures_and_bounds() -> None:
    certificate = certify(COURSE, VERDICT, [])
    assert certificate.clean
    assert (certificate.faults, certificate.overlapping, certificate.missed) == (3, 1, 1)
    assert certificate.faults_by_kind == {"mongod frozen": 1, "proxy killed": 2}
    assert certificate.in_flight == {"min": 4, "median": 6, "max": 8}
    assert certificate.exits == {"proxy-1: -9": 2}
    assert certificate.bounds == bounds(90, 3)
    assert json.loads(json.dumps(certificate.as_json()))["acknowledged"] == 90


def test_lost_pack_leaves_no_bound_and_no_clean_verdict() -> None:
    certificate = certify(COURSE, replace(VERDICT, lost=["request 1"]), ["request 1"])
    assert not certificate.clean
    assert certificate.lost == 1
    assert certificate.bounds == {}


def test_bound_is_the_rule_of_three() -> None:
    assert bounds(300, 30) == {
        "lost_or_doubled_per_acknowledged_below": pytest.approx(0.01),
        "loss_per_fault_below": pytest.approx(0.1),
    }


def test_recovery_is_of_faults_that_stood_alone() -> None:
    found = recoveries(INJECTED[:3])
    assert list(found) == ["proxy killed"]
    assert (found["proxy killed"].n, found["proxy killed"].median_s, found["proxy killed"].max_s) == (2, 4.0, 6.0)


@pytest.mark.parametrize(
    ("code", "wanted", "violation"),
    [(0, True, False), (-9, True, False), (1, True, True), (70, False, False), (75, False, False), (1, False, True),
     (0, False, True), (-9, False, True), (-11, True, True), (3, False, True)],
)  # fmt: skip
def test_end_that_nobody_wanted_is_a_violation_unless_it_asks_to_be_started_again(
    code: int, wanted: bool, violation: bool
) -> None:
    assert Ending(1.0, "proxy-1", code, wanted).violation is violation


def test_rendered_certificate_shows_verdict_and_recovery() -> None:
    console = Console(width=200, record=True, quiet=False, file=None)
    with console.capture() as capture:
        console.print(rendered(certify(COURSE, VERDICT, [])))
    text = capture.get()
    assert "clean" in text
    assert "mongod frozen" in text
