"""A process costs what it and its children took, as /proc says."""

from pathlib import Path

from bench.process_cost import cost

TICKS = 100


def process(proc: Path, pid: int, name: str, ticks: tuple[int, int, int, int], peak_kib: int, *children: int) -> None:
    folder = proc / str(pid)
    (folder / "task" / str(pid)).mkdir(parents=True)
    before = " ".join(["S", *("0" for _ in range(10))])
    (folder / "stat").write_text(f"{pid} ({name}) {before} {' '.join(map(str, ticks))} 20 0 1 0\n")
    (folder / "status").write_text(f"Name:\t{name}\nVmPeak:\t  999999 kB\nVmHWM:\t  {peak_kib} kB\n")
    (folder / "task" / str(pid) / "children").write_text(" ".join(map(str, children)))


def test_the_whole_tree_counts_with_children_that_have_ended(tmp_path: Path) -> None:
    process(tmp_path, 1, "master", (100, 50, 25, 25), 2048, 2)
    process(tmp_path, 2, "worker", (300, 0, 0, 0), 4096)

    found = cost(1, tmp_path)

    assert found.cpu_s == 500 / TICKS
    assert found.rss_mib == 6


def test_a_name_may_look_like_fields(tmp_path: Path) -> None:
    process(tmp_path, 7, "a) R 1 (b", (3, 4, 0, 0), 1024)

    assert cost(7, tmp_path).cpu_s == 7 / TICKS


def test_a_child_that_is_gone_costs_nothing(tmp_path: Path) -> None:
    process(tmp_path, 1, "master", (5, 0, 0, 0), 1024, 2)

    assert cost(1, tmp_path).rss_mib == 1
