"""An event is visible from the first look on that has its number, and not before."""

from bench.aggregator.visible import Progress, Reply

SOURCE = ("0195cb5e-0000-7000-8000-000000000000", 3)


def test_a_reply_is_read_from_its_line() -> None:
    assert Reply.from_line(f"1742881643.25 {SOURCE[0]}.3.17\n") == Reply(1742881643.25, SOURCE, 17)


def test_an_event_is_visible_at_the_first_look_that_includes_it() -> None:
    progress = Progress()
    for at, upto in ((1.0, 2), (2.0, 2), (3.0, 5)):
        progress.saw(at, SOURCE, upto)
    assert [progress.visible_at(SOURCE, seq) for seq in (1, 2, 3, 5, 6)] == [1.0, 1.0, 3.0, 3.0, None]


def test_another_partition_says_nothing() -> None:
    progress = Progress()
    progress.saw(1.0, (SOURCE[0], 4), 10)
    assert progress.visible_at(SOURCE, 1) is None


def test_ages_count_from_the_reply_and_never_below_nothing() -> None:
    progress = Progress()
    progress.saw(10.0, SOURCE, 2)
    replies = [Reply(9.5, SOURCE, 1), Reply(10.1, SOURCE, 2), Reply(9.0, SOURCE, 3)]
    assert progress.ages_s(replies) == [0.0, 0.5]
    assert not progress.all_seen(replies)
    assert progress.all_seen(replies[:2])
