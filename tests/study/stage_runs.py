"""Runs a stage as its user does: as programs, over orders that were made for the test."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def command(*words: str, database: str | None = None) -> list[str]:
    return [sys.executable, "-m", "study", *words, *(["--database", database] if database else [])]


def run(*words: str, database: str | None = None) -> dict[str, Any]:
    """What the program says in its line of JSON."""
    done = subprocess.run(
        command(*words, database=database), check=False, capture_output=True, text=True, cwd=ROOT, timeout=240
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@contextmanager
def backend(stage: str, data: Path, database: str | None = None) -> Iterator[str]:
    """Serves; the URL."""
    words = command("serve", stage, "--data", str(data), "--port", "0", database=database)
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line, f"stage {stage} ended with {process.wait(timeout=60)} before it served"
            yield json.loads(line)["url"]
        finally:
            process.terminate()
            process.wait(timeout=60)
