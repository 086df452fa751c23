"""Sizes follow from measured figures by formulas that agree with what was measured, and never get less with more load."""

from dataclasses import fields, replace

import pytest

from bench import sizing
from bench.errors import BenchError
from bench.measurement import PRODUCT
from bench.results import Results, Sample
from bench.sizing_inputs import INPUTS, Inputs
from bench.sizing_model import Deployment, Load, between, touched, updates
from tests.unit.bench import made_results

KNOWN = Inputs(
    event_bytes=1500,
    topic_bytes_at_200=900,
    topic_bytes_at_2000=700,
    topic_bytes_in_bulk=500,
    spool_bytes=2500,
    busy_hour_packs=2400,
    quiet_hour_packs=24,
    busy_hour_bytes=2000,
    quiet_hour_bytes=1000,
    day_bytes=1000,
    keydata_bytes=3000,
    keydata_in_memory=9000,
    hour_in_memory=5000,
    day_in_memory=4000,
    updates_at_200=700,
    updates_at_2000=1300,
    mongodb_us_at_200=400,
    mongodb_us_at_2000=65,
    folding_us_at_200=150,
    folding_us_at_2000=30,
    folding_us=10,
    folding_mib=200,
    proxy_us=150,
    proxy_mib=100,
)
LOADS = [Load(rate, facilities) for rate in sizing.RATES for facilities in sizing.FACILITIES]


def results(leave_out: str = "") -> Results:
    samples = [
        Sample(each.measurement, PRODUCT, 1, {each.figure: getattr(KNOWN, each.name)})
        for each in INPUTS
        if each.name != leave_out
    ]
    return made_results.results(*samples)


def test_every_input_is_described_once() -> None:
    measured = {field.name for field in fields(Inputs)} - {"facilities", "partitions"}
    assert [each.name for each in INPUTS] == [each.name for each in INPUTS if each.name in measured]
    assert {each.name for each in INPUTS} == measured


def test_inputs_are_the_medians_of_a_run() -> None:
    assert Inputs.of(results()) == KNOWN


def test_a_run_that_lacks_a_figure_says_which() -> None:
    with pytest.raises(BenchError, match="spool_pack_bytes of sizing-300"):
        Inputs.of(results(leave_out="spool_bytes"))


@pytest.mark.parametrize(("rate", "updates"), [(200, 700), (2_000, 1300)])
def test_updates_at_a_measured_rate_are_what_was_measured(rate: int, updates: float) -> None:
    assert Deployment(Load(rate, 300), KNOWN).updates_per_s == pytest.approx(updates)


@pytest.mark.parametrize(("rate", "mongodb_us", "folding_us"), [(200, 400, 150), (2_000, 65, 30)])
def test_cores_at_a_measured_rate_are_what_was_measured(rate: int, mongodb_us: float, folding_us: float) -> None:
    made = Deployment(Load(rate, 300), KNOWN)
    assert made.mongodb_cores == pytest.approx(rate * mongodb_us / 1e6)
    assert made.folding_us_per_s == pytest.approx(rate * folding_us)


def test_each_cost_is_found_again_in_rates_made_of_it() -> None:
    def rate(touched_facilities: float) -> float:
        return 3 * touched_facilities + 24 * 5

    known = replace(KNOWN, updates_at_200=rate(touched(200, 300)), updates_at_2000=rate(touched(2000, 300)))
    costs = updates(known)
    assert (costs.of_facility, costs.of_partition) == pytest.approx((3, 5))


def test_no_more_facilities_are_touched_than_there_are_or_than_events_come() -> None:
    assert touched(200_000, 300) == pytest.approx(300)
    assert touched(200, 1e9) == pytest.approx(200)


def test_more_packs_never_need_less() -> None:
    for facilities in sizing.FACILITIES:
        made = [Deployment(Load(rate, facilities), KNOWN) for rate in sizing.RATES]
        for name in ("updates_per_s", "hours_bytes", "topic_bytes_per_s", "proxies", "aggregators", "partitions"):
            values = [getattr(each, name) for each in made]
            assert values == sorted(values), name


def test_broker_disk_is_every_copy_of_every_day() -> None:
    made = Deployment(Load(200, 300), KNOWN)
    assert made.broker_bytes(7) == pytest.approx(200 * 900 * 86_400 * 7 * 3)


def test_hours_without_a_pack_have_no_document() -> None:
    rare = Deployment(Load(200, 3_000_000), KNOWN)
    assert rare.hours_bytes < 0.25 * 3_000_000 * 400 * 24 * KNOWN.quiet_hour_bytes


def test_there_are_two_partitions_for_each_aggregator_at_least() -> None:
    for load in LOADS:
        made = Deployment(load, KNOWN)
        assert made.partitions >= 2 * made.aggregators
        assert made.partitions % 24 == 0


def test_between_two_points_is_on_the_line_and_beyond_them_is_their_end() -> None:
    low, high = (10.0, 1.0), (1000.0, 3.0)
    assert between(100, low, high) == pytest.approx(2)
    assert between(1, low, high) == pytest.approx(1)
    assert between(10**6, low, high) == pytest.approx(3)


def test_the_first_to_be_full_is_named_with_its_share() -> None:
    assert Deployment(Load(200, 30_000), KNOWN).bottleneck.startswith("the members' disks, ")
    assert Deployment(Load(20_000, 300), KNOWN).bottleneck.startswith("the brokers' disks, ")
    busy = replace(KNOWN, mongodb_us_at_200=1e6)
    assert Deployment(Load(200, 300), busy).bottleneck.startswith("the primary's cores, ")


# --- the page --------------------------------------------------------------------------------------------------------

PAGE = "<!-- results: none -->\n<!-- sizing: kafka -->\nNot measured yet.\n<!-- sizing end -->\nend\n"


def test_a_page_without_results_says_so_and_stays_as_it_is() -> None:
    assert sizing.generated(PAGE, None, None) == PAGE


def test_a_page_is_filled_and_filling_it_again_changes_nothing() -> None:
    filled = sizing.generated(PAGE, "run.json", results())
    assert "<!-- results: run.json -->" in filled
    assert "| 200 | 300 | 17.3 million | 180 KB/s |" in filled
    assert sizing.generated(filled, "run.json", results()) == filled


def test_a_place_that_nothing_fills_is_an_error() -> None:
    with pytest.raises(BenchError, match="nonsense"):
        sizing.generated(PAGE.replace("kafka", "nonsense"), "run.json", results())


def test_the_real_page_has_a_place_for_every_table() -> None:
    page = sizing.PAGE.read_text()
    for name in ("inputs", *sizing.GRIDS):
        assert f"<!-- sizing: {name} -->" in page
    for each in INPUTS:
        assert each.meaning in sizing.generated(page, "run.json", results())


@pytest.mark.parametrize(
    ("value", "text"), [(999, "999 B"), (1_500, "1.5 KB"), (17_280_000_000_000, "17 TB"), (2_340_000, "2.3 MB")]
)
def test_sizes_are_written_with_two_digits(value: float, text: str) -> None:
    assert sizing.size(value) == text
