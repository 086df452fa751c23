"""While the database is away one question per back-off decides."""

from aggregator.outage import LONGEST_S, Outage
from aggregator.transaction import ConflictError, UnavailableError


class Database:
    def __init__(self) -> None:
        self.away, self.asked = True, 0

    def ping(self) -> None:
        self.asked += 1
        if self.away:
            raise UnavailableError("no") if self.asked % 2 else ConflictError("slow")


def test_without_an_outage_nothing_is_asked() -> None:
    database = Database()
    assert not Outage().is_over(1e9, database.ping)
    assert database.asked == 0


def test_questions_come_at_growing_intervals() -> None:
    outage, database, asked_at = Outage(), Database(), list[float]()
    outage.begin(100.0, "x")
    for tick in range(400):
        now, before = 100.0 + tick / 10, database.asked
        assert not outage.is_over(now, database.ping)
        if database.asked > before:
            asked_at.append(now)
    gaps = [round(later - sooner, 6) for sooner, later in zip([100.0, *asked_at], asked_at, strict=False)]
    assert gaps[:5] == [0.5, 1.0, 2.0, 4.0, LONGEST_S]
    assert set(gaps[5:]) == {LONGEST_S}


def test_it_is_over_once_when_an_answer_comes() -> None:
    outage, database = Outage(), Database()
    outage.begin(100.0, "x")
    database.away = False
    assert not outage.is_over(100.4, database.ping)
    assert outage.is_over(100.5, database.ping)
    assert not outage.ongoing
    assert not outage.is_over(200.0, database.ping)


def test_a_second_failure_does_not_begin_it_anew() -> None:
    outage = Outage()
    outage.begin(100.0, "x")
    outage.begin(107.0, "y")
    assert (outage.since, outage.ongoing) == (100.0, True)
    database = Database()
    outage.is_over(107.5, database.ping)
    assert database.asked == 1


def test_the_next_outage_begins_with_a_short_wait_again() -> None:
    outage, database = Outage(), Database()
    outage.begin(100.0, "x")
    for now in (101.0, 103.0, 106.0):
        outage.is_over(now, database.ping)
    database.away = False
    assert outage.is_over(120.0, database.ping)
    outage.begin(200.0, "y")
    assert outage.is_over(200.5, database.ping)
    assert outage.since == 200.0
