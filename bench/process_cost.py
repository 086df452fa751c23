"""What a process and its children cost: CPU time and highest resident memory, as the kernel counted them.

The kernel's count does not depend on how busy the machine is, so that a cost per request can be compared even where
throughput cannot.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_KIB = 1024
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    cpu_s: float  # user and system, of the whole tree and of its children that ended
    rss_mib: float  # sum of each process's highest


def tree(pid: int, proc: Path = _PROC) -> Iterator[int]:
    """The process and all that descend from it and still run."""
    yield pid
    for task in (proc / str(pid) / "task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:  # the thread ended meanwhile
            continue
        for child in children:
            yield from tree(int(child), proc)


def cost(pid: int, proc: Path = _PROC) -> Cost:
    """Of the process tree up to now; nothing of what is gone."""
    cpu_s, rss_mib = 0.0, 0.0
    for each in tree(pid, proc):
        try:
            cpu_s += _cpu_s((proc / str(each) / "stat").read_text())
            rss_mib += mib((proc / str(each) / "status").read_text(), "VmHWM") or 0.0
        except OSError:  # ended meanwhile; its parent has its time, once it has waited for it
            continue
    return Cost(cpu_s, rss_mib)


def _cpu_s(stat: str) -> float:
    # The name in brackets may have spaces in it; the fields after it are counted from "state", which is field 3.
    fields = stat.rpartition(")")[2].split()
    return sum(int(fields[number - 3]) for number in (14, 15, 16, 17)) / _TICKS_PER_S


def mib(status: str, field: str) -> float | None:
    """A size in /proc/PID/status; None for a kernel thread, or a process that is just ending."""
    line = next((line for line in status.splitlines() if line.startswith(f"{field}:")), None)
    return None if line is None else int(line.split()[1]) / _KIB
