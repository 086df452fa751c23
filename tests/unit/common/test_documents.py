"""How maps are keyed, latencies are grouped and percentiles are read off again."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import documents, progress
from common.documents import bucket_latency_ns, escape, latency_bucket, percentile_ns, unescape

TROUBLE = st.text(st.sampled_from("%.$\0253E04a"), max_size=12)
LATENCIES = st.integers(0, 86_400_000_000_000)


@given(st.one_of(st.text(max_size=20), TROUBLE))
def test_an_escaped_name_comes_back_and_can_stand_in_a_path(name: str) -> None:
    escaped = escape(name)
    assert unescape(escaped) == name
    assert escaped
    assert not set(escaped) & set(".$\0")


@given(TROUBLE, TROUBLE)
def test_two_names_never_share_an_escaped_form(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


def test_a_harmless_name_stays_as_it_is() -> None:
    assert escape("box 3/äöü") == "box 3/äöü"
    assert escape("a.b$c%d\0") == "a%2Eb%24c%25d%00"


@given(st.integers(1000, 86_400_000_000_000))
def test_a_latency_is_at_most_2_percent_from_what_stands_for_its_bucket(latency_ns: int) -> None:
    middle = bucket_latency_ns(latency_bucket(latency_ns))
    assert abs(middle - latency_ns) <= 0.02 * latency_ns * (1 + 1e-9)


@given(LATENCIES, LATENCIES)
def test_a_longer_latency_is_never_in_a_lower_bucket(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert latency_bucket(low) <= latency_bucket(high)


def test_everything_up_to_a_microsecond_shares_bucket_0() -> None:
    assert [latency_bucket(latency_ns) for latency_ns in (0, 1, 1000, 1001)] == [0, 0, 0, 1]
    assert latency_bucket(86_400_000_000_000) == math.ceil(math.log(86_400_000_000) / math.log(1.02 / 0.98))


@given(
    st.lists(LATENCIES.map(lambda ns: max(1000, ns)), min_size=1, max_size=50),
    st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1]),
)
def test_a_percentile_is_the_nearest_rank_to_2_percent_and_never_above_the_maximum(
    latencies: list[int], share: float
) -> None:
    buckets: dict[int, int] = {}
    for latency_ns in latencies:
        buckets[latency_bucket(latency_ns)] = buckets.get(latency_bucket(latency_ns), 0) + 1
    exact = sorted(latencies)[max(1, math.ceil(share * len(latencies))) - 1]
    found = percentile_ns(buckets, share, max(latencies))
    assert found is not None
    assert abs(found - exact) <= 0.02 * exact * (1 + 1e-9)
    assert found <= max(latencies)


def test_a_percentile_counts_ranks_over_empty_buckets_in_any_order() -> None:
    buckets = {400: 1, 0: 0, 300: 98, 200: 1}
    assert percentile_ns(buckets, 0.01, None) == bucket_latency_ns(200)
    assert percentile_ns(buckets, 0.02, None) == bucket_latency_ns(300)
    assert percentile_ns(buckets, 0.99, None) == bucket_latency_ns(300)
    assert percentile_ns(buckets, 1, None) == bucket_latency_ns(400)
    assert percentile_ns(buckets, 1, 5.0) == 5.0
    assert percentile_ns(buckets, 0, None) == bucket_latency_ns(200), "there is no rank below the first"


@pytest.mark.parametrize("buckets", [{}, {3: 0}])
def test_nothing_has_no_percentile(buckets: dict[int, int]) -> None:
    assert percentile_ns(buckets, 0.5, 1.0) is None


def test_measures_become_whole_micro_units() -> None:
    assert [documents.micro(measure) for measure in (0.1, 1e-6, 4.9e-7, 17280, 0.36996528)] == [
        100_000,
        1,
        0,
        17_280_000_000,
        369_965,
    ]


@given(st.integers(0, 10**15).map(lambda micro: micro / 1_000_000))
def test_a_measure_of_whole_micro_units_is_kept_exactly(measure: float) -> None:
    assert documents.micro(measure) / 1_000_000 == measure


def test_hours_and_days_begin_on_the_clock() -> None:
    moment = datetime(2025, 3, 25, 5, 47, 23, 483_992, tzinfo=UTC)
    assert documents.hour_of(moment) == datetime(2025, 3, 25, 5, tzinfo=UTC)
    assert documents.day_of(moment) == datetime(2025, 3, 25, tzinfo=UTC)


@given(st.integers(0, 4_000_000_000_000))
def test_a_log_time_is_exact_to_the_millisecond(epoch_ms: int) -> None:
    moment = progress.moment_of(epoch_ms)
    assert (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == epoch_ms
    assert moment.microsecond % 1000 == 0


def test_identities_name_topic_and_partition() -> None:
    assert progress.position_id("t", 3) == "t:3"
    assert progress.session_id("t", 3, "s") == "t:3:s"
    assert progress.quarantine_id("t", 3, 17) == "t:3:17"
