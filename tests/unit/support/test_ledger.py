"""The comparison of replies, log and documents notices every way in which they can disagree."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from msgspec import structs

from common.documents import hour_of
from common.events import PackEvent, event_id
from tests.support.ledger import Counted, Ledger, differences, recomputed

SESSION = "0190a5d2-1111-7111-8111-111111111111"
MOMENT = datetime(2025, 3, 25, 5, 47, tzinfo=UTC)
HOUR = hour_of(MOMENT)


def pack(seq: int, request_id: str, keystem: str = "a") -> PackEvent:
    return PackEvent(
        schema=1,
        session=SESSION,
        partition=0,
        seq=seq,
        keystem=keystem,
        request_id=request_id,
        occurred_at=MOMENT,
        latency_ns=5,
        outcome="packed",
        status=200,
        items=3,
        volume=1.5,
    )


def replied(ledger: Ledger, request_id: str, seq: int | None) -> None:
    """A request of keystem `a` whose reply promised that event; without one, a reply that promised nothing."""
    entry = ledger.intend(request_id, "a")
    entry.status, entry.event_id = 200, None if seq is None else event_id(SESSION, 0, seq)


@pytest.fixture
def ledger() -> Ledger:
    """Two replies, one request without."""
    ledger = Ledger()
    replied(ledger, "r1", 1)
    replied(ledger, "r2", 2)
    ledger.intend("r3", "a")
    return ledger


EVENTS = [pack(1, "r1"), pack(2, "r2")]


def counted(*events: PackEvent) -> Counted:
    """Documents that hold these events, one that is named twice counted twice: documents know no identities."""
    return recomputed(structs.replace(event, seq=number) for number, event in enumerate(events, 1))


def test_exact_is_no_difference(ledger: Ledger) -> None:
    assert differences(ledger, EVENTS, counted(*EVENTS)) == []


def test_request_without_reply_may_be_counted_once(ledger: Ledger) -> None:
    events = [*EVENTS, pack(3, "r3")]
    assert differences(ledger, events, counted(*events)) == []


def test_event_that_is_twice_in_the_log_counts_once(ledger: Ledger) -> None:
    assert differences(ledger, [*EVENTS, EVENTS[0]], counted(*EVENTS)) == []


def test_promised_event_that_is_not_in_the_log(ledger: Ledger) -> None:
    assert differences(ledger, EVENTS[:1], counted(*EVENTS[:1])) == [
        f"request r2: replied with event {SESSION}.0.2, in the log are []"
    ]


def test_promised_event_that_is_counted_under_a_second_identity_too(ledger: Ledger) -> None:
    events = [*EVENTS, pack(3, "r1")]
    (found,) = differences(ledger, events, counted(*events))
    assert found.startswith("request r1")


def test_request_without_reply_that_is_in_the_log_twice(ledger: Ledger) -> None:
    events = [*EVENTS, pack(3, "r3"), pack(4, "r3")]
    (found,) = differences(ledger, events, counted(*events))
    assert found.startswith("request r3: not replied, and in the log more than once")


def test_reply_without_a_promise_that_is_in_the_log(ledger: Ledger) -> None:
    replied(ledger, "r4", None)
    events = [*EVENTS, pack(4, "r4")]
    (found,) = differences(ledger, events, counted(*events))
    assert found.startswith("request r4: replied 200 without an event")


@pytest.mark.parametrize(
    ("event", "says"),
    [(pack(9, "nobody's"), "was never sent"), (pack(9, "r3", keystem="b"), "is of keystem b, its request of a")],
)
def test_event_that_nobody_asked_for(ledger: Ledger, event: PackEvent, says: str) -> None:
    events = [*EVENTS, event]
    (found,) = differences(ledger, events, counted(*events))
    assert says in found


def lose_items(documents: Counted) -> None:
    documents.keystems["a"]["items"] -= 1


def lose_in_an_hour(documents: Counted) -> None:
    documents.hours["a", HOUR]["requests"] -= 1


def double_in_all(documents: Counted) -> None:
    documents.everything["volume"] *= 2


def double_in_an_hour_of_all(documents: Counted) -> None:
    documents.everything_hours[HOUR]["latency.sum"] *= 2


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lose_items, "keystem a: the documents differ from the log by items -1"),
        (lose_in_an_hour, f"hour ('a', {HOUR!r}): the documents differ from the log by requests -1"),
        (double_in_all, "in all : the documents differ from the log by volume +3000000"),
        (double_in_an_hour_of_all, f"hour of all {HOUR}: the documents differ from the log by latency.sum +10"),
    ],
)
def test_document_that_is_not_what_the_log_adds_up_to(
    ledger: Ledger, spoil: Callable[[Counted], None], found: str
) -> None:
    documents = counted(*EVENTS)
    spoil(documents)
    assert differences(ledger, EVENTS, documents) == [found]


def test_event_that_is_counted_twice(ledger: Ledger) -> None:
    found = differences(ledger, EVENTS, counted(*EVENTS, EVENTS[0]))
    assert len(found) == 4
    assert all("requests +1" in each for each in found)
