"""Runs a program that dies with the process that started it, because a supervisor killed with -9 cannot stop anything.

Used as a script, so that it starts in milliseconds and needs nothing installed: `tether.py PARENT_PID PROGRAM ...`.
The kernel's parent-death signal survives the exec; it is sent when the *thread* that started the program ends.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def tie(parent: int) -> None:
    """From now on this process dies with that one, which has started it. Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the tether was tied
            sys.exit(1)


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    tie(parent)
    try:
        os.execvp(command[0], command)  # noqa: S606  # this is what it is for; no shell is wanted
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
