"""Which records count as folded, and when a session is forgotten."""

from datetime import timedelta

from aggregator.batches import SessionState
from aggregator.records import Source
from aggregator.sessions import DAY_MS, Sessions
from common.seen import Seen
from tests.support.made_events import START, START_MS, session_at

ONE, OTHER = session_at(), session_at()


def test_what_was_remembered_was_seen() -> None:
    sessions = Sessions({ONE: SessionState(Seen(2), 7)})
    assert [sessions.has_seen(Source(ONE, seq)) for seq in (1, 2, 3)] == [True, True, False]
    sessions.remember(Source(ONE, 4), 5)
    sessions.remember(Source(OTHER, 1), 9)
    assert sessions.has_seen(Source(ONE, 4))
    assert sessions.states == {ONE: SessionState(Seen(2, [[4, 4]]), 7), OTHER: SessionState(Seen(1), 9)}


def test_only_what_changed_is_written_and_only_once() -> None:
    sessions = Sessions({ONE: SessionState(Seen(2), 7)})
    sessions.remember(Source(OTHER, 1), 9)
    assert sessions.take(9) == ({OTHER: SessionState(Seen(1), 9)}, [])
    assert sessions.take(9) == ({}, [])


def test_what_is_written_does_not_change_any_more() -> None:
    sessions = Sessions({})
    sessions.remember(Source(ONE, 1), 9)
    changed, _ = sessions.take(9)
    sessions.remember(Source(ONE, 2), 10)
    assert changed == {ONE: SessionState(Seen(1), 9)}


def test_a_session_leaves_60_days_after_its_last_record_and_not_before() -> None:
    states = {ONE: SessionState(Seen(1), START_MS)}
    last = START_MS + 60 * DAY_MS
    assert Sessions(dict(states)).take(last) == ({}, [])
    sessions = Sessions(dict(states))
    assert sessions.take(last + 1) == ({}, [ONE])
    assert sessions.states == {}
    assert sessions.take(last + 1) == ({}, [])


def test_a_session_is_let_go_at_a_record_just_as_at_the_end_of_a_batch() -> None:
    sessions = Sessions({ONE: SessionState(Seen(1), START_MS)})
    sessions.let_go(ONE, START_MS + 60 * DAY_MS)
    assert ONE in sessions.states
    sessions.let_go(ONE, START_MS + 60 * DAY_MS + 1)
    assert ONE not in sessions.states
    sessions.let_go(ONE, START_MS + 61 * DAY_MS)
    assert sessions.take(START_MS) == ({}, [ONE])


def test_a_session_that_changed_and_left_is_removed_alone() -> None:
    sessions = Sessions({})
    sessions.remember(Source(ONE, 1), START_MS)
    assert sessions.take(START_MS + 61 * DAY_MS) == ({}, [ONE])


def test_a_session_that_left_and_came_back_is_written_and_not_removed() -> None:
    sessions = Sessions({ONE: SessionState(Seen(7), START_MS)})
    now = START_MS + 61 * DAY_MS
    sessions.let_go(ONE, now)
    sessions.remember(Source(ONE, 9), now)
    assert sessions.take(now) == ({ONE: SessionState(Seen(0, [[9, 9]]), now)}, [])


def test_an_old_session_that_is_unknown_may_have_left() -> None:
    sessions = Sessions({ONE: SessionState(Seen(1), START_MS)})
    late = START_MS + 45 * DAY_MS
    assert not sessions.may_have_left(OTHER, late)
    assert sessions.may_have_left(OTHER, late + 1)
    assert not sessions.may_have_left(ONE, late + 1)
    assert not sessions.may_have_left(session_at(START + timedelta(days=1)), late + 1)


def test_a_batch_that_is_never_written_leaves_nothing_to_write() -> None:
    sessions = Sessions({})
    sessions.remember(Source(ONE, 1), START_MS)
    sessions.drop_changes()
    assert sessions.take(START_MS) == ({}, [])


def test_the_state_behind_a_record_is_foretold_without_a_change() -> None:
    sessions = Sessions({ONE: SessionState(Seen(2), 7)})
    assert sessions.with_(Source(ONE, 3), 5) == SessionState(Seen(3), 7)
    assert sessions.with_(Source(OTHER, 1), 5) == SessionState(Seen(1), 5)
    assert sessions.states == {ONE: SessionState(Seen(2), 7)}
    assert sessions.take(9) == ({}, [])
