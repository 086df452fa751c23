"""The fold as one would write it down: every event on its own, every counter where it is raised, nothing kept between.

What the aggregator folds fast is compared with this, document by document.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, log

import msgspec

from aggregator.changes import Change, Id
from aggregator.hour import LongestLatency
from common import documents
from common.documents import escape
from common.events import CACHE_STATES, OTHER, OUTCOMES, BoxRow, PackEvent, event_id

NANO = 1_000_000_000
UNANSWERED = frozenset({"unreachable", "timed_out", "unreadable"})


def plain_fold(events: Iterable[tuple[PackEvent, datetime]], partition: int) -> dict[tuple[str, Id], Change]:
    """What events, each with the log's time, do to documents."""
    made: dict[tuple[str, Id], Change] = {}
    for event, log_time in events:
        _fold(made, event, log_time, partition)
    return made


def _fold(made: dict[tuple[str, Id], Change], event: PackEvent, log_time: datetime, partition: int) -> None:
    suspect = not log_time - timedelta(days=45) <= event.occurred_at <= log_time + timedelta(hours=1)
    moment = log_time if suspect else event.occurred_at.astimezone(UTC)
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    begins, day = documents.hour_of(moment), documents.day_of(moment)

    def of(collection: str, identity: Id, **constants: object) -> Change:
        return made.setdefault((collection, identity), Change(constants=constants))

    whole = Change()
    if suspect:
        whole.count("clock_suspect")
    fold_request(whole, event, moment)
    cartons = Change()
    if event.outcome == "packed":
        fold_totals(whole, event)
        fold_engine(whole, event)
        fold_priced(whole, event)
        if event.offered_hash is not None:
            cartons.count(f"offered.{escape(event.offered_hash)}")
        for row in event.box_rows:
            fold_row(whole, row)
            fold_carton(cartons, f"cartons.{escape(row.carton)}.", row)
    of(documents.KEYDATA_HOURS, (("k", event.keystem), ("h", begins)), hour=begins).absorb(whole)
    of(documents.KEYDATA, event.keystem, partition=partition).absorb(whole)
    of(documents.TOTALS, partition).absorb(whole)
    of(documents.TOTALS_HOURS, (("p", partition), ("h", begins)), hour=begins).absorb(whole, extremes=False)
    if cartons.counts:
        of(documents.CARTON_DAYS, (("k", event.keystem), ("d", day)), day=day).absorb(cartons)
        of(documents.KEYDATA, event.keystem).absorb(cartons)
    if event.offered is not None and event.offered_hash is not None:
        offered = {"cartons": msgspec.to_builtins(event.offered), "from": event.offered_from}
        identity = (("k", event.keystem), ("hash", event.offered_hash))
        of(documents.CARTON_LISTS, identity, **offered).lower("first_seen", moment)


def fold_request(change: Change, event: PackEvent, moment: datetime) -> None:
    """What is counted of every request, whatever became of it."""
    change.count("requests")
    change.count(f"outcomes.{event.outcome if event.outcome in OUTCOMES else OTHER}")
    change.count(f"cache.{event.cache if event.cache in CACHE_STATES else OTHER}")
    change.count("attempts", event.attempts)
    change.lower("first_seen", moment)
    change.raise_to("last_seen", moment)
    if event.proxy_ns is not None:
        _distribution(change, "proxy", event.proxy_ns)
    if event.outcome in UNANSWERED:
        return
    change.count(f"statuses.{event.status or 0}")  # always: with the unanswered ones they add up to the requests
    if event.latency_ns is not None and event.cache != "hit":
        _distribution(change, "latency", event.latency_ns)
        identity = event_id(event.session, event.partition, event.seq)
        change.raise_to(documents.LATENCY_MAX, LongestLatency(event.latency_ns, moment, event.keystem, identity))


def fold_totals(change: Change, event: PackEvent) -> None:
    """What is counted of a pack as a whole."""
    change.count("packs")
    if event.items is not None:
        change.count("items", event.items)
        change.count("items_n")
    for path, number in (
        ("units", event.units),
        ("boxes", event.boxes),
        ("leftovers", event.leftovers),
        ("items_asked", event.items_asked),
    ):
        if number is not None:
            change.count(path, number)
    for path, measure in (
        ("volume", event.volume),
        ("volume_used", event.volume_used),
        ("volume_net", event.volume_net),
        ("weight", event.weight),
    ):
        if measure is not None:
            change.add(path, documents.micro(measure))
    if event.utilization is not None:
        _utilization(change, documents.micro(event.utilization))
    for ref_id, boxes in (event.box_types or {}).items():
        change.count(f"box_types.{escape(ref_id)}", boxes)
    _shape(change, event)


