"""Small programs that stand in for the parts of a stack, with real processes, signals and files."""

import sys
from pathlib import Path

from local.process import Part

# Says in a journal when it starts and when it is asked to end.
PROGRAM = """
import os, signal, sys, time
name, journal, folder = sys.argv[1:4]
def say(word):
    with open(journal, "a") as file:
        file.write(f"{word} {name}\\n")
def end(*_):
    say("end")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in name else end)
say("start")
print("a line of", name, flush=True)
if "dying" in name:
    sys.exit(70)
open(f"{folder}/{name}.ready", "w").close()
time.sleep(120)
"""


def stand_in(name: str, folder: Path, stop_within_s: float = 20) -> Part:
    """A part that is ready once it has made its file; `dying` and `stubborn` in its name do what they say."""

    def is_ready() -> bool:
        """Ready once for each time that the program made its file."""
        made = (folder / f"{name}.ready").exists()
        (folder / f"{name}.ready").unlink(missing_ok=True)
        return made

    command = (sys.executable, "-c", PROGRAM, name, str(folder / "journal"), str(folder))
    return Part(name, command, None, is_ready, stop_within_s=stop_within_s)


def journal(folder: Path) -> list[str]:
    path = folder / "journal"
    return path.read_text().splitlines() if path.exists() else []
