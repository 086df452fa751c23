"""A partition that stands still is noticed; one that is caught up is not blamed for silence."""

from aggregator.watchdog import SAME_PLACE, SILENCE_S, Watchdog


def test_silence_while_behind_is_noticed_after_a_while() -> None:
    watchdog = Watchdog(100.0)
    assert not watchdog.is_silent(100.0 + SILENCE_S - 0.1, behind=True)
    assert watchdog.is_silent(100.0 + SILENCE_S, behind=True)


def test_time_spent_caught_up_does_not_count() -> None:
    watchdog = Watchdog(100.0)
    assert not watchdog.is_silent(500.0, behind=False)
    assert not watchdog.is_silent(500.0 + SILENCE_S - 0.1, behind=True)
    assert watchdog.is_silent(500.0 + SILENCE_S, behind=True)


def test_a_record_ends_the_silence_and_what_was_held_against_it() -> None:
    watchdog = Watchdog(100.0)
    assert [watchdog.restarted(110.0), watchdog.restarted(120.0)] == [1, 2]
    watchdog.gap_at(7)
    watchdog.heard(130.0)
    assert watchdog.received
    assert not watchdog.is_silent(130.0 + SILENCE_S - 1, behind=True)
    assert watchdog.restarted(140.0) == 1
    assert [watchdog.gap_at(7) for _ in range(SAME_PLACE)] == [False] * (SAME_PLACE - 1) + [True]


def test_fetching_anew_gives_it_time_and_forgets_what_it_had_received() -> None:
    watchdog = Watchdog(100.0)
    watchdog.heard(100.0)
    watchdog.refetched(150.0)
    assert not watchdog.received
    assert not watchdog.is_silent(150.0 + SILENCE_S - 1, behind=True)


def test_gaps_are_counted_by_place() -> None:
    watchdog = Watchdog(0.0)
    assert [watchdog.gap_at(7), watchdog.gap_at(8), watchdog.gap_at(7), watchdog.gap_at(7)] == [
        False,
        False,
        False,
        True,
    ]