def _utilization(change: Change, share: int) -> None:
    change.count("utilization.n")
    change.add("utilization.sum", share)
    change.add("utilization.sum_sq", share * share)
    change.count(f"utilization.bins.{min(19, share * 20 // documents.MICRO)}")


def _shape(change: Change, event: PackEvent) -> None:
    if event.boxes is not None:
        change.count("no_box" if event.boxes == 0 else "one_box" if event.boxes == 1 else "split")
    if event.leftovers:
        change.count("with_leftovers")
    if event.order_hash is not None:
        change.count("with_order")
    if event.images:
        change.count("with_images")


def fold_engine(change: Change, event: PackEvent) -> None:
    """What Paccurate says of its own work."""
    if event.engine_version is not None:
        change.count(f"engines.{escape(event.engine_version)}")
    for path, seconds in (("pack_time", event.pack_s), ("render_time", event.render_s)):
        if seconds is not None:
            change.count(f"{path}.n")
            change.add(f"{path}.sum", round(seconds * NANO))


def fold_priced(change: Change, event: PackEvent) -> None:
    """Money, of packs that have any: a box without price or rate reports its volume as price, which is none."""
    if event.cost_cents is None:
        return
    priced = [row for row in event.box_rows if row.price_cents is not None]
    change.count("priced.packs")
    change.count("priced.cost_cents", event.cost_cents)
    change.count("priced.boxes", sum(row.count for row in priced))
    change.count("priced.items", sum(row.items or 0 for row in priced))
    change.count("priced.material_cents", sum(row.material_cents or 0 for row in priced))
    change.add("priced.volume_net", sum(documents.micro(row.volume_net or 0) for row in priced))


def _distribution(change: Change, path: str, duration_ns: int) -> None:
    change.count(f"{path}.n")
    change.add(f"{path}.sum", duration_ns)
    change.count(f"{path}.buckets.{latency_bucket(duration_ns)}")


def fold_row(change: Change, row: BoxRow) -> None:
    """What is counted of boxes whatever their kind: emptiness, dimensional weight, and which limit they meet first."""
    _emptiness(change, "", row)
    _dimensional(change, "", row)
    if row.weight is None:
        return
    dim_weight = row.dim_weight or 0.0
    change.add("billable_weight", max(ceil(row.weight) * documents.MICRO, documents.micro(dim_weight)))
    if row.weight_max is None or row.weight_max <= 0:
        return
    weight, weight_max = documents.micro(row.weight), documents.micro(row.weight_max)
    change.count("weight_limited.boxes", row.count)
    change.add("weight_limited.weight", weight)
    change.add("weight_limited.weight_max", weight_max)
    if (
        row.volume
        and row.volume_used is not None
        and documents.micro(row.volume_used) * weight_max >= weight * documents.micro(row.volume)
    ):
        change.count("cube_out", row.count)


def fold_carton(change: Change, prefix: str, row: BoxRow) -> None:
    """What is counted of one kind of carton; `prefix` is its path, with the dot."""
    change.count(f"{prefix}count", row.count)
    if row.items is not None:
        change.count(f"{prefix}items", row.items)
    for name, measure in (
        ("volume", row.volume),
        ("volume_used", row.volume_used),
        ("volume_net", row.volume_net),
        ("weight", row.weight),
    ):
        if measure is not None:
            change.add(f"{prefix}{name}", documents.micro(measure))
    if row.price_cents is not None:
        change.count(f"{prefix}priced", row.count)
        change.count(f"{prefix}cost_cents", row.price_cents)
    if row.material_cents is not None:
        change.count(f"{prefix}material_cents", row.material_cents)
    _emptiness(change, prefix, row)
    _dimensional(change, prefix, row)


def _emptiness(change: Change, prefix: str, row: BoxRow) -> None:
    volume = documents.micro(row.volume or 0)
    if volume and row.volume_net is not None:
        change.count(f"{prefix}empty_bins.{_empty_bin(volume, documents.micro(row.volume_net))}", row.count)


def _dimensional(change: Change, prefix: str, row: BoxRow) -> None:
    if row.dim_billed:
        change.count(f"{prefix}dim_billed", row.count)
    if row.dim_weight is not None and row.weight is not None and row.dim_weight > row.weight:
        change.add(f"{prefix}dim_excess", documents.micro(row.dim_weight) - documents.micro(row.weight))


def _empty_bin(volume: int, volume_net: int) -> int:
    return max(0, ceil(20 * max(Fraction(0), Fraction(volume - volume_net, volume))) - 1)


def latency_bucket(latency_ns: int) -> int:
    return ceil(log(max(1.0, latency_ns / 1000)) / log(documents.GAMMA))
