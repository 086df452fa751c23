"""Starts the open-loop load; apart from it, so that the process that generates loads nothing that it does not need."""

import subprocess
import sys
from pathlib import Path

import msgspec

from bench.errors import BenchError
from bench.open_loop import Outcome
from bench.site import REPO


def in_a_process(url: str, body: Path, rate: float, seconds: float, *, grace_s: float) -> Outcome:
    """The load from a process of its own, which does nothing else. BenchError where it fails."""
    command = [sys.executable, "-m", "bench.open_loop", url, str(body), "--rate", str(rate), "--seconds", str(seconds)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=REPO, timeout=seconds + grace_s)
    if done.returncode:
        raise BenchError(f"the generator ended with {done.returncode}: {done.stderr[-1000:]}")
    return msgspec.json.decode(done.stdout, type=Outcome)
