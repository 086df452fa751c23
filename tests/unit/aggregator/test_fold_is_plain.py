"""The fold that is fast is the plain one: the same documents, counter by counter."""

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from aggregator.changes import Change
from aggregator.fold import PackBatch
from aggregator.records import Foldable, Source
from common.events import PackEvent, decode, encode
from tests.support.made_events import START, START_MS, box, pack, session_at
from tests.support.made_packs import Facility
from tests.support.plain_fold import plain_fold

MS = timedelta(milliseconds=1)


def without_zeros(change: Change) -> Change:
    """A counter that is 0 is as good as absent."""
    counts, sums = ({path: by for path, by in each.items() if by} for each in (change.counts, change.sums))
    return Change(counts, sums, change.minima, change.maxima, change.constants)


def assert_folded_as_plainly(events: list[tuple[PackEvent, int]]) -> None:
    batch = PackBatch(3)
    for event, later_ms in events:
        source = Source(event.session, event.seq)
        batch.add(Foldable(source, event.keystem, "pack", event.occurred_at, event), START_MS + later_ms)
    plain = plain_fold(((event, START + later_ms * MS) for event, later_ms in events), 3)
    found = {key: without_zeros(change) for key, change in batch.changes().documents.items()}
    wanted = {key: without_zeros(change) for key, change in plain.items()}
    # A list that comes twice in a batch keeps what its first one said.
    assert found == wanted


@given(st.integers(0, 2**32))
def test_any_packs_are_folded_as_plainly(seed: int) -> None:
    chance = Random(seed)
    packs = [decode(encode(event)) for event in Facility(seed).packs()]
    shuffled = chance.choices(packs, k=2 * len(packs))
    assert_folded_as_plainly(
        [(event, chance.choice((0, 1, 3_600_000))) for event in shuffled if isinstance(event, PackEvent)]
    )


def test_what_is_known_to_be_nothing_and_what_is_negative_is_folded_as_plainly() -> None:
    session = session_at()
    rows = [box(price_cents=-5, material_cents=5), box(price_cents=5, material_cents=-5, count=0), box(count=0)]
    nothing = dict.fromkeys(("items", "units", "boxes", "leftovers", "items_asked"), 0)
    assert_folded_as_plainly(
        [
            (pack(session, 1, box_rows=rows, cost_cents=-7), 0),
            (pack(session, 2, box_rows=rows, cost_cents=7, box_types={"1": 0}), 0),
            (pack(session, 3, **nothing), 0),  # type: ignore[arg-type]  # mypy takes them for the keystem
            (pack(session, 4, latency_ns=600_000_001, occurred_at=START + timedelta(microseconds=900)), 0),
            (pack(session, 5, latency_ns=600_000_001, occurred_at=START + timedelta(microseconds=400)), 0),
        ]
    )
