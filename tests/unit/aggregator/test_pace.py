"""How far apart flushes are: as asked for while caught up with the log, a share of the time while behind."""

from aggregator.pace import LONGEST_S, SHARE, Pace


def after(*seconds: float) -> Pace:
    pace = Pace(1.0)
    for each in seconds:
        pace.flushed(each)
    return pace


def test_caught_up_the_interval_is_what_was_asked_for() -> None:
    assert after(*[5.0] * 50).gather_s(24, behind=False) == 1.0


def test_behind_flushes_take_no_more_than_their_share() -> None:
    gather_s = after(*[0.02] * 50).gather_s(24, behind=True)
    assert 24 * 0.02 / gather_s <= SHARE * 1.01
    assert gather_s < LONGEST_S


def test_behind_it_is_never_shorter_than_asked_for_nor_without_end() -> None:
    assert after(0.0001).gather_s(1, behind=True) == 1.0
    assert after(*[3.0] * 50).gather_s(24, behind=True) == LONGEST_S
    assert Pace(60.0).gather_s(24, behind=True) == 60.0


def test_a_single_slow_flush_is_no_habit() -> None:
    assert after(*[0.01] * 50, 1.0).gather_s(4, behind=True) < after(*[1.0] * 50).gather_s(4, behind=True)
