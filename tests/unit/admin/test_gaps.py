"""Whether the next record of a partition is gone, and where counting may go on."""

from datetime import UTC, datetime
from typing import Any

import pytest

from admin.gaps import Cause, Gap, Place, find
from admin.refusal import RefusalError
from admin.topic_log import Bounds
from aggregator.records import Record

AT = datetime(2025, 3, 25, tzinfo=UTC)


def place(next_offset: int, stopped: str | None = "gap in the log", leader_epoch: int | None = 3) -> Place:
    return Place(next_offset, leader_epoch, AT, stopped)


def record(offset: int, leader_epoch: int | None = 3) -> Record:
    return Record(offset, 0, leader_epoch, None, b"")


@pytest.mark.parametrize(
    ("position", "bounds", "first", "expected"),
    [
        (5, Bounds(8, 12), record(8), Gap(Cause.RETENTION, 5, 8, 8, 12)),
        (5, Bounds(8, 12), record(9), Gap(Cause.RETENTION, 5, 9, 9, 12)),
        (5, Bounds(8, 8), None, Gap(Cause.RETENTION, 5, 8, 8, 8)),
        (5, Bounds(0, 12), record(7), Gap(Cause.MISSING, 5, 7, 7, 12)),
        (5, Bounds(0, 12), None, Gap(Cause.MISSING, 5, 12, 12, 12)),
        (20, Bounds(2, 12), None, Gap(Cause.SHORTER, 20, 2, 12, 12)),
    ],
)
def test_what_is_gone_is_named(position: int, bounds: Bounds, first: Record | None, expected: Gap) -> None:
    assert find(place(position), bounds, first, bounds.start) == expected


@pytest.mark.parametrize("epoch", [2, 4])
def test_a_record_of_another_leader_at_a_stopped_position_means_that_the_log_was_rewritten(epoch: int) -> None:
    found = find(place(5, "leader epoch went back"), Bounds(1, 12), record(5, epoch), 1)
    assert found == Gap(Cause.REWRITTEN, 5, 1, 12, 12)
    assert found.goes_back


@pytest.mark.parametrize(
    ("at", "first", "reason"),
    [
        (place(5), record(5), "is there: nothing to accept"),
        (place(5, "newer schema"), record(5, 4), "is there: nothing to accept"),
        (place(5, leader_epoch=None), record(5, 4), "is there: nothing to accept"),
        (place(12), None, "nothing is missing"),
    ],
)
def test_where_there_is_no_gap_there_is_nothing_to_accept(at: Place, first: Record | None, reason: str) -> None:
    with pytest.raises(RefusalError, match=reason):
        find(at, Bounds(0, 12), first, 0)


AHEAD = Gap(Cause.RETENTION, 5, 8, 8, 12)
BACK = Gap(Cause.SHORTER, 20, 2, 12, 12)


@pytest.mark.parametrize(
    ("gap", "wanted", "offset"),
    [
        (AHEAD, "start", 8),
        (AHEAD, 8, 8),
        (Gap(Cause.RETENTION, 5, 8, 8, 8), "end", 8),
        (BACK, "start", 2),
        (BACK, "end", 12),
        (BACK, 7, 7),
    ],
)
def test_counting_goes_on_where_nothing_is_lost_that_is_there(gap: Gap, wanted: Any, offset: int) -> None:
    assert gap.at(wanted) == offset


@pytest.mark.parametrize(
    ("gap", "wanted", "reason"),
    [
        (AHEAD, "end", "would lose them: --to start goes on at 8"),
        (AHEAD, 9, "never counted"),
        (AHEAD, 6, "there is no record between 6 and 7"),
        (BACK, 1, "would be counted twice"),
        (BACK, 13, "between 2 and 12"),
    ],
)
def test_a_place_that_would_lose_or_double_records_is_refused(gap: Gap, wanted: Any, reason: str) -> None:
    with pytest.raises(RefusalError, match=reason):
        gap.at(wanted)
