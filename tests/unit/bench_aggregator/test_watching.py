"""What a process cost between two moments, from looks that never fall on them exactly."""

import os

import pytest

from bench.aggregator.watching import Look, Watch, resident_mib, watching

WATCH = Watch([Look(10.0, 1.0, 50.0), Look(12.0, 2.0, 90.0), Look(14.0, 5.0, 70.0)])


def test_cpu_time_between_looks_is_on_the_line_through_them() -> None:
    assert WATCH.cpu_s(11.0, 13.0) == pytest.approx(3.5 - 1.5)


def test_outside_of_what_was_seen_nothing_is_added() -> None:
    assert WATCH.cpu_s(0.0, 99.0) == pytest.approx(4.0)


def test_the_peak_is_the_highest_within_and_not_outside() -> None:
    assert WATCH.peak_mib(10.5, 13.0) == 90
    assert WATCH.peak_mib(13.0, 14.0) == pytest.approx(80)


def test_resident_memory_is_read_as_the_kernel_writes_it() -> None:
    assert resident_mib("Name:\tpython\nVmHWM:\t  999999 kB\nVmRSS:\t    2048 kB\n") == 2
    assert resident_mib("Name:\tgone\nState:\tZ (zombie)\n") is None


def test_a_process_is_looked_at_at_both_ends_however_short_the_block() -> None:
    with watching([os.getpid()]) as [watch]:
        pass
    assert len(watch.looks) >= 2
    assert all(look.rss_mib > 1 for look in watch.looks)


def test_a_process_that_is_gone_is_no_error() -> None:
    with watching([2**22 + 1]) as [watch]:
        pass
    assert watch.looks == []
