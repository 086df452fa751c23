"""Every counter of a pack: what raises it, and what does not."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from aggregator.changes import Change, Changes, Id
from aggregator.fold import PackBatch, bounded_moment
from aggregator.hour import LongestLatency
from aggregator.records import Foldable, Source
from common import documents
from common.events import OfferedCarton, PackEvent
from tests.support.made_events import HOUR_MS, START, START_MS, box, pack, session_at

SESSION = session_at()
HOUR = datetime(2025, 3, 25, 5, tzinfo=UTC)
DAY = datetime(2025, 3, 25, tzinfo=UTC)
STEM = "stem0001"


def folded(*events: PackEvent, log_ms: int = START_MS, partition: int = 0) -> Changes:
    batch = PackBatch(partition)
    for event in events:
        batch.add(Foldable(Source(event.session, event.seq), event.keystem, "pack", event.occurred_at, event), log_ms)
    return batch.changes()


def lifetime(*events: PackEvent, log_ms: int = START_MS) -> Change:
    return folded(*events, log_ms=log_ms).documents[documents.KEYDATA, STEM]


def counts(**changed: Any) -> dict[str, int]:
    return lifetime(pack(SESSION, 1, **changed)).counts


def sums(**changed: Any) -> dict[str, int]:
    return lifetime(pack(SESSION, 1, **changed)).sums


def test_a_whole_pack_raises_these_counters_and_no_others() -> None:
    change = lifetime(pack(SESSION, 1, order_hash="o", images=True, leftovers=2))
    assert change.counts == {
        "requests": 1,
        "packs": 1,
        "outcomes.packed": 1,
        "statuses.200": 1,
        "cache.off": 1,
        "attempts": 1,
        "items": 5,
        "items_n": 1,
        "units": 4,
        "boxes": 1,
        "leftovers": 2,
        "items_asked": 5,
        "utilization.n": 1,
        "utilization.bins.12": 1,
        "one_box": 1,
        "with_leftovers": 1,
        "with_order": 1,
        "with_images": 1,
        "pack_time.n": 1,
        "render_time.n": 1,
        "engines.1%2E9%2E2": 1,
        "priced.packs": 1,
        "priced.boxes": 1,
        "priced.items": 5,
        "priced.cost_cents": 500,
        "priced.material_cents": 50,
        "empty_bins.9": 1,
        "dim_billed": 1,
        "weight_limited.boxes": 1,
        "cube_out": 1,
        "latency.n": 1,
        "latency.buckets.333": 1,
        "proxy.n": 1,
        "proxy.buckets.150": 1,
        "box_types.3": 1,
        "offered.0123abcd": 1,
        "cartons.small.count": 1,
        "cartons.small.items": 5,
        "cartons.small.priced": 1,
        "cartons.small.cost_cents": 500,
        "cartons.small.material_cents": 50,
        "cartons.small.empty_bins.9": 1,
        "cartons.small.dim_billed": 1,
    }
    assert change.sums == {
        "volume": 100_000_000,
        "volume_used": 60_000_000,
        "volume_net": 50_000_000,
        "weight": 10_500_000,
        "utilization.sum": 600_000,
        "utilization.sum_sq": 360_000_000_000,
        "pack_time.sum": 1_500_000,
        "render_time.sum": 250_000_000,
        "priced.volume_net": 50_000_000,
        "dim_excess": 1_500_000,
        "billable_weight": 12_000_000,
        "weight_limited.weight": 10_500_000,
        "weight_limited.weight_max": 50_000_000,
        "latency.sum": 600_000_001,
        "proxy.sum": 400_000,
        "cartons.small.volume": 100_000_000,
        "cartons.small.volume_used": 60_000_000,
        "cartons.small.volume_net": 50_000_000,
        "cartons.small.weight": 10_500_000,
        "cartons.small.dim_excess": 1_500_000,
    }
    moment = START + timedelta(seconds=1)
    assert change.minima == {"first_seen": moment}
    assert change.maxima == {
        "last_seen": moment,
        documents.LATENCY_MAX: LongestLatency(600_000_001, moment, STEM, f"{SESSION}.0.1"),
    }


def test_a_pack_goes_into_its_hour_day_lifetime_and_the_totals() -> None:
    changes = folded(pack(SESSION, 1), partition=3)
    identities: dict[str, Id] = dict(changes.documents.keys())
    assert identities == {
        documents.KEYDATA: STEM,
        documents.KEYDATA_HOURS: (("k", STEM), ("h", HOUR)),
        documents.CARTON_DAYS: (("k", STEM), ("d", DAY)),
        documents.TOTALS: 3,
        documents.TOTALS_HOURS: (("p", 3), ("h", HOUR)),
    }
    by_name = {collection: change for (collection, _), change in changes.documents.items()}
    assert by_name[documents.KEYDATA].constants == {"partition": 3}
    assert by_name[documents.KEYDATA_HOURS].constants == {"hour": HOUR}
    assert by_name[documents.TOTALS_HOURS].constants == {"hour": HOUR}
    assert by_name[documents.CARTON_DAYS].constants == {"day": DAY}


def test_cartons_stay_out_of_hours_and_totals_and_extremes_out_of_total_hours() -> None:
    by_name = {collection: change for (collection, _), change in folded(pack(SESSION, 1)).documents.items()}
    for name in (documents.KEYDATA_HOURS, documents.TOTALS, documents.TOTALS_HOURS):
        assert not any(path.startswith(("cartons.", "offered.")) for path in by_name[name].counts)
        assert by_name[name].counts["box_types.3"] == 1
    assert set(by_name[documents.CARTON_DAYS].counts) == {
        path for path in by_name[documents.KEYDATA].counts if path.startswith(("cartons.", "offered."))
    }
    assert by_name[documents.TOTALS].maxima.keys() == {"last_seen", documents.LATENCY_MAX}
    assert (by_name[documents.TOTALS_HOURS].minima, by_name[documents.TOTALS_HOURS].maxima) == ({}, {})


@pytest.mark.parametrize("outcome", ["refused", "failed", "unreachable", "timed_out", "unreadable", "postponed"])
def test_what_is_no_pack_counts_as_a_request_alone(outcome: str) -> None:
    found = counts(outcome=outcome, status=502)
    assert found["requests"] == 1
    assert found[f"outcomes.{'other' if outcome == 'postponed' else outcome}"] == 1
    for path in ("packs", "items", "boxes", "box_types.3", "engines.1%2E9%2E2", "priced.packs", "dim_billed"):
        assert path not in found
    assert not any(path.startswith(("cartons", "offered")) for path in found)
    assert "volume" not in sums(outcome=outcome)


@pytest.mark.parametrize("outcome", ["unreachable", "timed_out", "unreadable"])
def test_no_usable_answer_has_no_status_and_no_latency(outcome: str) -> None:
    found = counts(outcome=outcome, status=200)
    assert not any(path.startswith(("statuses", "latency")) for path in found)


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"outcome": "refused", "status": 422}, "statuses.422"),
        ({"outcome": "postponed", "status": 202}, "statuses.202"),
        ({"outcome": "packed", "status": None}, "statuses.0"),
    ],
)
def test_statuses_and_unanswered_requests_add_up_to_all(changed: dict[str, Any], path: str) -> None:
    assert counts(**changed)[path] == 1


def test_latency_is_of_usable_answers_that_were_no_cache_hits() -> None:
    for changed in ({"cache": "hit"}, {"latency_ns": None}):
        change = lifetime(pack(SESSION, 1, **changed))
        assert "latency.n" not in change.counts
        assert documents.LATENCY_MAX not in change.maxima
    for changed in ({"cache": "miss"}, {"cache": "stale"}, {"outcome": "refused"}):
        assert counts(**changed)["latency.n"] == 1


@pytest.mark.parametrize(
    ("cache", "path"), [("hit", "cache.hit"), ("uncacheable", "cache.uncacheable"), ("lukewarm", "cache.other")]
)
def test_unknown_cache_states_are_others(cache: str, path: str) -> None:
    assert counts(cache=cache)[path] == 1


def test_the_proxys_own_time_is_of_every_request_that_has_it() -> None:
    assert counts(outcome="unreachable", proxy_ns=5)["proxy.buckets.0"] == 1
    assert "proxy.n" not in counts(proxy_ns=None)


def test_attempts_add_up() -> None:
    assert counts(attempts=3)["attempts"] == 3


@pytest.mark.parametrize("name", ["items", "units", "boxes", "leftovers", "items_asked"])
def test_an_unknown_count_is_no_zero(name: str) -> None:
    found = counts(**{name: None})
    assert name not in found
    assert ("items_n" in found) == (name != "items")


@pytest.mark.parametrize("name", ["volume", "volume_used", "volume_net", "weight"])
def test_an_unknown_measure_is_no_zero(name: str) -> None:
    assert name not in sums(**{name: None})


@pytest.mark.parametrize(
    ("utilization", "number"),
    [(0.0, 0), (0.049999, 0), (0.05, 1), (0.999999, 19), (1.0, 19), (1.000001, 19)],
)
def test_utilization_falls_into_twentieths(utilization: float, number: int) -> None:
    assert counts(utilization=utilization)[f"utilization.bins.{number}"] == 1
    share = round(utilization * 1_000_000)
    assert sums(utilization=utilization).get("utilization.sum_sq", 0) == share * share


def test_an_unknown_utilization_is_not_averaged() -> None:
    assert "utilization.n" not in counts(utilization=None)


@pytest.mark.parametrize(("boxes", "path"), [(0, "no_box"), (1, "one_box"), (2, "split"), (64, "split")])
def test_a_pack_is_of_no_box_one_or_split(boxes: int, path: str) -> None:
    assert {name for name in counts(boxes=boxes) if name in {"no_box", "one_box", "split"}} == {path}


def test_what_a_pack_has_not_is_not_counted() -> None:
    found = counts(
        boxes=None, leftovers=0, order_hash=None, images=False, engine_version=None, pack_s=None, render_s=None
    )
    for path in ("no_box", "one_box", "split", "with_leftovers", "with_order", "with_images", "pack_time.n"):
        assert path not in found
    assert not any(path.startswith(("engines", "render_time")) for path in found)


def test_money_is_of_priced_boxes_in_priced_packs_alone() -> None:
    rows = [
        box(),
        box(price_cents=None, volume_net=7.0),
        box(items=None, volume_net=None, material_cents=None, count=3),
    ]
    change = lifetime(pack(SESSION, 1, box_rows=rows, cost_cents=1000))
    priced = {path: value for path, value in (change.counts | change.sums).items() if path.startswith("priced")}
    assert priced == {
        "priced.packs": 1,
        "priced.boxes": 4,
        "priced.items": 5,
        "priced.cost_cents": 1000,
        "priced.material_cents": 50,
        "priced.volume_net": 50_000_000,
    }
    assert not any(path.startswith("priced") for path in counts(cost_cents=None))


@pytest.mark.parametrize("name", ["", "a.b$c", "%", "\0", "ä" * 64, "0"])
def test_hostile_names_become_paths_without_holes(name: str) -> None:
    found = counts(
        box_types={name: 2}, engine_version=name, offered_hash=name, box_rows=[box(carton=name, ref_id=name)]
    )
    escaped = documents.escape(name)
    for path in (f"box_types.{escaped}", f"engines.{escaped}", f"offered.{escaped}", f"cartons.{escaped}.count"):
        assert path in found
    assert all(all(part and not part.startswith("$") for part in path.split(".")) for path in found)


def test_an_offered_list_is_kept_with_when_it_was_first_seen() -> None:
    offered = [OfferedCarton(name="small", dims=(1.0, 2.0, 3.0)), OfferedCarton(ref_id="7")]
    later, earlier = (pack(SESSION, seq, offered=offered, offered_from="request") for seq in (9, 2))
    change = folded(later, earlier).documents[documents.CARTON_LISTS, (("k", STEM), ("hash", "0123abcd"))]
    assert change.constants == {
        "cartons": [{"name": "small", "dims": (1.0, 2.0, 3.0)}, {"ref_id": "7"}],
        "from": "request",
    }
    assert change.minima == {"first_seen": START + timedelta(seconds=2)}


@pytest.mark.parametrize("changed", [{"offered": None}, {"offered_hash": None}])
def test_a_list_without_hash_or_a_hash_without_list_is_not_kept(changed: dict[str, Any]) -> None:
    event = pack(SESSION, 1, **({"offered": [OfferedCarton(name="x")]} | changed))
    assert documents.CARTON_LISTS not in {collection for collection, _ in folded(event).documents}


def test_a_pack_without_boxes_and_list_has_no_day() -> None:
    event = pack(SESSION, 1, offered_hash=None, box_rows=[])
    assert documents.CARTON_DAYS not in {collection for collection, _ in folded(event).documents}


def test_the_mean_latency_is_set_anew_for_each_keystem_touched_once() -> None:
    [derived] = folded(pack(SESSION, 1), pack(SESSION, 2), pack(SESSION, 3, "other")).derived
    assert (derived.collection, derived.ids) == (documents.KEYDATA, [STEM, "other"])
    assert folded().derived == []


def test_a_batch_grows_with_what_it_will_write() -> None:
    batch = PackBatch(0)
    sizes = [batch.size_bytes()]
    for seq, changed in enumerate(({}, {"keystem": "other"}, {"offered": [OfferedCarton(name="x")] * 50}), 1):
        event = pack(SESSION, seq, **changed)  # type: ignore[arg-type]  # mypy takes them for the keystem
        batch.add(Foldable(Source(SESSION, seq), event.keystem, "pack", event.occurred_at, event), START_MS)
        sizes.append(batch.size_bytes())
    assert sizes[0] == 0
    assert sizes == sorted(set(sizes))


# --- when ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behind", "suspect"),
    [
        (timedelta(0), False),
        (timedelta(days=45), False),
        (timedelta(days=45, milliseconds=1), True),
        (timedelta(hours=-1), False),
        (timedelta(hours=-1, milliseconds=-1), True),
    ],
)
def test_a_moment_far_from_the_logs_own_time_is_suspect(behind: timedelta, suspect: bool) -> None:
    assert bounded_moment(START - behind, START) == (START if suspect else START - behind, suspect)
    event = pack(SESSION, 1, occurred_at=START - behind)
    assert lifetime(event).counts.get("clock_suspect", 0) == suspect


def test_a_suspect_pack_is_counted_in_the_hour_of_the_log() -> None:
    event = pack(SESSION, 1, occurred_at=datetime(1, 1, 1, tzinfo=UTC))
    changes = folded(event, log_ms=START_MS + HOUR_MS)
    assert (documents.KEYDATA_HOURS, (("k", STEM), ("h", HOUR + timedelta(hours=1)))) in changes.documents


def test_a_moment_is_kept_to_the_millisecond_as_the_database_does() -> None:
    moment, _ = bounded_moment(START.replace(microsecond=483_992), START)
    assert moment.microsecond == 483_000


def test_an_offset_of_the_clock_is_no_difference() -> None:
    from_afar = START.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert bounded_moment(from_afar, START) == (START, False)
    assert bounded_moment(from_afar, START)[0].tzinfo is UTC
