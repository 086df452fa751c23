"""Counters → figures: what is averaged over what, what is null, and that parts always add up to the whole."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import given, settings
from hypothesis import strategies as st

from common.documents import bucket_latency_ns, latency_bucket
from proxy.keydata_figures import (
    added_up,
    counters,
    facility_figures,
    figures,
    hour_figures,
    row,
    slowest_facility,
    slowest_of_all,
)
from proxy.keydata_models import FacilityFigures, Figures

AT = datetime(2025, 3, 25, 5, 47, 17, 191000, tzinfo=UTC)

# The example of the documentation, as MongoDB keeps it: three packs of 23 items in 12 boxes each.
EXAMPLE: dict[str, Any] = {
    "_id": "aqRAiz-8RA",
    "partition": 3,
    "requests": Int64(3),
    "packs": Int64(3),
    "outcomes": {"packed": Int64(3)},
    "statuses": {"200": Int64(3)},
    "cache": {"off": Int64(3)},
    "items": Int64(69),
    "items_n": Int64(3),
    "boxes": Int64(36),
    "volume": Decimal128("51840000000"),
    "volume_used": Decimal128("19179000000"),
    "volume_net": Decimal128("1.296E+10"),
    "utilization": {"n": Int64(3), "sum": Decimal128("1109895")},
    "box_types": {"0": Int64(36)},
    "latency": {
        "n": Int64(3),
        "sum": Decimal128("2068273435"),
        "buckets": {str(latency_bucket(ns)): Int64(1) for ns in (516648064, 621623810, 930001561)},
        "max": {"ns": Int64(930001561), "at": AT, "keystem": "aqRAiz-8RA", "event_id": "s.3.2"},
    },
    "cartons": {"Small%2E1": {"count": Int64(36), "volume": Decimal128("1")}},
    "first_seen": AT,
    "last_seen": AT + timedelta(seconds=6),
}


def test_the_documented_example_has_the_documented_figures() -> None:
    found = facility_figures(counters(EXAMPLE)).model_dump(mode="json")
    assert found == {
        "totalItems": 69,
        "totalVolume": 51840,
        "avgItemsPerPack": 23,
        "avgVolumeUtilization": 0.369965,
        "boxTypes": {"0": 36},
        "totalRequests": 3,
        "statusCodes": {"200": 3},
        "requestErrorCount": 0,
        "errorCount": 0,
        "cacheHits": 0,
        "maxLatency": {"latency": 930001561, "timeStamp": "2025-03-25T05:47:17.191000Z"},
        "avgLatency": 2068273435 / 3,
        "totalPacks": 3,
        "utilizationByVolume": 19179 / 51840,
        "netUtilization": 0.25,
        "latency": {"count": 3, **found["latency"]},
        "leftovers": 0,
        "totalCost": None,
        "pricedPacks": 0,
        "firstSeen": "2025-03-25T05:47:17.191000Z",
        "lastSeen": "2025-03-25T05:47:23.191000Z",
        "cartons": {"Small.1": 36},
    }
    assert list(found)[:2] == ["totalItems", "totalVolume"]


def test_percentiles_are_nearest_rank_within_two_percent_and_never_above_the_maximum() -> None:
    found = figures(counters(EXAMPLE)).latency
    assert found.p50 == pytest.approx(621623810, rel=0.02)
    assert (found.p90, found.p95, found.p99) == (found.p99,) * 3
    assert found.p99 is not None
    assert found.p99 <= 930001561
    assert found.p99 == pytest.approx(930001561, rel=0.02)


def test_whole_sums_are_whole_numbers_and_others_are_not() -> None:
    whole, broken = (figures(counters({"volume": Decimal128(text)})).total_volume for text in ("5000000", "5000001"))
    assert (whole, type(whole)) == (5, int)
    assert broken == 5.000001


def test_nothing_counted_yet_is_zeros_and_nulls() -> None:
    found = figures(added_up([])).model_dump()
    nulls = {name for name, value in found.items() if value is None}
    assert nulls == {
        "avgItemsPerPack",
        "avgVolumeUtilization",
        "maxLatency",
        "avgLatency",
        "utilizationByVolume",
        "netUtilization",
        "totalCost",
        "firstSeen",
        "lastSeen",
    }
    assert found.pop("latency") == {"count": 0, "p50": None, "p90": None, "p95": None, "p99": None}
    assert all(value in (0, {}) for name, value in found.items() if name not in nulls)


def test_averages_run_over_packs_whose_figure_is_known() -> None:
    found = figures(
        counters(
            {
                "requests": Int64(9),
                "packs": Int64(5),
                "items": Int64(6),
                "items_n": Int64(4),
                "utilization": {"n": Int64(2), "sum": Decimal128("1500000")},
            }
        )
    )
    assert found.avg_items_per_pack == 1.5
    assert found.avg_volume_utilization == 0.75


def test_errors_are_counted_by_what_became_of_the_request() -> None:
    outcomes = {
        "refused": 1,
        "failed": 2,
        "unreachable": 4,
        "timed_out": 8,
        "unreadable": 16,
        "packed": 32,
        "other": 64,
    }
    found = figures(counters({"outcomes": outcomes, "cache": {"hit": 7, "stale": 1, "miss": 2}}))
    assert (found.error_count, found.request_error_count, found.cache_hits) == (3, 28, 7)


def test_a_map_entry_that_is_back_at_zero_is_not_shown() -> None:
    found = facility_figures(
        counters({"box_types": {"a": Int64(0), "b": Int64(1)}, "cartons": {"gone": {"count": Int64(0)}}})
    )
    assert (found.box_types, found.cartons) == ({"b": 1}, {})


def test_hostile_map_keys_come_back_as_they_were() -> None:
    assert figures(counters({"box_types": {"a%2Eb%25%24": Int64(1)}})).box_types == {"a.b%$": 1}


def test_cost_without_a_priced_pack_is_unknown_not_zero() -> None:
    priced = {"priced": {"packs": Int64(2), "cost_cents": Int64(0)}}
    assert figures(counters(priced)).total_cost == 0
    assert figures(counters({"packs": Int64(2)})).total_cost is None


@settings(deadline=None)
@given(st.integers(1 - 10**34, 10**34 - 1), st.integers(0, 5))
def test_a_sum_is_read_exactly_in_whatever_form_it_was_written(number: int, zeros: int) -> None:
    plain, powers = Decimal128(str(number)), Decimal128(f"{number // 10**zeros}E+{zeros}")
    assert counters({"volume": plain}).numbers["volume"] == number
    assert counters({"volume": powers}).numbers["volume"] == number // 10**zeros * 10**zeros


def test_something_that_is_no_counter_counts_nothing() -> None:
    found = counters({"requests": "many", "latency": 3, "cartons": None, "first_seen": "long ago"})
    assert found == counters({})


def test_the_slowest_of_all_is_named_and_ties_are_broken_as_the_database_breaks_them() -> None:
    def slow(ns: int, keystem: str, at: datetime = AT) -> dict[str, Any]:
        return {"latency": {"max": {"ns": Int64(ns), "at": at, "keystem": keystem, "event_id": "e"}}}

    parts = [counters(each) for each in (slow(5, "a"), slow(7, "b"), slow(7, "c"), {}, slow(7, "z", AT - timedelta(1)))]
    found = slowest_of_all(added_up(parts))
    assert found is not None
    assert (found.latency, found.used_keystem, found.time_stamp) == (7, "c", AT)
    assert slowest_of_all(added_up([])) is None


def test_the_slowest_facility_is_shown_by_its_exact_mean() -> None:
    found = slowest_facility("a", counters({"latency": {"n": Int64(3), "sum": Decimal128("10")}}))
    assert found is not None
    assert (found.used_keystem, found.latency) == ("a", 10 / 3)
    assert slowest_facility("a", counters({})) is None


def test_a_row_of_the_list_and_an_hour_show_the_same_figures_as_the_document() -> None:
    whole = figures(counters(EXAMPLE))
    shown = row("k", counters(EXAMPLE)).model_dump()
    assert shown == {"usedKeystem": "k", **{name: whole.model_dump()[name] for name in shown if name != "usedKeystem"}}
    assert vars(hour_figures(AT, counters(EXAMPLE))) == {"hour": AT, **vars(whole)}


# --- any documents ---------------------------------------------------------------------------------------------------

counts = st.integers(0, 10**6).map(Int64)
sums = st.integers(0, 10**30).map(lambda number: Decimal128(str(number)))
names = st.sampled_from(["0", "a%2Eb", "Small", "200", "packed", "hit", "unreadable"])
moments = st.integers(0, 86_400_000 * 3650).map(
    lambda ms: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)


@st.composite
def latencies(draw: st.DrawFn) -> dict[str, Any]:
    """As the fold makes them: of single answers."""
    drawn = draw(st.lists(st.tuples(st.integers(1, 86_400 * 10**9), moments), min_size=1, max_size=6))
    buckets: dict[str, Int64] = {}
    for ns, _ in drawn:
        buckets[str(latency_bucket(ns))] = Int64(buckets.get(str(latency_bucket(ns)), 0) + 1)
    slowest = max(drawn)
    return {
        "n": Int64(len(drawn)),
        "sum": Decimal128(str(sum(ns for ns, _ in drawn))),
        "buckets": buckets,
        "max": {"ns": Int64(slowest[0]), "at": slowest[1], "keystem": draw(names), "event_id": draw(names)},
    }


documents = st.fixed_dictionaries(
    {},
    optional={
        "requests": counts,
        "packs": counts,
        "outcomes": st.dictionaries(names, counts),
        "statuses": st.dictionaries(names, counts),
        "cache": st.dictionaries(names, counts),
        "items": counts,
        "items_n": counts,
        "leftovers": counts,
        "volume": sums,
        "volume_used": sums,
        "volume_net": sums,
        "utilization": st.fixed_dictionaries({"n": counts, "sum": sums}),
        "box_types": st.dictionaries(names, counts),
        "latency": latencies(),
        "cartons": st.dictionaries(names, st.fixed_dictionaries({"count": counts})),
        "priced": st.fixed_dictionaries({"packs": counts, "cost_cents": counts}),
        "first_seen": moments,
        "last_seen": moments,
    },
)

ADDITIVE = (
    "total_items",
    "total_requests",
    "request_error_count",
    "error_count",
    "cache_hits",
    "total_packs",
    "leftovers",
)


def summed(parts: list[Figures], name: str) -> int:
    return sum(getattr(part, name) for part in parts)


@settings(deadline=None)
@given(st.lists(documents, max_size=6))
def test_the_keystems_add_up_to_all(found: list[dict[str, Any]]) -> None:
    parts = [figures(counters(document)) for document in found]
    whole = figures(added_up(counters(document) for document in found))
    assert {name: getattr(whole, name) for name in ADDITIVE} == {name: summed(parts, name) for name in ADDITIVE}
    assert whole.latency.count == sum(part.latency.count for part in parts)
    assert whole.priced_packs == sum(part.priced_packs for part in parts)
    for shown in ("box_types", "status_codes"):
        assert sum(getattr(whole, shown).values()) == sum(sum(getattr(part, shown).values()) for part in parts)
    assert whole.first_seen == min((part.first_seen for part in parts if part.first_seen), default=None)
    assert whole.last_seen == max((part.last_seen for part in parts if part.last_seen), default=None)


@settings(deadline=None)
@given(st.lists(documents, max_size=6), st.randoms(use_true_random=False), st.integers(0, 6))
def test_any_order_and_any_grouping_give_the_same_figures(found: list[dict[str, Any]], random: Any, cut: int) -> None:
    parts = [counters(document) for document in found]
    shuffled = random.sample(parts, len(parts))
    grouped = [added_up(shuffled[:cut]), added_up(shuffled[cut:])]
    assert facility_figures(added_up(grouped)) == facility_figures(added_up(parts))


@settings(deadline=None)
@given(documents)
def test_percentiles_rise_and_stay_within_what_was_measured(document: dict[str, Any]) -> None:
    found = figures(counters(document))
    if "latency" not in document:
        assert found.latency.p50 is None
        return
    latency, slowest = found.latency, found.max_latency
    percentiles = [latency.p50, latency.p90, latency.p95, latency.p99]
    known = [percentile for percentile in percentiles if percentile is not None]
    assert known == sorted(known)
    assert len(known) == 4
    assert slowest is not None
    assert known[-1] <= slowest.latency
    fastest = min(int(index) for index in document["latency"]["buckets"])
    assert known[0] >= min(round(bucket_latency_ns(fastest)), slowest.latency)


@settings(deadline=None)
@given(documents)
def test_every_figure_is_a_json_number_or_null(document: dict[str, Any]) -> None:
    found = facility_figures(counters(document))
    text = found.model_dump_json()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert FacilityFigures.model_validate_json(text) == found
