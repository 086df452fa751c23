"""All is well only when every promise is in the log, the log up to there is folded, and every process is ready."""

from dataclasses import replace

from tests.prove.watch import Recovery, Sample

ENDS, BEHIND = {0: 10, 1: 20}, {0: 10, 1: 19}
WELL = Sample(at=5.0, ready=True, ends=ENDS, positions=ENDS)
SEEN = {"a", "b"}


def recovery() -> Recovery:
    return Recovery(["a", "b"], since=4.0)


def test_everything_in_place_is_well() -> None:
    assert recovery().is_over(WELL, SEEN)


def test_look_that_began_before_says_nothing() -> None:
    assert not recovery().is_over(replace(WELL, at=3.0), SEEN)


def test_promise_that_is_not_in_the_log_is_not_well() -> None:
    assert not recovery().is_over(WELL, {"a"})


def test_log_that_is_not_folded_is_not_well_and_records_that_came_later_do_not_matter() -> None:
    waiting = recovery()
    assert not waiting.is_over(replace(WELL, positions=BEHIND), SEEN)
    assert waiting.is_over(replace(WELL, ends={0: 99, 1: 99}, positions=ENDS), SEEN)


def test_process_that_is_not_ready_is_not_well() -> None:
    assert not recovery().is_over(replace(WELL, ready=False), SEEN)


def test_what_does_not_answer_is_not_well() -> None:
    assert not recovery().is_over(replace(WELL, ends=None), SEEN)
    assert not recovery().is_over(replace(WELL, positions=None), SEEN)


def test_lag_is_what_the_documents_lack() -> None:
    assert replace(WELL, positions=BEHIND).lag == 1
    assert replace(WELL, positions={0: 11, 1: 21}).lag == 0
    assert replace(WELL, positions=None).lag is None
